"""Which flips of a digit can be seen: a table of shapes, and a measurement on the pixels."""

import numpy as np

from synth.book import GlyphBook

AXES = ("horizontal", "vertical")
"""horizontal mirrors left and right, vertical mirrors top and bottom."""

ALLOWED = {
    0: (),
    1: (),
    2: ("horizontal", "vertical"),
    3: ("horizontal",),
    4: ("horizontal", "vertical"),
    5: ("horizontal", "vertical"),
    6: ("horizontal", "vertical"),
    7: ("horizontal", "vertical"),
    8: (),
    9: ("horizontal", "vertical"),
}
"""Flips that can change a digit's look. 0, 8 and a 1 without serif are symmetric both ways, at
most slanted otherwise afterwards; 3 is so from top to bottom. A 6 upside down is no 9: its stem
stands on the other side."""

VISIBLE = 250
"""Smallest difference, in thousandths, of a flip that counts as visible; see ``difference``."""

_SIZE = 16
_SHEARS = (-8, -6, -4, -2, 0, 2, 4, 6, 8)
_MARGIN = 1, 5


def difference(tiles: np.ndarray, axis: str) -> np.ndarray:
    """How much of its ink a flipped glyph cannot hide.

    The flipped glyph is shifted by up to 1 pixel and slanted by up to 8 to match the upright one
    as well as it can, because a mirrored 0, 8 or plain 1 differs by its slant alone and still
    looks like itself.

    Args:
        tiles: (n, 16, 16) uint8.
        axis: one of ``AXES``.

    Returns:
        (n,) int64 in thousandths: 0 the same picture, 1000 no ink in common.
    """
    flipped = tiles[:, :, ::-1] if axis == "horizontal" else tiles[:, ::-1]
    still = _pad(tiles, 0)
    moving = _pad(flipped, 1)
    rows, columns = np.arange(moving.shape[1]), np.arange(moving.shape[2])
    gaps = []
    for shear in _SHEARS:
        slide = (2 * rows - (len(rows) - 1)) * shear // (2 * _SIZE)
        slanted = moving[:, rows[:, None], (columns[None, :] + slide[:, None]) % len(columns)]
        for down in (0, 1, 2):
            for right in (0, 1, 2):
                moved = slanted[:, down : down + still.shape[1], right : right + still.shape[2]]
                gaps.append(np.abs(still - moved).sum(axis=(1, 2), dtype=np.int64))
    ink = still.sum(axis=(1, 2), dtype=np.int64) + moving.sum(axis=(1, 2), dtype=np.int64)
    return np.minimum.reduce(gaps) * 1000 // np.maximum(ink, 1)


def _pad(tiles: np.ndarray, more: int) -> np.ndarray:
    """Frame tiles with the room that shifts and shears need, as int16."""
    rows, columns = (margin + more for margin in _MARGIN)
    return np.pad(tiles, ((0, 0), (rows, rows), (columns, columns))).astype(np.int16)


def differences(book: GlyphBook, ids: np.ndarray) -> np.ndarray:
    """``difference`` of some glyphs of a book along both axes.

    Args:
        book: holds the glyphs.
        ids: (n,) glyph ids.

    Returns:
        (n, 2) int64 in thousandths, in the order of ``AXES``.
    """
    tiles = book.scaled(ids, _SIZE)
    return np.stack([difference(tiles, axis) for axis in AXES], axis=1)
