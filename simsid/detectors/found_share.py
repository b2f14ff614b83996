"""Which share of abnormal films each threshold of a model found, where its card says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simsid.detectors.calibration import Calibration

SENSITIVITY_ROW = "sensitivity at the threshold"  # as the card calls it
_LONGEST = 1_000_000  # characters of a card that are read
_ROUNDED = 6e-4  # thresholds stand in the card with three decimals
_AT = r"sensitivity at the (former )?threshold"  # the former one: of a model recalibrated since
_SHARE = re.compile(rf"^\| {_AT} \| ([01]\.\d+) \|$", re.MULTILINE)
_EACH = re.compile(rf"^\| {_AT}, .{{1,200}} \(n = (\d{{1,7}})\) \| (\S{{1,9}}) \|$", re.MULTILINE)
_FILMS = re.compile(
    r"^On \d+ normal and (\d{1,7}) abnormal images of ([^\n()]{1,80}?) \(data .*?"
    r"Measured on the (test|validation) part",
    re.MULTILINE,
)
_THRESHOLDS = re.compile(r"^## Threshold\n\n(.{1,2000}?), from \d+ normals", re.MULTILINE)
_NUMBER = re.compile(r"(?:^|, )(-?\d+\.\d+)")


@dataclass(frozen=True)
class FoundShare:
    """What was measured at one threshold of the card: on the abnormal films that it judges.

    Attributes:
        share: of the abnormal films, those above the threshold; in [0, 1].
        abnormals: how many there were.
        data: whose films, and of which part; of a model of several populations, of which part.
        thresholds: of each population, as the card rounds them.
    """

    share: float
    abnormals: int
    data: str
    thresholds: tuple[float, ...]

    def holds_for(self, calibration: Calibration, name: str, population: int = 0) -> bool:
        """Whether the threshold of this population is still the one that this was measured at.

        Those of others may have moved: which films a population judges is told by their looks.
        """
        same = same_thresholds(self.thresholds, calibration, name)
        return same[population : population + 1] == [True]


def same_thresholds(stated: Sequence[float], calibration: Calibration, name: str) -> list[bool]:
    """Of each population, whether its threshold is still the one that a card states.

    Cards round to three decimals, and former ones state the calibration score itself, without
    ``Calibration.tie``. None is where the card states another number of them.
    """
    count = len(calibration.names)
    if len(stated) != count:
        return [False] * count
    now = [(calibration.threshold(name, i), calibration.tie(name, i)) for i in range(count)]
    return [abs(a - b) < _ROUNDED + tie for (a, tie), b in zip(now, stated, strict=True)]


def stated_thresholds(card: str) -> tuple[float, ...]:
    """The thresholds that a card of the kit tells, of each population; () where it tells none."""
    found = _THRESHOLDS.search(card)
    return tuple(map(float, _NUMBER.findall(found[1]))) if found else ()


def population_row(population: str, abnormals: int) -> str:
    """How the card calls the share that the threshold of one of several populations found."""
    return f"{SENSITIVITY_ROW}, {population} (n = {abnormals})"


def found_shares(card: Path) -> tuple[FoundShare | None, ...]:
    """Read them from a model card of the kit: of each population, in the model's order.

    None stands for a population that no abnormal film was judged by, or whose threshold was set
    anew since. Empty where there is no card
    or it does not say: a share over the thresholds of several populations is that of none of them.

    Source: ``simsid.evaluation.card``, which writes these lines.
    """
    try:
        with open(card, encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST)
    except OSError:
        return ()
    share, films, values = _SHARE.search(text), _FILMS.search(text), stated_thresholds(text)
    if not share or not films or not values:
        return ()
    part = f"{films[3]} part"
    each = _EACH.findall(text)
    if len(values) == 1 and len(each) == 1:  # some abnormal films get no verdict
        former, abnormals, found = each[0]
        return () if former else (_found(found, abnormals, f"{films[2]}, {part}", values),)
    if len(values) == 1:
        return () if share[1] else (_found(share[2], films[1], f"{films[2]}, {part}", values),)
    if len(each) != len(values) or all(former for former, *_ in each):
        return ()
    return tuple(
        None if former else _found(found, abnormals, part, values)
        for former, abnormals, found in each
    )


def _found(
    share: str, abnormals: str, data: str, thresholds: tuple[float, ...]
) -> FoundShare | None:
    try:
        value = float(share)
    except ValueError:  # as the card writes what was not measured
        return None
    return FoundShare(value, int(abnormals), data, thresholds) if 0 <= value <= 1 else None
