"""Rows of the curves: what their JSON and CSV hold."""

from __future__ import annotations

from dataclasses import dataclass

from simsid.benchmark.records import Interval, Record


@dataclass(frozen=True, kw_only=True)
class SeverityRow(Record):
    """A method on one group of anomalies at one strength.

    Attributes:
        group: 'all', a family or a kind. strength: of the anomalies, 0 to 1.
        auroc: against all normals. spro: saturated per-region overlap, None without regions.
        n: number of anomalies.
    """

    method: str
    group: str
    strength: float
    auroc: float
    auroc_ci: Interval | None
    spro: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class ShiftRow(Record):
    """A method in another population at one strength.

    Attributes:
        strength: of the population, 0 to 1.
        flagged, recalibrated: share of normals called unusual, before and after recalibration.
        stated: the rate that the model states. normals: number of them.
    """

    method: str
    strength: float
    auroc: float
    auroc_ci: Interval | None
    flagged: float
    flagged_ci: Interval
    recalibrated: float
    recalibrated_ci: Interval
    stated: float
    normals: int
