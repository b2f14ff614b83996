"""What the ranking's JSON holds: ``benchmark.json``, and ``settings.json`` and ``data/`` of a run."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from simsid.benchmark.ceiling.records import Ceiling
from simsid.benchmark.journal import present_settings
from simsid.benchmark.record_files import json_of, parsed
from simsid.benchmark.records import LEFT_OUT, Difference, Record, Spread
from simsid.errors import SimsidError

FORMAT_VERSION = 4  # of benchmark.json
READABLE = (3, 4)  # 3 says "budget" where 4 says "preset"


@dataclass(frozen=True, kw_only=True)
class Comparison(Difference):
    """A difference whose p-value is also adjusted for the number of rows."""

    p_adjusted: float | None


@dataclass(frozen=True, kw_only=True)
class Costs(Record):
    """What a row took: means over seeds, or how many seeds know each; None where none does."""

    train_seconds: float | None
    command_seconds: float | None
    train_images_per_second: float | None
    score_images_per_second: float | None
    peak_memory_mb: float | None
    peak_gpu_mb: float | None
    model_mb: float | None
    parameters: float | None

    def of(self, name: str) -> float | None:
        """The cost of this name, one of ``COST``."""
        value: float | None = getattr(self, name)
        return value


@dataclass(frozen=True, kw_only=True)
class CostSeeds(Record):
    """How many seeds know each cost."""

    train_seconds: int
    command_seconds: int
    train_images_per_second: int
    score_images_per_second: int
    peak_memory_mb: int
    peak_gpu_mb: int
    model_mb: int
    parameters: int

    def of(self, name: str) -> int:
        """That of the cost of this name, one of ``COST``."""
        value: int = getattr(self, name)
        return value


@dataclass(frozen=True, kw_only=True)
class Entry(Record):
    """A model on a data set.

    Attributes:
        seeds: that count. failed: messages of those that could not be measured.
        auroc: of the default score; None where every seed failed.
        aupr to pointing: see ``QUALITY``; None where the data or the method does not tell it.
        by_kind: AUROC of each kind of anomaly. by_score: AUROC of each score.
        machine: device and cores.
        command: trains the first measured seed. commits: of the kit, over seeds.
        against_reference, against_best: None for the row itself, and where no seed has both.
    """

    dataset: str
    model: str
    seeds: int
    failed: tuple[str, ...]
    auroc: Spread | None
    aupr: Spread | None
    f1: Spread | None
    sensitivity: Spread | None
    false_alarms: Spread | None
    oracle_f1: Spread | None
    oracle_sensitivity: Spread | None
    pixel_auroc: Spread | None
    aupro: Spread | None
    dice: Spread | None
    iou: Spread | None
    box_dice: Spread | None
    box_iou: Spread | None
    box_chance_iou: Spread | None
    pointing: Spread | None
    by_kind: dict[str, Spread | None]
    by_score: dict[str, Spread | None]
    cost: Costs
    cost_seeds: CostSeeds
    machine: str
    command: str | None
    commits: tuple[str, ...]
    against_reference: Comparison | None
    against_best: Comparison | None

    @property
    def area(self) -> float:
        """Mean AUROC of an entry that was measured."""
        assert self.auroc is not None
        return self.auroc.mean

    def quality(self, name: str) -> Spread | None:
        """The measure of this name, one of ``QUALITY``."""
        value: Spread | None = getattr(self, name)
        return value


COST = tuple(own.name for own in fields(Costs))
_NAMES = [own.name for own in fields(Entry)]
QUALITY = tuple(_NAMES[_NAMES.index("aupr") : _NAMES.index("by_kind")])


@dataclass(frozen=True, kw_only=True)
class RunSettings(Record):
    """What makes rows of one folder comparable; models, data sets and seeds may be added later.

    Attributes:
        generator: version that draws the digits; None for the first. track: see ``synth.tracks``.
    """

    benchmark: Literal["run"] = "run"
    format_version: int
    preset: str
    false_alarm_rate: float
    device: str
    digits: str
    digits_root: str | None
    difficulty: float
    data_seed: int
    generator: int | None = field(default=None, metadata=LEFT_OUT)
    track: str | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, kw_only=True)
class Described(Record):
    """What the report needs of a data set.

    Attributes:
        part: that was measured.
        train, calibration: numbers of normals.
        image_size: (height, width) in pixels.
        labels, kinds: of the measured images: 0 normal, 1 abnormal; 'normal' for normals.
        shown: indices of the images that all methods are shown on.
        made_by_the_kit: whether everybody may see them.
    """

    fingerprint: str
    part: str
    train: int
    calibration: int
    image_size: tuple[int, int]
    labels: tuple[int, ...]
    kinds: tuple[str, ...]
    shown: tuple[int, ...]
    made_by_the_kit: bool


@dataclass(frozen=True, kw_only=True)
class MeasuredOn(Record):
    """What the results tell of a data set."""

    fingerprint: str
    part: str
    train: int


@dataclass(frozen=True, kw_only=True)
class Ranking(Record):
    """``benchmark.json``: the whole result.

    Attributes:
        note: what readers must know. reference: the model that the others are compared with.
        commits: of all rows. versions: of what computed the report's numbers.
        ceilings: what labels reach on these data sets, of those that were asked for; no entries.
    """

    format_version: int
    note: str = ""
    reference: str
    settings: RunSettings
    data: dict[str, MeasuredOn]
    commits: tuple[str, ...]
    versions: dict[str, str | None]
    entries: tuple[Entry, ...]
    ceilings: tuple[Ceiling, ...] | None = field(default=None, metadata=LEFT_OUT)


def read_ranking(file: Path) -> Ranking:
    """The results in ``benchmark.json``, of this format or of one that the kit still reads.

    Raises:
        SimsidError: it is damaged, or of another format.
    """
    content = json_of(file)
    found = content.get("format_version") if isinstance(content, dict) else None
    if found not in READABLE:
        raise SimsidError(
            f"{file} is of format {found}, this kit reads {READABLE[0]} to {READABLE[-1]}: make it "
            "again with `python -m simsid.benchmark report`"
        )
    content["settings"] = present_settings(content["settings"])
    return parsed(Ranking, content, str(file))


def read_settings(file: Path) -> RunSettings:
    """``settings.json`` of a run, also of one from when the preset was a budget.

    Raises:
        SimsidError: it is damaged, or another benchmark's.
    """
    return parsed(RunSettings, present_settings(json_of(file)), str(file))
