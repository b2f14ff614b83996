"""What tells normal from abnormal without looking at anatomy.

Each shortcut is one number a film, and its AUROC says how well that number alone would do: a
detector that does no better has learned nothing about disease. 0.5 is chance, and 0.3 is as
telling as 0.7. A category (view, sex, source) is scored by the share of abnormal films that it
has among these very films, so its AUROC cannot fall below 0.5; ``chance`` is the 95th percentile
of the same under shuffled labels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from simsid.data.checks.looks import Looks
from simsid.resampling import auroc_interval

LABELLED = ("validation", "test")
_NOT_SHORTCUTS = {"findings"}  # what the label was made from
_MOST_GROUPS = 20
_SHUFFLES = 1000
_NUMERIC_FROM = 10  # distinct numbers


@dataclass(frozen=True)
class Shortcut:
    """One row of the table.

    Attributes:
        name: of the number or the attribute.
        films: 'labelled' for validation and test, 'all' for every film, the pool included.
        normals, abnormals: counts of films where it is known.
        auroc, interval: higher = more abnormal; 95 % bootstrap interval.
        chance: for a category, what shuffled labels reach in one of twenty cases; else None.
        rates: for a category, the share of abnormal films in each.
    """

    name: str
    films: str
    normals: int
    abnormals: int
    auroc: float
    interval: tuple[float, float]
    chance: float | None = None
    rates: dict[str, float] | None = None

    @property
    def tells(self) -> bool:
        """Whether it is beyond chance."""
        if self.chance is not None:
            return self.auroc > self.chance
        return not self.interval[0] <= 0.5 <= self.interval[1]

    def to_json(self) -> dict[str, object]:
        return asdict(self) | {"tells": self.tells}


def find_shortcuts(looks: Looks) -> list[Shortcut]:
    """Every shortcut on the labelled parts, and on all films, where there are both classes."""
    parts = np.array([film.part for film in looks.films])
    everything = np.ones(len(parts), bool)
    found = []
    for films, chosen in (("labelled", np.isin(parts, LABELLED)), ("all", everything)):
        numbers = {
            "mean grey": looks.mean,
            "contrast (std)": looks.contrast,
            "aspect ratio (width / height)": looks.width / looks.height,
            "width": looks.width,
            "height": looks.height,
        }
        if films == "labelled":
            numbers["32-px nearest training normal"] = _nearest(looks, parts == "train")
        rows = [_of_number(name, films, looks, chosen, value) for name, value in numbers.items()]
        rows += [_of_attribute(name, films, looks, chosen) for name in _attributes(looks)]
        found += [row for row in rows if row is not None]
    return found


def _attributes(looks: Looks) -> list[str]:
    names = {name for film in looks.films for name in film.attributes}
    return sorted(names - _NOT_SHORTCUTS)


def _labels(looks: Looks) -> np.ndarray:
    return np.array([film.label for film in looks.films])


def _of_number(
    name: str, films: str, looks: Looks, chosen: np.ndarray, values: np.ndarray
) -> Shortcut | None:
    known = chosen & np.isfinite(values)
    labels, values = _labels(looks)[known], np.asarray(values, float)[known]
    if len(np.unique(labels)) < 2:
        return None
    return Shortcut(
        name,
        films,
        int((labels == 0).sum()),
        int((labels == 1).sum()),
        float(roc_auc_score(labels, values)),
        auroc_interval(labels, values),
    )


def _of_attribute(name: str, films: str, looks: Looks, chosen: np.ndarray) -> Shortcut | None:
    texts = np.array([film.attributes.get(name, "") for film in looks.films])
    numbers = _as_numbers(texts)
    if numbers is not None:
        return _of_number(name, films, looks, chosen, numbers)
    labels, texts = _labels(looks)[chosen], texts[chosen]
    groups, member = np.unique(texts, return_inverse=True)
    if len(np.unique(labels)) < 2 or not 2 <= len(groups) <= _MOST_GROUPS:
        return None
    sizes, abnormals = np.bincount(member), np.bincount(member, labels).astype(int)
    # Labels dealt anew to the same groups: how well would their best order do by luck?
    dealt = np.random.default_rng(0).multivariate_hypergeometric(
        sizes, abnormals.sum(), size=_SHUFFLES
    )
    rates = abnormals / sizes
    return Shortcut(
        name,
        films,
        int((labels == 0).sum()),
        int((labels == 1).sum()),
        _best_auroc(sizes, abnormals),
        auroc_interval(labels, rates[member]),
        float(np.quantile([_best_auroc(sizes, row) for row in dealt], 0.95)),
        {str(group) or "unknown": float(r) for group, r in zip(groups, rates, strict=True)},
    )


def _best_auroc(sizes: np.ndarray, abnormals: np.ndarray) -> float:
    """AUROC of groups ordered by their own share of abnormal films; ties count half."""
    order = np.argsort(abnormals / sizes, kind="stable")
    hits, normals = abnormals[order], (sizes - abnormals)[order]
    below = np.cumsum(normals) - normals
    return float((hits * (below + normals / 2)).sum() / (hits.sum() * normals.sum()))


def _as_numbers(texts: np.ndarray) -> np.ndarray | None:
    """(n,) numbers, NaN where unknown; None when this is no number."""
    try:
        numbers = np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return None
    return numbers if len(np.unique(numbers[np.isfinite(numbers)])) > _NUMERIC_FROM else None


def _nearest(looks: Looks, train: np.ndarray) -> np.ndarray:
    """(n,) distance of each thumbnail to the nearest training normal; NaN for training itself."""
    memory = looks.thumbs[train]
    distances = np.full(len(looks.films), np.nan)
    squares = (memory**2).sum(1)
    for number in np.flatnonzero(~train):
        thumb = looks.thumbs[number]
        distances[number] = ((thumb**2).sum() - 2 * memory @ thumb + squares).min()
    return np.sqrt(np.maximum(distances, 0))
