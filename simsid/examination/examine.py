"""A model's examination: AUROC of each of its scores by family and strength of made anomalies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from simsid.detectors.base import FUSED, Detector
from simsid.examination import LEAST
from simsid.examination.families import FAMILIES, STRENGTHS, change_films, changed_places

_MOST = 48
_RESAMPLES, _SURE = 400, 0.99
_STRONG = "strong"


@dataclass(frozen=True)
class Examination:
    """What a detector's scores make of anomalies that were made from normals.

    Attributes:
        normals: how many films were changed, and compared with as they are.
        practised: families like those that the method was trained with: they flatter.
        auroc: by score, family and strength.
        added: components that the default score took up because of what the others did not see.
        ahead: of each other score, how far its mean over the judging families and all strengths
            is ahead of the default score's, as the lower end of a 99 % bootstrap interval over
            the films.
        hottest: by family, share of films with strong anomalies whose map is hottest where the
            film was changed. covered: share of a film that was changed: what a random point hits.
    """

    normals: int
    practised: tuple[str, ...]
    auroc: Mapping[str, Mapping[str, Mapping[str, float]]]
    added: tuple[str, ...] = ()
    ahead: Mapping[str, float] = dataclasses.field(default_factory=dict)
    hottest: Mapping[str, float] = dataclasses.field(default_factory=dict)
    covered: Mapping[str, float] = dataclasses.field(default_factory=dict)

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
            content.get("ahead", {}),
            content.get("hottest", {}),
            content.get("covered", {}),
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
    practised = detector.practised_families()
    wins: dict[str, list[np.ndarray]] = {score: [] for score in as_they_are}
    hottest: dict[str, float] = {}
    covered: dict[str, float] = {}
    for index, family in enumerate(FAMILIES):
        for strength in STRENGTHS:
            changed = change_films(films, family, strength, seed + index, detector.grid_size)
            found = detector.predict(changed)
            if strength == _STRONG:
                places = changed_places(films, changed).numpy()
                hottest[family] = _hits(found.anomaly_map[:, 0], places)
                covered[family] = round(float(places.mean()), 4)
            for score, values in found.scores.items():
                won = _wins(as_they_are[score], values)
                auroc[score][family][strength] = round(float(won.mean()), 4)
                if family not in practised:
                    wins[score].append(won)
    own = np.mean(wins.pop(FUSED), 0)
    ahead = {score: _lower_end(np.mean(won, 0) - own, seed) for score, won in wins.items()}
    return Examination(len(films), practised, auroc, ahead=ahead, hottest=hottest, covered=covered)


def _hits(
    maps: Float[np.ndarray, "n height width"], places: Bool[np.ndarray, "n height width"]
) -> float:
    """Share of maps whose hottest point lies in its place; of a plateau, the share that does."""
    tops = maps == maps.max((1, 2), keepdims=True)
    inside = (tops & places).sum((1, 2)) / tops.sum((1, 2))
    return round(float(inside.mean()), 4)


def _wins(
    normal: Float[np.ndarray, " n"], changed: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n n"]:
    """1 where a changed film scores above a normal one, half where they are equal; mean: AUROC."""
    higher = changed[:, None] > normal
    return higher + 0.5 * (changed[:, None] == normal)


def _lower_end(difference: Float[np.ndarray, "n n"], seed: int) -> float:
    """Of the 99 % interval of the mean difference, films being drawn anew with their changes."""
    rng, count = np.random.default_rng(seed), len(difference)
    drawn = rng.multinomial(count, np.full(count, 1 / count), _RESAMPLES) / count
    means = np.einsum("ri,ij,rj->r", drawn, difference, drawn, optimize=True)
    return round(float(np.quantile(means, (1 - _SURE) / 2)), 4)


def parts_of(detector: Detector) -> tuple[str, ...]:
    """The scores that the default score may be put together from."""
    return tuple(name for name in detector.score_names if name != FUSED)
