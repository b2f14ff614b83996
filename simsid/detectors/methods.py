"""The kit's own methods. ``registry`` imports this file when somebody asks for a method."""

# Importing a detector registers it; the order here is the order in help texts and tables.
from simsid.detectors import simsid, squid, simsid_report  # noqa: I001, F401
from simsid.detectors import region_patchcore, msacl_padim, msacl_igd, gan_localiser  # noqa: F401
from simsid.detectors import patchcore, padim, igd  # noqa: F401
from simsid.detectors import memae, ae, vae, mnad, ganomaly, f_anogan, riad, cutpaste  # noqa: F401
from simsid.detectors import references  # noqa: F401
