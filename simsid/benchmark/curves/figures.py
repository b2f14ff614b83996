"""Curves with their 95 % bands: a line for each method, a panel for each family or measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from simsid.benchmark.curves.records import SeverityRow, ShiftRow
from simsid.benchmark.records import Interval
from simsid.evaluation.provenance import kit_commit
from simsid.evaluation.style import (
    FAINT,
    KIND_COLOURS,
    KIND_DASHES,
    NORMAL_COLOUR,
    new_figure,
    save,
    shared_style,
)

_COLOURS = (NORMAL_COLOUR, *KIND_COLOURS)
_COLUMNS = 4
Point = tuple[float, float, Interval | None]
"""Strength, value and its interval."""


def draw_severity(
    rows: Sequence[SeverityRow], groups: Sequence[str], subject: str, path: Path
) -> Path:
    """AUROC against strength: a panel for each family and kind.

    Args:
        rows: of ``severity``.
        groups: names of the panels, in order.
        subject: for the small print.
    """
    names = list(dict.fromkeys(row.method for row in rows))
    lines = math.ceil(len(groups) / _COLUMNS)
    with shared_style():
        figure = new_figure(2.6 * _COLUMNS, 2.1 * lines + 0.8)
        grid = figure.subplots(lines, _COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, group in zip(grid, groups, strict=False):
            some = [row for row in rows if row.group == group]
            for place, name in enumerate(names):
                _line(axes, [_auroc(r) for r in some if r.method == name], place, name)
            axes.axhline(0.5, color=FAINT, lw=1, ls=":")
            axes.set_title(group)
            axes.set_ylim(0.3, 1.02)
        for axes in grid[len(groups) :]:
            axes.set_axis_off()
        figure.supylabel("AUROC")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=min(len(names), 5))
        return save(figure, path, f"strength of the anomaly, 0 to 1 · {_source(subject)}")


def draw_shift(rows: Sequence[ShiftRow], rate: float, subject: str, path: Path) -> Path:
    """AUROC, and normals flagged before and after recalibration, against the population's strength."""
    names = list(dict.fromkeys(row.method for row in rows))
    panels: tuple[tuple[str, Callable[[ShiftRow], Point], float, float], ...] = (
        ("AUROC", _auroc, 0.5, 0.3),
        ("normals flagged", _flagged, rate, -0.02),
        ("normals flagged, recalibrated", _recalibrated, rate, -0.02),
    )
    with shared_style():
        figure = new_figure(11.0, 4.0)
        grid = figure.subplots(1, 3, sharex=True)
        for axes, (title, of, level, lowest) in zip(grid, panels, strict=True):
            for place, name in enumerate(names):
                _line(axes, [of(r) for r in rows if r.method == name], place, name)
            axes.axhline(level, color=FAINT, lw=1, ls=":")
            axes.set_ylim(lowest, 1.02)
            axes.set_title(title)
            axes.set_xlabel("strength of the population")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=min(len(names), 5))
        return save(figure, path, f"dotted: chance, stated rate · {_source(subject)}")


def _auroc(row: SeverityRow | ShiftRow) -> Point:
    return row.strength, row.auroc, row.auroc_ci


def _flagged(row: ShiftRow) -> Point:
    return row.strength, row.flagged, row.flagged_ci


def _recalibrated(row: ShiftRow) -> Point:
    return row.strength, row.recalibrated, row.recalibrated_ci


def _line(axes: Axes, points: Sequence[Point], place: int, name: str) -> None:
    strengths = [strength for strength, _, _ in points]
    colour = _COLOURS[place % len(_COLOURS)]
    axes.plot(
        strengths, [value for _, value, _ in points], color=colour, marker="o", ms=3,
        ls=KIND_DASHES[place % len(KIND_DASHES)], label=name,
    )  # fmt: skip
    ends = [interval or (value, value) for _, value, interval in points]
    axes.fill_between(
        strengths, [low for low, _ in ends], [high for _, high in ends],
        color=colour, alpha=0.15, lw=0,
    )  # fmt: skip


def _source(subject: str) -> str:
    commit = kit_commit()
    return f"{subject} · commit {commit[:12] if commit else 'none'}"
