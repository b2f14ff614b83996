"""Methods behind one contract: fit on normals, predict, save, load."""

from typing import TYPE_CHECKING, Any

from simsid.lazy import imported

if TYPE_CHECKING:
    from simsid.detectors.base import Detector
    from simsid.detectors.calibration import Calibration
    from simsid.detectors.config import DetectorConfig
    from simsid.detectors.contract import Evidence, Explanation, Player, Stage
    from simsid.detectors.method import Batches
    from simsid.detectors.model_folder import load_model, save_model
    from simsid.detectors.registry import detector_class, detector_names, register

_HOMES = {
    **{"Detector": "base", "Calibration": "calibration", "DetectorConfig": "config"},
    **dict.fromkeys(("Evidence", "Explanation", "Player", "Stage"), "contract"),
    "Batches": "method",
    **dict.fromkeys(("load_model", "save_model"), "model_folder"),
    **dict.fromkeys(("detector_class", "detector_names", "register"), "registry"),
}

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


def __getattr__(name: str) -> Any:
    return imported(__name__, _HOMES, name)
