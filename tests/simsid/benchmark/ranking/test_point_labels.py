from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure

from simsid.benchmark.ranking.point_labels import place


def _crowd(count: int, spread: float):
    """Names of points that lie so close that names beside them would cover one another."""
    figure = Figure(figsize=(4, 4))
    axes = figure.subplots()
    points = 0.5 + spread * np.random.default_rng(0).random((count, 2))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    names = [
        axes.annotate("a long name", tuple(point), (0, 0), textcoords="offset points", fontsize=6.5)
        for point in points
    ]
    figure.draw_without_rendering()
    return axes, names, points


def test_names_of_close_points_cover_neither_each_other_nor_a_point():
    axes, names, points = _crowd(6, 0.15)
    place(axes, names, points)
    boxes = [name.get_window_extent() for name in names]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert not any(box.contains(*dot) for box in boxes for dot in axes.transData.transform(points))


def test_a_name_stays_within_the_axes():
    axes, names, points = _crowd(1, 0.0)
    axes.set(xlim=(0, 0.51), ylim=(0, 0.51))  # the point is in a corner now
    place(axes, names, points)
    box, frame = names[0].get_window_extent(), axes.get_window_extent()
    assert box.x1 <= frame.x1 and box.y1 <= frame.y1


@pytest.mark.parametrize("count", [0, 24])
def test_a_plot_without_room_or_points_is_no_error(count):
    axes, names, points = _crowd(count, 0.02)
    place(axes, names, points)
    assert all(np.isfinite(name.get_position()).all() for name in names)
