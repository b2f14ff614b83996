"""A batch speaks: do these films look like draws from the calibration normals at all?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from simsid.detectors.base import Detector
from simsid.detectors.calibration import Calibration
from simsid.detectors.recalibrated import normals_of_own
from simsid.scoring.results import RefusedFilm, ScoredFilm
from simsid.scoring.words import named
from simsid.shares import in_percent

LEAST = 10  # films: fewer cannot speak
SURE = 0.01  # p-value below which the batch is said not to be exchangeable
_NORMAL_SHARE = 0.5  # of a batch, at least, for the test to hold


@dataclass(frozen=True)
class BatchFinding:
    """The films of a batch are not exchangeable with the model's calibration normals.

    Attributes:
        p_value: of the test, corrected for the number of tests made.
        films: how many were tested: those with a score, also without a verdict, of each population
            that has enough of them.
        message: what follows, for people.
    """

    p_value: float
    films: int
    message: str


class BatchCheck:
    """Counts the films of a batch, in memory that does not grow with them, and tests them together.

    Half of a batch may be abnormal. Of exchangeable normals, half score below the median of the
    calibration normals; so at least a quarter of a batch does that is at least half normal. The
    count of such films among m normals follows a beta-binomial law (Vovk 2012), and its lower tail
    is the p-value: too few mean that normals score higher here than the calibration said, and are
    called abnormal more often than stated. Too many do no harm: the stated rate is kept, and films of
    few patients often do so, since they are not independent. The same is tested on how the films look as a
    whole (``PopulationCheck``), within each population, with Bonferroni's correction. A batch of
    more than half abnormal films is called not exchangeable, too: the message says so.

    Args:
        detector: calibrated.
        score: one of its score names; None for the default.
    """

    def __init__(self, detector: Detector, score: str | None = None) -> None:
        self._detector = detector
        self._score = score or detector.score_names[0]
        self._counts: dict[int, _Counts] = {}

    def add(self, film: ScoredFilm | RefusedFilm) -> None:
        """Take in one result; a film without a score says nothing."""
        if isinstance(film, ScoredFilm):
            self._add(self._calibration.names.index(film.population), film.score, film.look)

    def add_row(self, population: str, score: str | float, look: float | None = None) -> None:
        """Take in a film by its row in a table, which does not tell how it looks."""
        if score != "" and population in self._calibration.names:
            self._add(self._calibration.names.index(population), float(score), look)

    def _add(self, population: int, score: float, look: float | None) -> None:
        counts = self._counts.get(population)
        if counts is None:
            counts = self._counts[population] = _Counts()
            counts.middle = _middle(self._calibration.reference(self._score, population))
            known = self._calibration.looks_of(population)
            counts.middle_look = None if known is None else _middle(known)
        counts.films += 1
        counts.below += score < counts.middle
        counts.looks += look is not None
        if look is not None and counts.middle_look is not None:
            counts.look_below += look < counts.middle_look

    def finding(self) -> BatchFinding | None:
        """What the batch says, or None: it is too small, or nothing speaks against it."""
        calibration = self._calibration
        p_values = []
        tested: dict[str, int] = {}
        for population, counts in self._counts.items():
            if counts.films < LEAST:
                continue
            tested[calibration.names[population]] = counts.films
            normals = len(calibration.reference(self._score, population))
            p_values.append(_p_value(counts.below, counts.films, normals))
            known = calibration.looks_of(population)
            if known is not None and counts.looks == counts.films:
                p_values.append(_p_value(counts.look_below, counts.films, len(known)))
        if not p_values:
            return None
        p_value = min(1.0, min(p_values) * len(p_values))
        if p_value >= SURE:
            return None
        own = normals_of_own(self._detector)
        remedy = (
            f"they differ from the {own} normals too that the model was recalibrated on: look at "
            "the films"
            if own
            else "recalibrate the model on normal films of the same source: "
            "python -m simsid.recalibrate --help"
        )
        told = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
        return BatchFinding(
            p_value,
            sum(tested.values()),
            f"{self._which(tested)} are not exchangeable with the normals of this model ({told}): "
            f"the stated false-alarm rate of {in_percent(calibration.false_alarm_rate)} does not hold for "
            f"them. If most of them are abnormal, this says so and nothing else; else {remedy}",
        )

    def _which(self, tested: dict[str, int]) -> str:
        """The films that were tested, of all that have a score; one without a verdict is among them."""
        count, scored = sum(tested.values()), sum(each.films for each in self._counts.values())
        if count == scored:
            return f"these {count} films with a score"
        return (
            f"{count} of the {scored} films with a score, those beside the normals of "
            f"{' or '.join(map(named, tested))} (others have fewer than {LEAST} films),"
        )

    @property
    def _calibration(self) -> Calibration:
        return self._detector.calibration


def no_difference(films: int) -> str:
    """What a batch is told that nothing was found against, which is no proof of anything.

    Args:
        films: how many were scored, ``LEAST`` or more.
    """
    return f"No difference from the calibration normals was shown ({films} films; a weak test with few)"


@dataclass
class _Counts:
    """Of the films of one population: how many there are, and lie below the middle normal."""

    middle: float = 0.0
    middle_look: float | None = None
    films: int = 0
    below: int = 0
    looks: int = 0
    look_below: int = 0


def _middle(normals: np.ndarray) -> float:
    return float(np.sort(normals)[_rank(len(normals)) - 1])


def _rank(normals: int) -> int:
    return (normals + 1) // 2


def _p_value(below: int, films: int, normals: int) -> float:
    """For at least half of the films being exchangeable with the normals or lower.

    Args:
        below: films under the normal of the middle rank.
    """
    rank = _rank(normals)
    fewest = stats.betabinom(math.ceil(_NORMAL_SHARE * films), rank, normals + 1 - rank)
    return float(fewest.cdf(below))
