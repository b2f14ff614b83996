"""The kit's own methods. ``registry`` imports this file when somebody asks for a method."""

from simsid.detectors import (
    ae,
    cutpaste,
    f_anogan,
    gan_localiser,
    ganomaly,
    igd,
    memae,
    mnad,
    msacl_igd,
    msacl_padim,
    padim,
    patchcore,
    references,
    region_patchcore,
    riad,
    simsid,
    simsid_report,
    squid,
    vae,
)

# Importing a detector registers it. The order in help texts and tables:
_ORDER = (
    *(simsid, squid, simsid_report),
    *(region_patchcore, msacl_padim, msacl_igd, gan_localiser),
    *(patchcore, padim, igd),
    *(memae, ae, vae, mnad, ganomaly, f_anogan, riad, cutpaste),
    references,
)
PLACE = {module.__name__: place for place, module in enumerate(_ORDER)}
