"""What a model's score is made of, in plain sentences: not every model scores what it rebuilds."""

from __future__ import annotations

from simsid.detectors import Detector
from simsid.detectors.residual import RECONSTRUCTION
from simsid.detectors.simsid_config import CONTEXT_DISTANCE, LESION
from simsid.detectors.space_aware import FEATURE_DISTANCE
from simsid.shares import in_percent

_NETWORK = "a network that learned to find lesions painted into normal films"
_ILLUSTRATION = (
    "The rebuilt picture and the most similar normal places are an illustration: they have no share "
    "in the score."
)
_BOTH_SEEN = "That network sees the film and its rebuilt picture side by side."


def shares(detector: Detector) -> dict[str, float]:
    """The components of the default score that have a share in it, the largest first."""
    pairs = zip(detector.components, detector.fusion_weights().tolist(), strict=True)
    return dict(sorted(((k, v) for k, v in pairs if v), key=lambda pair: -pair[1]))


def scored_by(detector: Detector) -> str:
    """What drives the default score of a model."""
    parts = shares(detector)
    lesions = parts.pop(LESION, 0.0)
    rest = ", ".join(name.replace("_", " ") for name in parts)
    if lesions and rest:
        lead = f"{in_percent(lesions, 0)} of the score come from {_NETWORK}, the rest from: {rest}."
    elif lesions:
        lead = f"The score comes from {_NETWORK}."
    elif list(parts) == [FEATURE_DISTANCE]:
        return "The score says how far the regions lie from the normal patterns that the model remembers."
    else:
        return f"The score comes from: {rest}."
    if CONTEXT_DISTANCE not in detector.components:  # networks that read the rebuilt picture
        return f"{lead} {_BOTH_SEEN}"
    return lead if rebuilt_has_a_share(detector) else f"{lead} {_ILLUSTRATION}"


def seen_in_training(detector: Detector) -> str:
    """What a model has seen: normals, and for some lesions painted into them."""
    painted = " and lesions painted into them" if LESION in detector.components else ""
    return f"The model has never seen anything but normals{painted}"


def rebuilt_has_a_share(detector: Detector) -> bool:
    """Whether what memory makes of a film, or how far it lies from memory, counts in the score."""
    return bool({FEATURE_DISTANCE, RECONSTRUCTION} & shares(detector).keys())


def reconstruction_counts(detector: Detector) -> bool:
    """Whether the picture that a model rebuilds counts in the score, by itself or as what a part reads."""
    read = LESION in shares(detector) and CONTEXT_DISTANCE not in detector.components
    return read or rebuilt_has_a_share(detector)


def reasons(detector: Detector) -> str:
    """What the pictures of 'Why?' show of a model with a memory, and whether they are the reason."""
    seen = seen_in_training(detector)
    if LESION in shares(detector) or not rebuilt_has_a_share(detector):
        return f"{seen}. {scored_by(detector)}"
    return f"{seen}: it rebuilds the region from the normal patterns that it remembers there."
