"""The pen: from knots to points along a curve, and from points to ink, in whole numbers."""

from functools import cache

import numpy as np

FIXED = 64
"""Fixed-point steps per pixel of all pen coordinates."""
STAMP = 11
RADII = 30
"""A nib of radius number k has a radius of (6 + k) / 8 pixels."""
NIBS = 3
_SUB = 4
_HALF = STAMP // 2


@cache
def curve_weights(knots: int, steps: tuple[int, ...], closed: bool) -> tuple[np.ndarray, int]:
    """Catmull-Rom weights of the points of one stroke.

    Args:
        knots: number of knots.
        steps: points of each interval between two knots.
        closed: whether the last knot is the first again.

    Returns:
        (points, knots) int64 weights, and what to divide their sums by.

    Source: Catmull and Rom, 1974.
    """
    divisor = 2 * 840**3
    rows = []
    for interval, count in enumerate(steps):
        around = [interval - 1, interval, interval + 1, interval + 2]
        if closed:
            around = [i % (knots - 1) for i in around]
        else:
            around = [min(max(i, 0), knots - 1) for i in around]
        last = count + (interval == len(steps) - 1)
        for step in range(last):
            t = step * 840 // count
            t2, t3, one = t * t * 840, t * t * t, 840**3
            parts = (
                -t * 840**2 + 2 * t2 - t3,
                2 * one - 5 * t2 + 3 * t3,
                t * 840**2 + 4 * t2 - 3 * t3,
                t3 - t2,
            )
            row = np.zeros(knots, np.int64)
            for knot, part in zip(around, parts, strict=True):
                row[knot] += part
            rows.append(row)
    return np.stack(rows), divisor


@cache
def stamps() -> np.ndarray:
    """Anti-aliased nibs.

    Nib 0 is round, 1 and 2 are chisels that lean right and left and so end flat. Coverage is
    counted on 4 x 4 sub-pixels.

    Returns:
        (nibs, radii, 4, 4, stamp, stamp) uint8; the axes of 4 are the y and x position within a
        pixel.
    """
    # In 1/32 pixel: centres of sub-pixels, measured from the middle pixel's corner.
    grid = (np.arange(STAMP * _SUB) - _HALF * _SUB) * 8 + 4
    out = np.empty((NIBS, RADII, _SUB, _SUB, STAMP, STAMP), np.uint8)
    for oy in range(_SUB):
        for ox in range(_SUB):
            y, x = grid[:, None] - (oy * 8 + 4), grid[None, :] - (ox * 8 + 4)
            forms = (x * x + y * y, x * x + y * y + x * y, x * x + y * y - x * y)
            for nib, form in enumerate(forms):
                for k in range(RADII):
                    inside = form <= ((6 + k) * 4) ** 2
                    count = inside.reshape(STAMP, _SUB, STAMP, _SUB).sum(axis=(1, 3))
                    out[nib, k, oy, ox] = count * 255 // (_SUB * _SUB)
    return out


def draw(points: np.ndarray, radii: np.ndarray, nibs: np.ndarray, side: int) -> np.ndarray:
    """Draw n glyphs of one variant by stamping their pens along their paths.

    Points are kept so far inside that no stamp is cut.

    Args:
        points: (n, points, 2) int64, (x, y) in 1/64 pixel.
        radii: (n, points) radius numbers.
        nibs: (n,) nib numbers.
        side: of the picture, in pixels.

    Returns:
        (n, side, side) uint8.
    """
    canvas = np.zeros((len(points), side, side), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(
        canvas, (STAMP, STAMP), axis=(1, 2), writeable=True
    )
    bank = stamps()
    points = np.clip(points, _HALF * FIXED, (side - _HALF) * FIXED - 1)
    pixel, part = points // FIXED, points % FIXED * _SUB // FIXED
    radii = np.clip(radii, 0, RADII - 1)
    rows = np.arange(len(points))
    for p in range(points.shape[1]):
        at = rows, pixel[:, p, 1] - _HALF, pixel[:, p, 0] - _HALF
        stamp = bank[nibs, radii[:, p], part[:, p, 1], part[:, p, 0]]
        windows[at] = np.maximum(windows[at], stamp)
    return canvas
