"""Which of somebody's normal films may set a threshold: those that it will judge, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool

from simsid.detectors.base import Detector
from simsid.detectors.findings import ANOTHER, Finding, reason_of
from simsid.detectors.recalibrated import of_another_population
from simsid.detectors.training_films import film_hashes

_BATCH = 64
SEEN = (
    "in this model's training: such films score lower than new ones, so a threshold from them would "
    "be too low and call more normals unusual than stated"
)
_SAME_AS = "the same film as "
_COPY = f"{_SAME_AS}another of these"
_NAMED = 3  # films with copies that are told by name; of more, none is
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
    detector: Detector,
    images: torch.Tensor,
    same_populations: bool = False,
    seen: bool = False,
    names: Sequence[str] = (),
) -> UsableNormals:
    """Leave out what a model recalibrated on these would give no verdict, training films, and copies.

    A threshold holds for films that are drawn as its normals were. Films that the placement check
    refuses or doubts, and lateral views, never get a verdict, so they set none. Films of another
    population are what a recalibration for a new one is made from; where the model keeps its own
    populations (``same_populations``), they will get no verdict and are left out, too.

    Films that training saw score lower than new ones, and are left out by a model that knows them;
    models of before do not. Films with the same pixels are one film, and the first of them counts:
    how sure a threshold is follows from how many films it was drawn from.

    Args:
        images: (n, 1, height, width) at the detector's size, float in [0, 1].
        seen: whether films of its training, and copies, may be among them, for whoever sets no
            threshold.
        names: of all films, to tell whose copy one is; empty: films have no names.
    """
    reasons = _reasons(detector, images, same_populations)
    if not seen:
        films = images[:, 0].cpu().numpy()
        for index in np.flatnonzero(seen_in_training(detector, films)):
            reasons[index] = reasons[index] or SEEN
        _leave_out_copies(reasons, films, names)
    counted = Counter(reason for reason in reasons if reason)
    return UsableNormals(
        np.array([not each for each in reasons], bool), dict(counted.most_common())
    )


def seen_in_training(detector: Detector, images: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Which of these (n, height, width) prepared films training saw; none where that is not known."""
    films = detector.training_films
    return np.zeros(len(images), bool) if films is None else films.seen(images)


def _leave_out_copies(reasons: list[str], films: np.ndarray, names: Sequence[str]) -> None:
    """Give each usable film that an earlier usable one equals its reason."""
    first: dict[int, int] = {}
    copies: dict[int, int] = {}  # of which film each is one
    for index, told in enumerate(film_hashes(films).tolist()):
        if not reasons[index] and first.setdefault(told, index) != index:
            copies[index] = first[told]
    by_name = names and len(set(copies.values())) <= _NAMED
    for index, original in copies.items():
        reasons[index] = f"{_SAME_AS}{names[original]}" if by_name else _COPY


def without_names(left_out: Mapping[str, int]) -> dict[str, int]:
    """The same reasons for a model folder that may be shared: whose copy a film was is not told."""
    told: Counter[str] = Counter()
    for reason, count in left_out.items():
        told[_COPY if reason.startswith(_SAME_AS) else reason] += count
    return dict(told.most_common())


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
