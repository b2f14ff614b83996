"""What an anomaly sees and what it gives back."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from synth.book import INK, GlyphBook
from synth.compose import Layout, place
from synth.config import AnatomyConfig
from synth.draws import Draws


@dataclass(frozen=True)
class CellRecord:
    """What was done to one cell: action, the digit before, the digit after (None when gone)."""

    row: int
    col: int
    action: str
    before: int
    after: int | None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A cell's new pixels (cell, cell) uint8, its truth (cell, cell) bool, and the record."""

    index: int
    pixels: np.ndarray
    mask: np.ndarray
    action: str
    after: int | None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """One normal image to be altered: (H, W) uint8, with the placement of its digits."""

    config: AnatomyConfig
    image: np.ndarray
    book: GlyphBook
    layout: Layout
    row: int
    foreign: dict[int, GlyphBook]

    def origin(self, index: int) -> tuple[int, int]:
        """(y, x) of a cell's corner in the image."""
        row, col = divmod(index, self.config.cols)
        return row * self.config.cell, col * self.config.cell

    def pixels(self, index: int) -> np.ndarray:
        """A view of the cell's pixels, (cell, cell) uint8."""
        y, x = self.origin(index)
        return self.image[y : y + self.config.cell, x : x + self.config.cell]

    def tile_slices(self, index: int) -> tuple[slice, slice]:
        """Where in the cell its digit's tile lies."""
        size = self.book.sizes[self.layout.sizes[self.row, index]]
        top, left = int(self.layout.top[self.row, index]), int(self.layout.left[self.row, index])
        return slice(top, top + size), slice(left, left + size)

    def ids(self) -> np.ndarray:
        """Glyph ids of all cells, (cells,)."""
        return self.layout.ids[self.row]

    def foreign_cell(self, label: int, draws: Draws) -> np.ndarray:
        """A cell that shows a digit from outside the order, placed at random: (cell, cell)."""
        book, cell = self.foreign[label], self.config.cell
        raw = np.array([[draws.below(1 << 64)]], np.uint64)
        spot = place(raw, (label,), book, cell)
        number, top, left = int(spot.sizes[0, 0]), int(spot.top[0, 0]), int(spot.left[0, 0])
        size = book.sizes[number]
        pixels = np.zeros((cell, cell), np.uint8)
        pixels[top : top + size, left : left + size] = book.tiles(number, spot.ids[0])[0]
        return pixels


def either_ink(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Truth where a digit was replaced, moved or flipped: ink of either picture."""
    return (before >= INK) | (after >= INK)


def lost_ink(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Truth where ink was erased: ink of the first picture that the second lacks."""
    return (before >= INK) & (after < INK)
