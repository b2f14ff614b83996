"""Out of place: is this picture of the kind that the model was trained on at all?"""

from simsid.detectors.placement.check import PlacementCheck
from simsid.detectors.placement.features import shrink
from simsid.detectors.placement.fit import fit_placement

__all__ = ["PlacementCheck", "fit_placement", "shrink"]
