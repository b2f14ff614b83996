"""Out of place: is this picture of the kind that the model was trained on at all?"""

from simsid.detectors.placement.check import REFUSE, WARN, Finding, PlacementCheck
from simsid.detectors.placement.features import shrink

__all__ = ["REFUSE", "WARN", "Finding", "PlacementCheck", "shrink"]
