"""Which share of abnormal films a model found at its thresholds, where its card says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from simsid.detectors.calibration import Calibration

SENSITIVITY_ROW = "sensitivity at the threshold"  # as the card calls it
_LONGEST = 1_000_000  # characters of a card that are read
_ROUNDED = 6e-4  # thresholds stand in the card with three decimals
_SHARE = re.compile(rf"^\| {SENSITIVITY_ROW} \| ([01]\.\d+) \|$", re.MULTILINE)
_FILMS = re.compile(
    r"^On \d+ normal and (\d{1,7}) abnormal images of ([^\n()]{1,80}?) \(data .*?"
    r"Measured on the (test|validation) part",
    re.MULTILINE,
)
_THRESHOLDS = re.compile(r"^## Threshold\n\n(.{1,2000}?), from \d+ normals", re.MULTILINE)
_NUMBER = re.compile(r"(?:^|, )(-?\d+\.\d+)")


@dataclass(frozen=True)
class FoundShare:
    """What was measured on abnormal films at the thresholds of the card.

    Attributes:
        share: of the abnormal films, those above the threshold; in [0, 1].
        abnormals: how many there were.
        data: whose films, and of which part.
        thresholds: of each population, as the card rounds them.
    """

    share: float
    abnormals: int
    data: str
    thresholds: tuple[float, ...]

    def holds_for(self, calibration: Calibration, name: str) -> bool:
        """Whether the model's thresholds are still those that this was measured at."""
        now = [calibration.threshold(name, index) for index in range(len(calibration.names))]
        return len(now) == len(self.thresholds) and all(
            abs(a - b) < _ROUNDED for a, b in zip(now, self.thresholds, strict=True)
        )


def found_share(card: Path) -> FoundShare | None:
    """Read it from a model card of the kit; None where there is none, or it does not say.

    Source: ``simsid.evaluation.card``, which writes these lines.
    """
    try:
        with open(card, encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST)
    except OSError:
        return None
    share, films, thresholds = (rule.search(text) for rule in (_SHARE, _FILMS, _THRESHOLDS))
    if not share or not films or not thresholds or float(share[1]) > 1:
        return None
    values = tuple(map(float, _NUMBER.findall(thresholds[1])))
    return FoundShare(float(share[1]), int(films[1]), f"{films[2]}, {films[3]} part", values)
