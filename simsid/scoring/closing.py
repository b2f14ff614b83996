"""What is said of a whole table at its end, in memory that does not grow with it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from simsid.scoring.table import Row
from simsid.scoring.verdicts import BORDERLINE, NOTHING_UNUSUAL, UNUSUAL
from simsid.scoring.words import named
from simsid.terminal import printable
from simsid.threads import threads_in_use

_PARTS = 10
_VERDICTS = (UNUSUAL, BORDERLINE, NOTHING_UNUSUAL)
_NO_VERDICT, _NOT_SCORED = "no verdict", "not scored"


class ClosingReport:
    """Counts rows by state and by status, and scored films by where they lie among the normals.

    Args:
        normals: (n,) scores of calibration normals, of all populations.
    """

    def __init__(self, normals: np.ndarray) -> None:
        self._edges = np.quantile(normals, np.linspace(0, 1, _PARTS + 1)[1:])
        self._films = np.zeros(_PARTS + 1, np.int64)
        self._statuses: Counter[str] = Counter()
        self._states: Counter[str] = Counter()
        self._judged: Counter[str] = Counter()
        self._chosen = self._unlike = 0
        self._reason = ""
        reached = np.searchsorted(self._edges, normals, side="left")
        self._normals = np.bincount(reached, minlength=_PARTS + 1) / len(normals)

    def add(self, row: Row) -> None:
        """Take in a row of the table, as it was made or as it was read again."""
        self._statuses[row["status"]] += 1
        scored = row["score"] != ""
        state = row.get("state", "") if scored else ""
        self._states[state if state in _VERDICTS else (_NO_VERDICT if scored else _NOT_SCORED)] += 1
        if state in _VERDICTS and row.get("population"):
            self._judged[row["population"]] += 1
            self._chosen += bool(row.get("judged_as"))
            self._unlike += bool(row.get("judged_as")) and row["looks_like"] != row["judged_as"]
        self._reason = "" if scored else str(row.get("message", ""))
        if scored:
            self._films[np.searchsorted(self._edges, float(row["score"]), side="left")] += 1

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
        if made and seconds > 0:
            rate = made / seconds
            told.append(f"{rate:.1f} films a second, {rate / cores:.1f} a thread of {cores}")
        for status, count in self._statuses.most_common():
            if status != scored:
                told.append(f"{status}: {count} ({count / total:.1%})")
        if self._films.any():
            shares = self._films / self._films.sum()
            told.append(
                "how high these films score beside the calibration normals, in tenths of these:"
            )
            told.append(f"{'score up to':>48}{'films':>8}{'normals':>10}")
            ends = [*(f"{edge:.4g}" for edge in self._edges), "above"]
            told += [
                f"{end:>48}{film:>8.1%}{normal:>10.1%}"
                for end, film, normal in zip(ends, shares, self._normals, strict=True)
            ]
        return told

    def _in_words(self) -> str:
        """'17 unusual, 1 borderline, 20 nothing unusual found, 2 no verdict'."""
        order = (*_VERDICTS, _NO_VERDICT, _NOT_SCORED)
        return ", ".join(f"{self._states[s]} {s}" for s in order if self._states[s]) or "no films"
