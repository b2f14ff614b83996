"""Names beside the points of a scatter plot, none over another or over a point."""

from __future__ import annotations

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

_REACH = 4.9  # points of the page, to each side, that are a dot's own
_SIDES = (  # of the dot: offset in units of distance, and how the text is aligned to it
    ((1, 0.4), "left", "bottom"),
    ((1, -0.4), "left", "top"),
    ((-1, 0.4), "right", "bottom"),
    ((-1, -0.4), "right", "top"),
    ((0, 1.2), "center", "bottom"),
    ((0, -1.2), "center", "top"),
)
_DISTANCES = (5.0, 11.0, 18.0)


def place(axes: Axes, names: list[Annotation], points: np.ndarray) -> None:
    """Move each name to the nearest side of its point where it covers nothing.

    Where all sides are taken, it stays where it covers the least. The figure must have its layout,
    as after ``figure.draw_without_rendering()``.

    Args:
        names: annotations whose ``xy`` is the point that they name.
        points: (n, 2), every point of the plot, in data units.
    """
    unit = axes.figure.dpi / 72
    reach = _REACH * unit
    taken = [
        Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)
        for x, y in axes.transData.transform(points)
    ]
    frame = axes.get_window_extent()
    for name in names:
        best = (np.inf, 0.0, _SIDES[0], frame)
        for distance, side in product(_DISTANCES, _SIDES):
            _move(name, distance, side)
            box = name.get_window_extent()
            covered = sum(_overlap(box, other) for other in taken)
            outside = box.width * box.height - _overlap(box, frame)
            if covered + outside < best[0]:
                best = (covered + outside, distance, side, box)
            if covered + outside == 0:
                break
        _move(name, *best[1:3])
        taken.append(best[3])


def _move(name: Annotation, distance: float, side: tuple[tuple[float, float], str, str]) -> None:
    (right, up), across, along = side
    name.set(position=(right * distance, up * distance), ha=across, va=along)


def _overlap(one: Bbox, other: Bbox) -> float:
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else shared.width * shared.height
