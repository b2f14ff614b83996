"""A model's examination: AUROC of each of its scores by family and strength of made anomalies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from simsid.detectors.base import FUSED, Detector
from simsid.examination.families import FAMILIES, STRENGTHS, change_films

LEAST = 20  # normals: fewer say nothing
_MOST = 48
_STRONG = "strong"


@dataclass(frozen=True)
class Examination:
    """What a detector's scores make of anomalies that were made from normals.

    Attributes:
        normals: how many films were changed, and compared with as they are.
        practised: families like those that the method was trained with: they flatter.
        auroc: by score, family and strength.
        added: components that the default score took up because of what the others did not see.
    """

    normals: int
    practised: tuple[str, ...]
    auroc: Mapping[str, Mapping[str, Mapping[str, float]]]
    added: tuple[str, ...] = ()

    @property
    def judging(self) -> tuple[str, ...]:
        """Families that the method was not trained with."""
        return tuple(family for family in FAMILIES if family not in self.practised)

    def strong(self, score: str, family: str) -> float:
        """AUROC of one score for strong anomalies of a family."""
        return self.auroc[score][family][_STRONG]

    def mean(self, score: str) -> float:
        """Mean AUROC over the judging families and all strengths."""
        values = [self.auroc[score][family][s] for family in self.judging for s in STRENGTHS]
        return float(np.mean(values))

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Examination:
        """From what ``to_json`` gave."""
        return cls(
            int(content["normals"]),
            tuple(content["practised"]),
            content["auroc"],
            tuple(content.get("added", ())),
        )


def examine(detector: Detector, normals: np.ndarray, seed: int = 0) -> Examination | None:
    """Make anomalies of every family and strength, and score them; None for fewer than 20 normals.

    Args:
        normals: (n, height, width) films that training never saw; at most 48 of them are used.

    Raises:
        ValueError: the detector is not calibrated, or the normals do not fit it.
    """
    if len(normals) < LEAST:
        return None
    chosen = np.random.default_rng(seed).permutation(len(normals))[:_MOST]
    films = detector.as_batch(normals[np.sort(chosen)])
    as_they_are = detector.predict(films).scores
    auroc: dict[str, dict[str, dict[str, float]]] = {
        score: {family: {} for family in FAMILIES} for score in as_they_are
    }
    for index, family in enumerate(FAMILIES):
        for strength in STRENGTHS:
            changed = change_films(films, family, strength, seed + index)
            for score, values in detector.predict(changed).scores.items():
                auroc[score][family][strength] = _auroc(as_they_are[score], values)
    return Examination(len(films), detector.practised_families(), auroc)


def _auroc(normal: np.ndarray, changed: np.ndarray) -> float:
    labels = np.repeat([0, 1], [len(normal), len(changed)])
    return round(float(roc_auc_score(labels, np.concatenate([normal, changed]))), 4)


def parts_of(detector: Detector) -> tuple[str, ...]:
    """The scores that the default score may be put together from."""
    return tuple(name for name in detector.score_names if name != FUSED)
