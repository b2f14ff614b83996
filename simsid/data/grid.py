"""Find the grid of cells that pictures are drawn on, as DigitAnatomy's; films of patients have none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float, UInt8

_MOST = 8  # cells along a side
_SAMPLE = 200
_HIGH = 0.9  # of the pixels along a line: a line between cells has hardly any that stand out
_VALLEY = 0.35  # what stands out on such a line, as a share of the least inked cell's
_BAND = 0.03  # of a cell, on either side of the line


def find_grid(images: UInt8[np.ndarray, "n height width"]) -> tuple[int, int] | None:
    """(rows, columns) of cells with empty lines between them in all pictures; None without a grid.

    What stands out is measured from each picture's median, along every row and column, over all
    pictures: between cells nothing does.

    Args:
        images: normals of one size; the first 200 are looked at.
    """
    sample = images[:_SAMPLE].astype(np.float32)
    ink = np.abs(sample - np.median(sample, (1, 2), keepdims=True))
    rows = _cells(np.quantile(ink, _HIGH, (0, 2)))
    cols = _cells(np.quantile(ink, _HIGH, (0, 1)))
    return None if (rows, cols) == (1, 1) else (rows, cols)


def _cells(profile: Float[np.ndarray, " side"]) -> int:
    """The most cells of equal length that valleys of this profile separate; 1 without any."""
    side = len(profile)
    for count in range(_MOST, 1, -1):
        edges = np.arange(count + 1) * side / count
        least = min(
            float(profile[round(start) : round(stop)].max())
            for start, stop in pairwise(edges.tolist())
        )
        reach = max(1, round(_BAND * side / count))
        lines = [float(profile[round(e) - reach : round(e) + reach].min()) for e in edges[1:-1]]
        if least > 0 and max(lines) <= _VALLEY * least:
            return count
    return 1
