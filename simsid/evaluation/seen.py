"""Whether a part that is measured holds films that the model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simsid.data.datasets import LabelledImages
from simsid.detectors.base import Detector
from simsid.detectors.usable_normals import seen_in_training


def seen_of(detector: Detector, labelled: LabelledImages) -> dict[str, list[int]] | None:
    """How many normals and abnormals of a part training saw, of how many; None where it is not known."""
    if detector.training_films is None:
        return None
    seen = seen_in_training(detector, labelled.images)
    told = {"normals": labelled.labels == 0, "abnormals": labelled.labels == 1}
    return {name: [int(seen[own].sum()), int(own.sum())] for name, own in told.items()}


def seen_told(seen: Mapping[str, Sequence[int]] | None) -> str:
    """A sentence where a part holds films that training saw; '' where it holds none, or none is known.

    Args:
        seen: as ``seen_of`` gives it.
    """
    found = [f"{n} of the {total} {name}" for name, (n, total) in (seen or {}).items() if n]
    if not found:
        return ""
    return (
        f"{' and '.join(found)} were in this model's training, and such films score lower than new "
        "ones: these numbers do not hold for new films; measure without them"
    )
