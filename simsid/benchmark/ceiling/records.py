"""What a ceiling's JSON holds."""

from __future__ import annotations

from dataclasses import dataclass

from simsid.benchmark.records import Record, Spread


@dataclass(frozen=True, kw_only=True)
class Ceiling(Record):
    """What a small network reaches on a data set when labels train it.

    Attributes:
        dataset: name of the column. fingerprint, part: what was measured.
        split: of films; None where there is none.
        normals, abnormals: numbers of training images. abnormals_from: where they come from.
        measured_normals, measured_abnormals: of the part.
        auroc: over training seeds, with the interval over images.
        steps, seconds: of one training. parameters: of the network.
        commit: of the kit.
    """

    dataset: str
    fingerprint: str
    part: str
    split: str | None
    normals: int
    abnormals: int
    abnormals_from: str
    measured_normals: int
    measured_abnormals: int
    auroc: Spread
    steps: int
    seconds: float
    parameters: int
    commit: str | None
