"""The false-alarm rate and AUROC of each group, with intervals, beside what was promised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from simsid.evaluation.figures import source_line
from simsid.evaluation.style import FAINT, INK, KIND_COLOURS, NORMAL_COLOUR, new_figure, save
from simsid.shares import in_percent
from simsid.terminal import printable

_ROW = 0.3
_CHANCE = "#DDDDDD"


def draw_groups(results: dict[str, Any], path: Path) -> Path | None:
    """One row a group: share of its normals flagged, and its AUROC; dots with 95 % intervals.

    A grey bar is what chance explains when the group's normals are like the calibration normals.
    None when no group is large enough for more than its counts.
    """
    groups = results["groups"]
    rows = [("all", groups["all"], 0)]
    for place, (attribute, members) in enumerate(groups["by"].items(), start=1):
        rows += [(f"{attribute}: {name}", m, place) for name, m in members.items()]
    rows = [row for row in rows if row[1]["flagged"] or row[1]["auroc"] is not None]
    if len(rows) < 2:
        return None
    heights = [index + 0.5 * place for index, (_, _, place) in enumerate(rows)]
    figure = new_figure(height=_ROW * (heights[-1] + 1) + 1.3)
    flagged, auroc = figure.subplots(1, 2, sharey=True)
    for height, (_, measured, _) in zip(heights, rows, strict=True):
        _draw_share(flagged, height, measured)
        if measured["auroc"] is not None:
            _dot(auroc, height, measured["auroc"], measured["auroc_ci"], KIND_COLOURS[0])
    flagged.axvline(groups["rate"], color=INK, lw=1.2, ls="--")
    names = [f"{printable(name)}  ({m['normal']} + {m['abnormal']})" for name, m, _ in rows]
    flagged.set_yticks(heights, names)
    flagged.set_ylim(heights[-1] + 0.6, -0.6)
    flagged.set_xlim(left=-0.01)
    flagged.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    flagged.set(title="normals flagged", xlabel=f"stated: {in_percent(groups['rate'])}")
    if groups["all"]["auroc"] is not None:
        auroc.axvline(groups["all"]["auroc"], color=INK, lw=1.2, ls="--")
    auroc.axvline(0.5, color=FAINT, lw=1, ls=":")
    auroc.set(title="AUROC within the group", xlabel="dotted: chance")
    for axes in (flagged, auroc):
        axes.grid(False, axis="y")
        axes.tick_params(axis="y", length=0)
    figure.supylabel("group (normals + abnormals)", fontsize=9, color=FAINT)
    return save(figure, path, source_line(results))


def _draw_share(axes: Axes, height: float, measured: dict[str, Any]) -> None:
    if measured["expected"] is not None:
        low, high = measured["expected"]
        axes.barh(height, high - low, 0.7, low, color=_CHANCE, lw=0)
    if measured["flagged"] is not None:
        _dot(axes, height, measured["flagged"]["share"], measured["flagged"]["ci"], NORMAL_COLOUR)


def _dot(axes: Axes, height: float, value: float, interval: list[float], colour: str) -> None:
    axes.plot(interval, [height, height], color=colour, lw=1.6, solid_capstyle="butt")
    axes.plot([value], [height], "o", color=colour, ms=5.5)
