"""The normal anatomy: where every digit goes, and many images composed at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synth.book import GlyphBook
from synth.config import AnatomyConfig
from synth.draws import chain_array, chain_words, field

_NUM_SIZES = 9


def tile_sizes(cell: int) -> tuple[int, ...]:
    """Sizes in pixels of a digit's longer side: up to nine, from 9/16 to 13/16 of the cell."""
    low, high = cell * 9 // 16, cell * 13 // 16
    steps = min(_NUM_SIZES, high - low + 1)
    return tuple(low + (high - low) * k // (steps - 1) for k in range(steps))


@dataclass(frozen=True)
class Layout:
    """Placement of the digits of n images.

    Attributes:
        ids: (n, cells) int64, glyph ids.
        sizes: (n, cells) int64, size numbers.
        top, left: (n, cells) int64, the tile's corner in pixels, relative to its cell; at least
            one pixel at each border of the cell stays empty.
    """

    ids: np.ndarray
    sizes: np.ndarray
    top: np.ndarray
    left: np.ndarray


def place(raw: np.ndarray, labels: Sequence[int], book: GlyphBook, cell: int) -> Layout:
    """Turn random words into placements.

    Args:
        raw: (n, cells) uint64.
        labels: the digit of each cell.
        book: whose glyphs are placed.
        cell: side of a cell in pixels.
    """
    count = np.array([book.counts[label] for label in labels])
    start = np.array([book.starts[label] for label in labels])
    ids = start + field(raw, 0, count)
    sizes = field(raw, 16, len(book.sizes))
    room = cell - np.array(book.sizes)[sizes]
    # The shift is at most an eighth of the cell, and never beyond the margin of one pixel.
    reach = np.minimum(room // 2 - 1, cell // 8)
    middle = (room + 1) // 2
    top = middle - reach + field(raw, 32, 2 * reach + 1)
    left = middle - reach + field(raw, 48, 2 * reach + 1)
    return Layout(ids, sizes, np.minimum(top, room - 1), np.minimum(left, room - 1))


def draw_layout(keys: np.ndarray, config: AnatomyConfig, book: GlyphBook) -> Layout:
    """Draw the placements of normal images.

    Args:
        keys: (n,) uint64, one of each image.
        config: the anatomy.
        book: whose glyphs are placed.
    """
    cells = np.arange(1, config.num_cells + 1, dtype=np.uint64)
    return place(chain_words(keys[:, None], cells), config.labels, book, config.cell)


def sample_keys(stream: int, indices: Sequence[int]) -> np.ndarray:
    """Key of every sample of a stream.

    Args:
        stream: key of the stream.
        indices: numbers of the samples, not negative.

    Returns:
        (n,) uint64.
    """
    return chain_array(stream, np.asarray(indices, dtype=np.int64))


def compose(layout: Layout, config: AnatomyConfig, book: GlyphBook) -> np.ndarray:
    """Paint n images.

    Returns:
        (n, height, width) uint8, 0 background, 255 ink.
    """
    height, width = config.shape
    images = np.zeros((len(layout.ids), height, width), np.uint8)
    corner = np.arange(config.num_cells)
    rows = layout.top + (corner // config.cols * config.cell)
    cols = layout.left + (corner % config.cols * config.cell)
    for number, size in enumerate(book.sizes):
        image, cell = np.nonzero(layout.sizes == number)
        if len(image):
            windows = np.lib.stride_tricks.sliding_window_view(
                images, (size, size), axis=(1, 2), writeable=True
            )
            tiles = book.tiles(number, layout.ids[image, cell])
            windows[image, rows[image, cell], cols[image, cell]] = tiles
    return images
