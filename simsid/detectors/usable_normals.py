"""Which of somebody's normal films may set a threshold: those alone that the threshold will judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool

from simsid.detectors.base import Detector
from simsid.detectors.findings import ANOTHER, Finding, reason_of
from simsid.detectors.recalibrated import of_another_population

_BATCH = 64
SEEN = (
    "in this model's training: such films score lower than new ones, so a threshold from them would "
    "be too low and call more normals unusual than stated"
)
_NOT_OF_THESE = (
    "of another population than the model's own: without --same-populations they may become one"
)


@dataclass(frozen=True)
class UsableNormals:
    """Which films may be calibrated on, and why the others may not.

    Attributes:
        kept: of each film. left_out: how many films are left out for each reason, most first.
    """

    kept: Bool[np.ndarray, " n"]
    left_out: dict[str, int]


def usable_normals(
    detector: Detector, images: torch.Tensor, same_populations: bool = False, seen: bool = False
) -> UsableNormals:
    """Leave out films that a model recalibrated on these would give no verdict, and those of its training.

    A threshold holds for films that are drawn as its normals were. Films that the placement check
    refuses or doubts, and lateral views, never get a verdict, so they set none. Films of another
    population are what a recalibration for a new one is made from; where the model keeps its own
    populations (``same_populations``), they will get no verdict and are left out, too.

    Films that training saw score lower than new ones, and are left out by a model that knows them;
    models of before do not.

    Args:
        images: (n, 1, height, width) at the detector's size, float in [0, 1].
        seen: whether films of its training may be among them, for whoever sets no threshold.
    """
    reasons = _reasons(detector, images, same_populations)
    if not seen:
        for index in np.flatnonzero(seen_in_training(detector, images[:, 0].cpu().numpy())):
            reasons[index] = reasons[index] or SEEN
    counted = Counter(reason for reason in reasons if reason)
    return UsableNormals(
        np.array([not each for each in reasons], bool), dict(counted.most_common())
    )


def seen_in_training(detector: Detector, images: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Which of these (n, height, width) prepared films training saw; none where that is not known."""
    films = detector.training_films
    return np.zeros(len(images), bool) if films is None else films.seen(images)


def _reasons(detector: Detector, images: torch.Tensor, same_populations: bool) -> list[str]:
    """Why each film gets no verdict; '' where it gets one."""
    reasons: list[str] = []
    for part in images.split(_BATCH):
        batch = part.to(detector.device)
        placed = detector.placement.findings(batch)
        like = of_another_population(detector, batch)
        reasons += [
            _reason([*one, *two], same_populations) for one, two in zip(placed, like, strict=True)
        ]
    return reasons


def left_out_in_words(left_out: Mapping[str, int]) -> str:
    """'3 are out of place (noise): …; 1 is …', a part for each reason; '' where there is none."""
    return "; ".join(
        f"{count} {'is' if count == 1 else 'are'} {reason}" for reason, count in left_out.items()
    )


def _reason(findings: list[Finding], same_populations: bool) -> str:
    """Why a film is left out; '' where it is not."""
    for finding in findings:
        if finding.severity != ANOTHER:
            return reason_of(finding)
        if same_populations:
            return _NOT_OF_THESE
    return ""


def get_a_verdict(detector: Detector, images: torch.Tensor) -> Bool[np.ndarray, " n"]:
    """Which prepared films, normal or not, the model gives a verdict: those without any doubt.

    Args:
        images: as of ``usable_normals``.
    """
    return np.array([not each for each in _reasons(detector, images, True)], bool)
