"""A film of a data set before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

NORMAL_KIND = "normal"


@dataclass(frozen=True)
class Film:
    """One film and what its data set says of it.

    Attributes:
        path: the image file.
        kind: 'normal', or what its authors call what is wrong with it.
        part: one of ``films.PARTS``; 'pool' holds abnormal films that only contamination draws
            from.
        patient: who; films of one patient never lie in two parts. Unique where nothing is known.
        attributes: 'view', 'sex', 'age' and whatever else the data set tells.
        boxes: (left, top, right, bottom) of findings, as shares of the film's width and height.
        masks: files with pixel truth; several mark one finding each.
        mask_problem: why the data set's masks tell nothing of this film, see ``pixel_truth``; ''
            where they do, or where there are none.
    """

    path: Path
    kind: str
    part: str
    patient: str
    attributes: dict[str, str] = field(default_factory=dict)
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    masks: tuple[Path, ...] = ()
    mask_problem: str = ""

    @property
    def label(self) -> int:
        """0 normal, 1 abnormal."""
        return int(self.kind != NORMAL_KIND)
