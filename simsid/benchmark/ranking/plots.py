"""Plots of the ranking: ROC curves, AUROC by kind, quality against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.text import Annotation
from sklearn.metrics import roc_auc_score, roc_curve

from simsid.benchmark.ranking.point_labels import place
from simsid.benchmark.ranking.records import Entry
from simsid.benchmark.ranking.tables import kind_columns
from simsid.evaluation.provenance import kit_commit, short_commit
from simsid.evaluation.style import (
    FAINT,
    INK,
    KIND_COLOURS,
    KIND_DASHES,
    NORMAL_COLOUR,
    log_if_wide,
    new_figure,
    save,
    shared_style,
)

Entries = dict[str, list[Entry]]
_STRONG = 6  # models drawn in colour; the others are faint
_COLOURS = (NORMAL_COLOUR, *KIND_COLOURS)
_PANEL = 4.0
_GRID = np.linspace(0, 1, 501)


def draw_roc(
    scores: dict[str, dict[str, np.ndarray]],
    labels: Mapping[str, Sequence[int]],
    reference: str,
    path: Path,
) -> Path:
    """A panel for each data set; of each model the mean over seeds of curves and areas.

    Args:
        scores: (seeds, images) by data set and model, the best model first.
        labels: of the images of each data set.
        reference: model that has a colour of its own wherever it stands.
    """
    with shared_style():
        figure = new_figure(_PANEL * len(scores) + 0.4, _PANEL + 0.5)
        for axes, (name, models) in zip(_panels(figure, len(scores)), scores.items(), strict=True):
            truth = np.array(labels[name])
            strong = list(models)[:_STRONG]
            others: str | None = "others"
            for model, values in models.items():
                hits = np.mean([_roc(truth, scores) for scores in values], axis=0)
                area = np.mean([roc_auc_score(truth, scores) for scores in values])
                if model in strong:
                    rank = strong.index(model)
                    colour, dash = (
                        _COLOURS[rank % len(_COLOURS)],
                        KIND_DASHES[rank % len(KIND_DASHES)],
                    )
                    axes.plot(_GRID, hits, color=colour, ls=dash, label=f"{model} {area:.3f}")
                elif model == reference:
                    axes.plot(_GRID, hits, color=INK, lw=1.6, label=f"{model} {area:.3f}")
                else:
                    axes.plot(_GRID, hits, color=FAINT, lw=0.7, alpha=0.6, label=others)
                    others = None
            axes.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=":")
            axes.set(xlabel="false-alarm rate", ylabel="sensitivity", aspect="equal")
            axes.set_title(name)
            axes.legend(loc="lower right", fontsize=8, handlelength=3)
        return save(figure, path, _source())


def draw_kinds(entries: Entries, path: Path) -> Path:
    """A heat map for each data set: models down, kinds of anomaly across."""
    kinds = {name: kind_columns(found) for name, found in entries.items()}
    rows = {name: [e for e in found if e.auroc] for name, found in entries.items()}
    with shared_style():
        height = 0.27 * max(len(found) for found in rows.values()) + 1.5
        widths = [1.6 + 0.75 * (1 + len(kinds[name])) for name in entries]
        figure = new_figure(sum(widths), height)
        panels = figure.subplots(1, len(entries), width_ratios=widths, squeeze=False)[0]
        for axes, name in zip(panels, entries, strict=True):
            values = np.array([_row_of(entry, kinds[name]) for entry in rows[name]], float)
            _heat(axes, values, [e.model for e in rows[name]], ["all", *kinds[name]])
            axes.set_title(name)
        return save(figure, path, _source())


def draw_cost(entries: Entries, reference: str, path: Path) -> Path:
    """AUROC against training seconds and against images scored in a second, by data set.

    Named are the best six, the reference, and every model that no other beats in both.
    """
    with shared_style():
        figure = new_figure(_PANEL * len(entries) + 0.6, 2 * _PANEL)
        grid = figure.subplots(2, len(entries), squeeze=False)
        names: dict[Axes, tuple[list[Annotation], np.ndarray]] = {}
        for column, (name, found) in enumerate(entries.items()):
            for axes, key, label in zip(
                grid[:, column],
                ("train_seconds", "score_images_per_second"),
                ("training (s)", "scoring (images/s)"),
                strict=True,
            ):
                shown = [e for e in found if e.auroc and e.cost.of(key) is not None]
                names[axes] = _scatter(axes, shown, key, reference)
                axes.set(xlabel=label, ylabel="AUROC")
                axes.set_title(name)
        figure.draw_without_rendering()  # what covers what is known once sizes are
        for axes, (own, points) in names.items():
            place(axes, own, points)
        return save(figure, path, _source())


def _scatter(
    axes: Axes, found: list[Entry], key: str, reference: str
) -> tuple[list[Annotation], np.ndarray]:
    """Points, strong where no other beats them in both; their names to place, and all points."""
    names = []
    costs = [e.cost.of(key) or 0.0 for e in found]
    points = np.array([(cost, e.area) for cost, e in zip(costs, found, strict=True)]).reshape(-1, 2)
    for rank, (entry, (x, y)) in enumerate(zip(found, points, strict=True)):
        cheaper = [cost <= x if key == "train_seconds" else cost >= x for cost in costs]
        beaten = any(ok and other.area > y for ok, other in zip(cheaper, found, strict=True))
        colour = FAINT if beaten else NORMAL_COLOUR
        axes.plot(x, y, "o", color=colour, ms=5)
        if beaten and rank >= _STRONG and entry.model != reference:
            continue
        ink = FAINT if beaten else INK
        name = axes.annotate(
            entry.model, (x, y), (0, 0), textcoords="offset points", fontsize=6.5, color=ink
        )
        name.set_in_layout(False)
        names.append(name)
    axes.margins(x=0.25, y=0.1)
    if not found:  # resumed trainings cannot tell their time
        axes.text(0.5, 0.5, "not known", ha="center", transform=axes.transAxes, color=FAINT)
        return names, points
    log_if_wide(axes, points[:, 0], "x", decades=1)
    return names, points


def _heat(axes: Axes, values: np.ndarray, rows: list[str], columns: list[str]) -> None:
    blues = ListedColormap(np.linspace((1, 1, 1), (0.0, 0.45, 0.70), 64))
    axes.imshow(values, cmap=blues, vmin=0.5, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            ink = "white" if value > 0.85 else INK
            axes.text(
                column, row, f"{value:.2f}", ha="center", va="center", fontsize=7.5, color=ink
            )
    axes.set_yticks(range(len(rows)), rows, fontsize=8.5)
    axes.set_xticks(range(len(columns)), columns, fontsize=8.5, rotation=30, ha="right")
    axes.tick_params(length=0)
    axes.grid(False)


def _row_of(entry: Entry, kinds: list[str]) -> list[float]:
    own = [entry.by_kind.get(kind) for kind in kinds]
    return [entry.area, *(np.nan if value is None else value.mean for value in own)]


def _roc(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Sensitivity at each false-alarm rate of ``_GRID``."""
    alarms, hits, _ = roc_curve(truth, scores)
    return np.interp(_GRID, alarms, hits)


def _panels(figure: Any, count: int) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False)[0])


def _source() -> str:
    return f"commit {short_commit(kit_commit())}"
