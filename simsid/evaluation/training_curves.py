"""Learning curves of a run, from its ``metrics.jsonl``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from simsid.evaluation.style import (
    FAINT,
    KIND_COLOURS,
    NORMAL_COLOUR,
    log_if_wide,
    new_figure,
    save,
)

_POSITION = ("step", "epoch", "stage")
_PER_ROW = 3
_POINTS = 200


def read_metrics(path: Path) -> list[dict]:
    """Lines of a run's metrics; a last line that a kill cut short is left out."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict) and "step" in content:
            lines.append(content)
    return lines


def draw_training_curves(lines: list[dict], path: Path, source: str) -> Path | None:
    """Every logged number against the step: faint each step, strong a running mean.

    Stages are divided by a thin line and named. Returns None when there is nothing to draw.
    """
    names = _numeric_names(lines)
    if not names:
        return None
    rows = -(-len(names) // _PER_ROW)
    figure = new_figure(height=2.1 * rows + 0.5)
    grid = figure.subplots(rows, _PER_ROW, squeeze=False)
    players = list(dict.fromkeys(name.split(".")[0] for name in names))
    palette = (NORMAL_COLOUR, *KIND_COLOURS)
    for axes, name in zip(grid.flat, names, strict=False):
        steps, values = _series(lines, name)
        colour = palette[players.index(name.split(".")[0]) % len(palette)]
        axes.plot(steps, values, color=colour, alpha=0.25, lw=0.8)
        axes.plot(*_running_mean(steps, values), color=colour, lw=1.8)
        axes.set_title(_title(name), fontsize=9)
        axes.tick_params(labelsize=8)
        log_if_wide(axes, values)
        _mark_stages(axes, lines)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("step")
    return save(figure, path, source)


def _title(name: str) -> str:
    player, _, loss = name.partition(".")
    return f"{player}: {'total' if loss == 'loss' else loss.replace('_', ' ')}" if loss else player


def _numeric_names(lines: list[dict]) -> list[str]:
    names: dict[str, None] = {}
    for line in lines:
        for name, value in line.items():
            if name not in _POSITION and isinstance(value, int | float):
                names[name] = None
    return list(names)


def _series(lines: list[dict], name: str) -> tuple[np.ndarray, np.ndarray]:
    pairs = [
        (line["step"], line[name]) for line in lines if isinstance(line.get(name), int | float)
    ]
    steps, values = np.array(pairs, np.float64).T
    return steps, values


def _running_mean(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    width = max(1, len(values) // (_POINTS // 8))
    kernel = np.ones(width) / width
    return steps[width - 1 :], np.convolve(values, kernel, mode="valid")


def _mark_stages(axes: Axes, lines: list[dict]) -> None:
    starts: dict[str, float] = {}
    for line in lines:
        starts.setdefault(str(line.get("stage", "")), line["step"])
    if len(starts) < 2:
        return
    for stage, step in starts.items():
        axes.axvline(step, color=FAINT, lw=0.8, ls=":")
        axes.annotate(stage, (step, 1), (2, -2), xycoords=("data", "axes fraction"), fontsize=7,
                      textcoords="offset points", va="top", color=FAINT)  # fmt: skip
