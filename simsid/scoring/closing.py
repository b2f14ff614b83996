"""What is said of a whole table at its end, in memory that does not grow with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from simsid.detectors.calibration import Calibration
from simsid.detectors.findings import told_by
from simsid.scoring.table import Row
from simsid.scoring.verdicts import BORDERLINE, NOTHING_UNUSUAL, UNUSUAL
from simsid.scoring.words import named
from simsid.shares import in_percent
from simsid.terminal import printable
from simsid.threads import threads_in_use

if TYPE_CHECKING:
    from typing_extensions import Self

# By the share of normals above them; where that is less than one normal, the rank is not told.
_LEVELS = {0.5: "median", 0.1: "90th percentile", 0.05: "95th", 0.01: "99th"}
_REASONS = 5  # that are told
_LEAST_LAID = 10  # films that are laid beside normals: of fewer, shares say nothing
_VERDICTS = (UNUSUAL, BORDERLINE, NOTHING_UNUSUAL)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")  # by which the words of two films for the same may differ
_NO_VERDICT, _NOT_SCORED = "no verdict", "not scored"


class ClosingReport:
    """Counts rows by state and by status, and films by where they lie among their own normals.

    Films that have no p-value lie nowhere among normals; why they have none is counted, too.

    Args:
        normals: of each population that judges films, the (n,) scores of its calibration normals.
    """

    def __init__(self, normals: Mapping[str, Float[np.ndarray, " n"]]) -> None:
        self._beside = {population: _Beside(own) for population, own in normals.items()}
        self._statuses: Counter[str] = Counter()
        self._states: Counter[str] = Counter()
        self._judged: Counter[str] = Counter()
        self._undecided: Counter[str] = Counter()  # by code and words of a finding, or by state
        self._words: dict[str, str] = {}  # what these mean, as the first film had it
        self._refused: dict[str, str] = {}  # what a status means, of films that are out of place
        self._chosen = self._unlike = 0
        self._reason = ""

    @classmethod
    def of(cls, calibration: Calibration, score: str) -> Self:
        """For films that are judged by this score beside these normals."""
        names = enumerate(calibration.names)
        return cls({name: calibration.reference(score, index) for index, name in names})

    def add(self, row: Row) -> None:
        """Take in a row of the table, as it was made or as it was read again."""
        self._statuses[row["status"]] += 1
        scored, state = row["score"] != "", row.get("state", "")
        judged = scored and state in _VERDICTS
        self._states[state if judged else (_NO_VERDICT if scored else _NOT_SCORED)] += 1
        if judged and row.get("population"):
            self._judged[row["population"]] += 1
            self._chosen += bool(row.get("judged_as"))
            self._unlike += bool(row.get("judged_as")) and row["looks_like"] != row["judged_as"]
        message = str(row.get("message", ""))
        self._reason = "" if scored else message
        about_the_film = message.partition("; ")[0]  # behind it stands what the decoder noticed
        reason = told_by(about_the_film)
        if scored and not judged:
            why = state if reason is None else f"{reason[0]} {_NUMBER.sub('0', reason[1])}"
            self._undecided[why] += 1
            self._words.setdefault(
                why, state.partition(":")[0] if reason is None else about_the_film
            )
        elif not scored and reason is not None:
            self._refused.setdefault(row["status"], reason[1])
        if row.get("p_value", "") != "" and row.get("population", "") in self._beside:
            self._beside[row.get("population", "")].add(float(row["score"]))

    @property
    def judged(self) -> int:
        """How many films have a verdict."""
        return sum(self._states[state] for state in _VERDICTS)

    def lines(self, made: int, seconds: float, scored: str) -> list[str]:
        """The report, line by line.

        Args:
            made: rows that this run made. seconds: that it took by the clock.
            scored: the status of a row without a failure.
        """
        total, cores = sum(self._statuses.values()), threads_in_use()
        told = [self._in_words()]
        if total == 1 and self._reason:
            told.append(printable(self._reason))
        judged = self._judged.total()
        told += [
            f"{count} of {judged} films were judged by the normals of {printable(named(population))}"
            for population, count in self._judged.most_common()
        ]
        if self._chosen:
            told.append(
                f"these normals were chosen (--judge-as): {self._unlike} of {self._chosen} films look "
                "more like another population of the model; for those the stated rate is not assured"
            )
        told += [
            f"{_NO_VERDICT}: {count}, {printable(self._words[why])}"
            for why, count in self._undecided.most_common(_REASONS)
        ]
        if made and seconds > 0:
            rate = made / seconds
            told.append(f"{rate:.1f} films a second, {rate / cores:.1f} a thread of {cores}")
        for status, count in self._statuses.most_common():
            if status != scored:
                why = printable(self._refused.get(status, "see the column message"))
                told.append(f"{status}: {count} ({in_percent(count / total)}): {why}")
        for population, beside in self._beside.items():
            told += beside.lines(population)
        return told

    def _in_words(self) -> str:
        """'17 unusual, 1 borderline, 20 nothing unusual found, 2 no verdict'."""
        order = (*_VERDICTS, _NO_VERDICT, _NOT_SCORED)
        return ", ".join(f"{self._states[s]} {s}" for s in order if self._states[s]) or "no films"


class _Beside:
    """Where films lie among one population's normals: how many above the median and above high ranks."""

    def __init__(self, normals: Float[np.ndarray, " n"]) -> None:
        self._shares = [share for share in _LEVELS if share * len(normals) >= 1]
        self._edges = np.quantile(normals, [1 - share for share in self._shares])
        self._normals = [float((normals > edge).mean()) for edge in self._edges]  # above each
        self._above = np.zeros(len(self._edges), np.int64)
        self._count = 0

    def add(self, score: float) -> None:
        self._above += score > self._edges
        self._count += 1

    def lines(self, population: str) -> list[str]:
        if self._count < _LEAST_LAID or not self._shares:
            return []
        whose = f" of {printable(named(population))}" if population else ""
        told = [
            f"{in_percent(above / self._count, 0)} {'score above' if place == 0 else 'above'} their "
            f"{_LEVELS[share]} ({'of normals ' if place == 0 else ''}{in_percent(normals, 0)})"
            for place, (share, above, normals) in enumerate(
                zip(self._shares, self._above, self._normals, strict=True)
            )
        ]
        return [f"{self._count} films beside the calibration normals{whose}: {', '.join(told)}"]
