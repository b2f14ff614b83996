"""Methods behind one contract: fit on normals, predict, save, load."""

from simsid.detectors.base import Detector
from simsid.detectors.calibration import Calibration
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence, Explanation, Player, Stage
from simsid.detectors.method import Batches
from simsid.detectors.model_folder import load_model, save_model
from simsid.detectors.registry import detector_class, detector_names, register

# isort: split
# Importing a detector registers it; the order here is the order in help texts and tables.
from simsid.detectors import simsid, squid, simsid_report  # noqa: I001, F401
from simsid.detectors import region_patchcore, msacl_padim, msacl_igd, gan_localiser  # noqa: F401
from simsid.detectors import patchcore, padim, igd  # noqa: F401
from simsid.detectors import memae, ae, vae, mnad, ganomaly, f_anogan, riad, cutpaste  # noqa: F401
from simsid.detectors import references  # noqa: F401

__all__ = [
    "Batches",
    "Calibration",
    "Detector",
    "DetectorConfig",
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
