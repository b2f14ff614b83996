"""Plots of the sweeps, in the look of the reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from simsid.benchmark.records import CaseSummary, ChangedScore, ComparedSpread, Interval
from simsid.evaluation.provenance import kit_commit, short_commit
from simsid.evaluation.style import (
    FAINT,
    INK,
    KIND_COLOURS,
    KIND_DASHES,
    NORMAL_COLOUR,
    new_figure,
    save,
    shared_style,
)
from simsid.shares import in_percent

_ROW = 0.36
_COLOURS = (NORMAL_COLOUR, *KIND_COLOURS)
Point = tuple[float | None, Interval | None]


def draw_ablation(summary: Sequence[CaseSummary], settings: dict[str, Any], path: Path) -> Path:
    """One panel a score, one line a row; see the caption in ``ablation``."""
    entries = [entry for entry in summary if entry.seeds]
    names = list(entries[0].scores)
    with shared_style():
        figure = new_figure(2.4 + 1.9 * len(names), _ROW * len(entries) + 1.5)
        panels = list(np.atleast_1d(figure.subplots(1, len(names), sharey=True)))
        for number, (axes, name) in enumerate(zip(panels, names, strict=True)):
            colour = _COLOURS[number % len(_COLOURS)]
            if summary[0].seeds:  # of the full method, unless it failed
                axes.axvline(summary[0].scores[name].mean, color=INK, lw=1, ls="--")
            for height, entry in enumerate(entries):
                if name in entry.scores:
                    direct = not entry.acts_on or number == 0 or name in entry.acts_on
                    _dot(axes, height, entry.scores[name], colour, direct)
            title = name.replace("_", "\n")
            axes.set_title(title + (" (default)" if number == 0 else ""), fontsize=10)
            axes.set_xlabel("AUROC")
            axes.margins(x=0.08)
        _rows(panels, [entry.case for entry in entries])
        return save(figure, path, _source(settings))


def draw_contamination(
    summary: Sequence[CaseSummary], settings: dict[str, Any], path: Path
) -> Path:
    """AUROC against the share of abnormal images in training, a line for each score."""
    entries = [entry for entry in summary if entry.seeds]
    names = list(entries[0].scores)
    places = 100 * np.array([entry.place or 0.0 for entry in entries])
    with shared_style():
        figure = new_figure(height=4.2)
        axes = figure.subplots()
        for number, name in enumerate(names):
            values = [entry.scores[name] for entry in entries]
            means = [value.mean for value in values]
            default = number == 0
            colour = INK if default else _COLOURS[(number - 1) % len(_COLOURS)]
            if default:
                low, high = np.array([value.ci for value in values]).T
                axes.fill_between(places, low, high, color=INK, alpha=0.12, lw=0,
                                  label="95 % interval over images")  # fmt: skip
            label = name.replace("_", " ") + (" (default)" if default else "")
            axes.plot(places, means, color=colour, marker="o", ms=5 if default else 3.5,
                      lw=2.2 if default else 1.4, ls=KIND_DASHES[number % len(KIND_DASHES)],
                      label=label)  # fmt: skip
            for place, value in zip(places, values, strict=True):
                seeds = value.by_seed
                axes.plot([place] * len(seeds), seeds, ".", color=colour, ms=4, alpha=0.35)
        axes.axhline(0.5, color=FAINT, lw=1, ls=":")
        axes.annotate("chance", (1, 0.5), (-2, 3), xycoords=("axes fraction", "data"), ha="right",
                      textcoords="offset points", fontsize=8, color=FAINT)  # fmt: skip
        axes.set(xlabel="abnormal images in training (%)", ylabel="AUROC", xticks=places)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=3.5)
        return save(figure, path, _source(settings))


def draw_robustness(rows: Sequence[ChangedScore], settings: dict[str, Any], path: Path) -> Path:
    """AUROC, share of normals flagged and move of normals' scores, under each change."""
    panels_of = (
        (_auroc, "image AUROC", INK),
        (_false_alarms, "normals flagged", NORMAL_COLOUR),
        (_move, "move of normals (SD)", KIND_COLOURS[0]),
    )
    with shared_style():
        figure = new_figure(9.0, 0.24 * len(rows) + 1.5)
        panels = figure.subplots(1, len(panels_of), sharey=True)
        heights = _spaced([row.change for row in rows])
        for axes, (of, title, colour) in zip(panels, panels_of, strict=True):
            axes.set_title(title, fontsize=10)
            for height, row in zip(heights, rows, strict=True):
                value, interval = of(row)
                if value is not None:
                    if interval is not None:
                        axes.plot(interval, [height] * 2, color=colour, lw=1.4)
                    axes.plot(value, height, "o", color=colour, ms=4.5)
            untouched, _ = of(rows[0])
            if untouched is not None:
                axes.axvline(untouched, color=INK, lw=1, ls="--")
        panels[1].axvline(settings["false_alarm_rate"], color=FAINT, lw=1, ls=":")
        _rows(panels, [row.case for row in rows], heights)
        panels[0].set_xlabel("dashed: untouched films")
        panels[1].set_xlabel(f"dotted: stated {in_percent(settings['false_alarm_rate'])}")
        return save(figure, path, _source(settings))


def _auroc(row: ChangedScore) -> Point:
    return row.auroc, row.auroc_ci


def _false_alarms(row: ChangedScore) -> Point:
    return row.false_alarms, row.false_alarms_ci


def _move(row: ChangedScore) -> Point:
    return row.move, row.move_ci


def _dot(axes: Axes, height: float, value: ComparedSpread, colour: str, filled: bool) -> None:
    if value.ci is not None:
        axes.plot(value.ci, [height, height], color=colour, lw=1.5, alpha=1 if filled else 0.5)
    axes.plot(value.by_seed, [height] * len(value.by_seed), "|", color=colour, ms=8, mew=1)
    axes.plot(value.mean, height, "o", color=colour, ms=6, mfc=colour if filled else "white")


def _rows(
    panels: Sequence[Axes], names: Sequence[str], heights: Sequence[float] | None = None
) -> None:
    heights = list(range(len(names))) if heights is None else heights
    panels[0].set_yticks(heights, names)
    panels[0].set_ylim(max(heights) + 0.6, -0.6)
    for axes in panels:
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=8.5)
        axes.grid(False, axis="y")


def _spaced(groups: Sequence[str]) -> list[float]:
    """Heights with a gap between groups."""
    heights, gap = [], 0.0
    for index, group in enumerate(groups):
        gap += 0.6 if index and group != groups[index - 1] else 0.0
        heights.append(index + gap)
    return heights


def _source(settings: dict[str, Any]) -> str:
    return (
        f"{settings['model']} · {settings['data']} · data {settings['data_fingerprint']} · "
        f"{settings['part']} part · commit {short_commit(kit_commit())}"
    )
