"""Out of place: is this picture of the kind that the model was trained on at all?"""

from simsid.detectors.placement.check import PlacementCheck
from simsid.detectors.placement.features import shrink

__all__ = ["PlacementCheck", "shrink"]
