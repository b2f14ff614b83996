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
    """What was done to one cell.

    Attributes:
        row, col: the cell.
        action: 'replaced', 'erased', 'moved' or 'flipped'.
        before: the digit that belongs there.
        after: the digit that is there now; None when it is gone.
        details: what else the kind tells, as JSON types.
    """

    row: int
    col: int
    action: str
    before: int
    after: int | None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What an anomaly does to one cell.

    Attributes:
        index: number of the cell in reading order.
        pixels: (cell, cell) uint8, the new ones.
        mask: (cell, cell) bool, the truth.
        action, after, details: see :class:``CellRecord``.
        saturation: pixels of the mask whose finding is as good as finding all; None: all.
    """

    index: int
    pixels: np.ndarray
    mask: np.ndarray
    action: str
    after: int | None
    details: dict[str, Any] = field(default_factory=dict)
    saturation: int | None = None


@dataclass(frozen=True)
class Scene:
    """One normal image to be altered, with the placement of its digits.

    Attributes:
        config: the anatomy.
        image: (height, width) uint8.
        book: the glyphs of the order's digits.
        layout: placements of a batch of images.
        row: which image of the batch this one is.
        foreign: glyphs of the digits outside the order, a book each; empty unless the kind needs
            them.
    """

    config: AnatomyConfig
    image: np.ndarray
    book: GlyphBook
    layout: Layout
    row: int
    foreign: dict[int, GlyphBook]

    def origin(self, index: int) -> tuple[int, int]:
        """(y, x) of a cell's corner in the image, in pixels."""
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
        """A cell that shows a digit from outside the order, placed at random.

        Returns:
            (cell, cell) uint8.
        """
        book, cell = self.foreign[label], self.config.cell
        raw = np.array([[draws.below(1 << 64)]], np.uint64)
        spot = place(raw, (label,), book, cell)
        number, top, left = int(spot.sizes[0, 0]), int(spot.top[0, 0]), int(spot.left[0, 0])
        size = book.sizes[number]
        pixels = np.zeros((cell, cell), np.uint8)
        pixels[top : top + size, left : left + size] = book.tiles(number, spot.ids[0])[0]
        return pixels


def paste(target: np.ndarray, config: AnatomyConfig, index: int, pixels: np.ndarray) -> None:
    """Put a cell's pixels where they belong.

    Args:
        target: (height, width), changed in place.
        config: the anatomy.
        index: number of the cell in reading order.
        pixels: (cell, cell).
    """
    row, col = divmod(index, config.cols)
    side = config.cell
    target[row * side : (row + 1) * side, col * side : (col + 1) * side] = pixels


def either_ink(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Truth where a digit was replaced, moved or flipped: ink of either picture.

    Args:
        before, after: uint8 of one shape.

    Returns:
        bool of that shape.
    """
    return (before >= INK) | (after >= INK)


def lost_ink(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Truth where ink was erased: ink of the first picture that the second lacks.

    Args:
        before, after: uint8 of one shape.

    Returns:
        bool of that shape.
    """
    return (before >= INK) & (after < INK)
