"""What ``gpu`` and ``scoring`` measure: what their JSON holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from simsid.benchmark.records import LEFT_OUT, Record


@dataclass(frozen=True, kw_only=True)
class Agreement(Record):
    """How far a detector on a device lies from itself on the CPU, at most.

    In standard deviations of the CPU's scores and of its maps.
    """

    fp32_score: float
    fp32_anomaly_map: float
    bf16_score: float
    bf16_anomaly_map: float


@dataclass(frozen=True, kw_only=True)
class Rate(Record):
    """Images a second, and their operations a second as a share of the ceiling."""

    images: float
    share_of_ceiling: float


@dataclass(frozen=True, kw_only=True)
class Rates(Record):
    """Speed beside the largest plain matrix product, whose TFLOP/s are ``ceiling``."""

    ceiling: float
    training: Rate
    scoring: Rate


@dataclass(frozen=True, kw_only=True)
class Way(Record):
    """A way of preparing a batch's evidence.

    Attributes:
        ms: of a batch. difference: the largest, from the evidence as it is.
        failed: why there is neither.
    """

    ms: float | None = field(default=None, metadata=LEFT_OUT)
    difference: float | None = field(default=None, metadata=LEFT_OUT)
    failed: str | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, kw_only=True)
class Compiled(Record):
    """Milliseconds of a batch's evidence as it is, and by each way that prepares it."""

    as_it_is: float
    ways: dict[str, Way]


@dataclass(frozen=True, kw_only=True)
class NotMeasured(Record):
    """A row without numbers, and why: it failed, or was not reached."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Asked(Record):
    """What the probes of ``scoring`` are asked.

    Attributes:
        model: model folder or ``bundled:NAME``. batch: films in a batch.
        rounds: times that both are asked, after one that warms up.
    """

    model: str
    batch: int
    rounds: int


@dataclass(frozen=True, kw_only=True)
class Offer(Record):
    """What a probe says first: the tasks that it can be asked."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Answer(Record):
    """What a probe says of a task: seconds on the clock, of the processor, and the films' scores."""

    seconds: float
    processor: float
    scores: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class BothRounds(Record):
    """A task's answers of the earlier commit and of this one, round by round."""

    old: tuple[Answer, ...]
    new: tuple[Answer, ...]
