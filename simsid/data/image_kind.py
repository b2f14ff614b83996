"""What kind of images a data set holds, as far as detectors are set up by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Films:
    """Radiographs, or whatever else has no grid: into which regions they fall is ours to choose."""


@dataclass(frozen=True)
class Cells:
    """Pictures drawn on a grid of cells, as DigitAnatomy: its (rows, columns) are the regions."""

    grid_size: tuple[int, int]


ImageKind = Films | Cells
FILMS = Films()


def kind_of(facts: Mapping[str, Any]) -> ImageKind:
    """The kind of images of a data set with these facts."""
    grid = facts.get("grid_size")
    return Cells((int(grid[0]), int(grid[1]))) if grid else FILMS
