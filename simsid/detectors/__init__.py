"""Methods behind one contract: fit on normals, predict, save, load."""

from simsid.detectors.base import Detector
from simsid.detectors.calibration import Calibration
from simsid.detectors.contract import Evidence, Explanation, Player, Stage
from simsid.detectors.model_folder import load_model, save_model
from simsid.detectors.registry import detector_class, detector_names, register

# isort: split
# Importing a detector registers it; the order here is the order in help texts and tables.
from simsid.detectors import simsid, squid, simsid_report, memae, ae, references, vae, patchcore, region_patchcore, padim, msacl_padim, igd, msacl_igd, gan_localiser, mnad, ganomaly, cutpaste, riad, f_anogan  # noqa: I001, F401

__all__ = [
    "Calibration",
    "Detector",
    "Evidence",
    "Explanation",
    "Player",
    "Stage",
    "detector_class",
    "detector_names",
    "load_model",
    "register",
    "save_model",
]
