"""What ``patchcore`` measures: of one process, and of all of a row's.

Needs nothing but Python, since the peer's process has libraries of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsid.benchmark.records import Record


@dataclass(frozen=True, kw_only=True)
class Cost(Record):
    """Of one process.

    Attributes:
        stored: MB of vectors. peak: MB above what was held before, None where the system does not
            tell it. fill: CPU seconds. score: CPU milliseconds a film.
    """

    stored: float
    peak: float | None
    fill: float
    score: float


@dataclass(frozen=True, kw_only=True)
class Measured(Record):
    """What a process says.

    Attributes:
        made: versions and threads of that process.
    """

    made: dict[str, str | int]
    cost: Cost


@dataclass(frozen=True, kw_only=True)
class Range(Record):
    """One measure over all processes of a row."""

    median: float
    least: float
    most: float
    runs: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class CostRanges(Record):
    """Every measure of a row; None where a process could not tell it."""

    stored: Range | None
    peak: Range | None
    fill: Range | None
    score: Range | None
