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
