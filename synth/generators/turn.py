"""Turning a cell's digit, in whole numbers."""

import math

import numpy as np

_UNIT = 1 << 12


def turned_tile(cell: np.ndarray, degrees: int, middle: tuple[int, int]) -> np.ndarray:
    """Turn a cell's content about a point, anticlockwise; what leaves the cell is cut.

    Args:
        cell: (side, side) uint8.
        degrees: whole ones.
        middle: (y, x) of twice the point, in pixels.

    Returns:
        (side, side) uint8.
    """
    # Rounded to 1/4096, which no machine's sine is near a half of.
    sine, cosine = (round(f(math.radians(degrees)) * _UNIT) for f in (math.sin, math.cos))
    side = len(cell)
    y, x = np.indices(cell.shape) * 2 + 1
    y, x = y - middle[0], x - middle[1]
    # Where each pixel's middle came from, in 1/4096 pixel, measured from the first pixel's middle.
    from_y = (cosine * y + sine * x + (middle[0] - 1) * _UNIT) // 2
    from_x = (cosine * x - sine * y + (middle[1] - 1) * _UNIT) // 2
    top, left = from_y // _UNIT, from_x // _UNIT
    down, right = from_y % _UNIT, from_x % _UNIT
    wide = np.pad(cell, 1).astype(np.int64)

    def at(row: np.ndarray, col: np.ndarray) -> np.ndarray:
        return wide[np.clip(row + 1, 0, side + 1), np.clip(col + 1, 0, side + 1)]

    upper = at(top, left) * (_UNIT - right) + at(top, left + 1) * right
    lower = at(top + 1, left) * (_UNIT - right) + at(top + 1, left + 1) * right
    return ((upper * (_UNIT - down) + lower * down) >> 24).astype(np.uint8)
