"""What is said of a whole table at its end, in memory that does not grow with it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from simsid.scoring.table import Row
from simsid.threads import threads_in_use

_PARTS = 10


class ClosingReport:
    """Counts rows by status, and scored films by where they lie among the calibration normals.

    Args:
        normals: (n,) scores of calibration normals, of all populations.
    """

    def __init__(self, normals: np.ndarray) -> None:
        self._edges = np.quantile(normals, np.linspace(0, 1, _PARTS + 1)[1:])
        self._films = np.zeros(_PARTS + 1, np.int64)
        self._statuses: Counter[str] = Counter()
        reached = np.searchsorted(self._edges, normals, side="left")
        self._normals = np.bincount(reached, minlength=_PARTS + 1) / len(normals)

    def add(self, row: Row) -> None:
        """Take in a row of the table, as it was made or as it was read again."""
        self._statuses[row["status"]] += 1
        if row["score"] != "":
            self._films[np.searchsorted(self._edges, float(row["score"]), side="left")] += 1

    def lines(self, made: int, seconds: float, scored: str) -> list[str]:
        """The report, line by line.

        Args:
            made: rows that this run made. seconds: that it took by the clock.
            scored: the status of a row without a failure.
        """
        total, cores = sum(self._statuses.values()), threads_in_use()
        told = []
        if made and seconds > 0:
            rate = made / seconds
            told.append(f"{rate:.1f} films a second, {rate / cores:.1f} a thread of {cores}")
        for status, count in self._statuses.most_common():
            if status != scored:
                told.append(f"{status}: {count} ({count / total:.1%})")
        if self._films.any():
            shares = self._films / self._films.sum()
            told.append("scores beside the calibration normals':  up to   films   normals")
            ends = [*(f"{edge:.4g}" for edge in self._edges), "above"]
            told += [
                f"{end:>48}{film:>8.1%}{normal:>10.1%}"
                for end, film, normal in zip(ends, shares, self._normals, strict=True)
            ]
        return told
