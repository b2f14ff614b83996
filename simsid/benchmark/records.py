"""What the benchmarks' JSON holds: frozen records that are its schema.

A record's fields are the keys of a JSON object, its types what stands there; reading and writing is
:mod:`simsid.benchmark.record_files`. Each room has the records of its own files. This module needs
nothing but Python, so that a process without the kit's libraries can use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

Interval = tuple[float, float]
"""Low and high end, 95 %."""
LEFT_OUT = {"left_out": True}
"""Of a field that has no key in the JSON where it is None."""


class Record:
    """Base of the records: no key is unknown, and no value of another type is taken."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}


@dataclass(frozen=True, kw_only=True)
class Spread(Record):
    """A measure over training seeds.

    Attributes:
        mean, std: over the seeds; no deviation of one seed.
        by_seed: the values.
        ci: 95 % interval over images of the mean over seeds, where images say it.
    """

    mean: float
    std: float | None
    by_seed: tuple[float, ...]
    ci: Interval | None = field(default=None, metadata=LEFT_OUT)

    def told(self, interval: bool = False) -> str:
        """'0.912 ± 0.010 [0.880, 0.941]': mean, std over seeds, interval over images."""
        text = f"{self.mean:.3f}"
        if self.std is not None:
            text += f" ± {self.std:.3f}"
        if not interval or self.ci is None:
            return text
        return f"{text} [{self.ci[0]:.3f}, {self.ci[1]:.3f}]"


@dataclass(frozen=True, kw_only=True)
class Difference(Record):
    """One row minus another.

    Attributes:
        difference, ci: the mean over seeds, and its 95 % interval.
        p: two-sided; None for one seed, which says nothing of others.
        seeds: that both have.
    """

    difference: float
    ci: Interval
    p: float | None
    seeds: int


@dataclass(frozen=True, kw_only=True)
class ComparedSpread(Spread):
    """A measure over training seeds, with its difference to the reference case where there is one.

    Attributes:
        difference, difference_ci, difference_seeds: see :class:`Difference`.
    """

    difference: float | None = field(default=None, metadata=LEFT_OUT)
    difference_ci: Interval | None = field(default=None, metadata=LEFT_OUT)
    difference_seeds: int | None = field(default=None, metadata=LEFT_OUT)

    def alone(self) -> Spread:
        """The same without the difference."""
        return Spread(mean=self.mean, std=self.std, by_seed=self.by_seed, ci=self.ci)


@dataclass(frozen=True, kw_only=True)
class Verdicts(Record):
    """What thresholds give, over seeds; None where a seed does not know it.

    Attributes:
        oracle_accuracy, oracle_f1: at the threshold that is best on these very labels.
        sensitivity, false_alarms: at the detector's own threshold.
    """

    oracle_accuracy: Spread | None
    oracle_f1: Spread | None
    sensitivity: Spread | None
    false_alarms: Spread | None


@dataclass(frozen=True, kw_only=True)
class CaseSummary(Record):
    """A case over its seeds.

    Attributes:
        case, place, acts_on: as the case has them.
        seeds: that count. failed: messages of those that could not be measured.
        scores: AUROC of each score, the default one first.
        default: what the verdicts of the default score give.
        commits: of the kit, over seeds.
    """

    case: str
    place: float | None
    acts_on: tuple[str, ...]
    seeds: int
    failed: tuple[str, ...]
    scores: dict[str, ComparedSpread]
    default: Verdicts
    commits: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ChangedScore(Record):
    """One score under one change of the films.

    Attributes:
        case, change, strength: the change, its kind, how strong it is; no strength untouched.
        score, is_default: whose numbers these are.
        auroc, difference: to untouched films, paired by image.
        false_alarms: share of normals flagged, of the default score alone.
        move: mean change of normals' scores, in standard deviations of untouched normals' scores: 1
            shifts a whole population by as much as its films differ among themselves.
        distance: mean of absolute moves, which also sees films that go apart.
    """

    case: str
    change: str
    strength: float | None
    score: str
    is_default: bool
    auroc: float
    auroc_ci: Interval | None
    difference: float | None
    difference_ci: Interval | None
    false_alarms: float | None
    false_alarms_ci: Interval | None
    move: float
    move_ci: Interval
    distance: float
