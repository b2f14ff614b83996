"""Input, reconstruction and anomaly map, one row for each kind, as in the talk's slide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize

from simsid.evaluation.evaluate import Evaluation
from simsid.evaluation.figures import source_line
from simsid.evaluation.style import new_figure, plain, save
from simsid.map_scale import MapScale, colour_bar, overlay

_EXAMPLES = 2
_CELL = 1.25
_MAX_ROWS = 7


def draw_panels(evaluation: Evaluation, scale: MapScale, path: Path) -> Path:
    """Two examples of each kind: its median by score, and a harder one.

    They are chosen by rank among their kind, so a method's failures show too. The truth's outline
    is drawn where there is a mask; the colour scale is fixed by normals.
    """
    test, prediction = evaluation.test, evaluation.prediction
    kinds = ["normal", *evaluation.results["by_kind"]]
    kinds = [k for k in kinds if (test.kinds == k).any()][:_MAX_ROWS]
    columns = (
        ["input", "map"]
        if prediction.reconstruction is None
        else ["input", "reconstruction", "map"]
    )
    width = _CELL * len(columns) * _EXAMPLES + 1.9
    figure = new_figure(width, _CELL * len(kinds) + 1.1)
    grid = figure.subplots(len(kinds), len(columns) * _EXAMPLES, squeeze=False)
    for row, kind in enumerate(kinds):
        chosen = examples_of(kind, test.kinds, prediction.score)
        for slot in range(_EXAMPLES):
            cells = grid[row, slot * len(columns) : (slot + 1) * len(columns)]
            for axes in cells:
                plain(axes)
            if slot < len(chosen):
                _draw_example(cells, columns, evaluation, chosen[slot], scale)
        grid[row, 0].set_ylabel(kind, rotation=0, ha="right", va="center", labelpad=8, fontsize=11)
    for column, name in enumerate(columns * _EXAMPLES):
        grid[0, column].set_title(name, loc="center", fontweight="normal", fontsize=10)
    colours = ScalarMappable(
        Normalize(scale.low, scale.high), ListedColormap(colour_bar(scale) / 255.0)
    )
    bar = figure.colorbar(colours, ax=grid, shrink=0.7, pad=0.02, aspect=25)
    bar.set_label("anomaly map (SD of normals)")
    bar.outline.set_visible(False)
    return save(figure, path, source_line(evaluation.results))


def examples_of(kind: str, kinds: np.ndarray, scores: np.ndarray) -> list[int]:
    """Indices of one kind's image of median score and of its tenth percentile, the harder one.

    For normals the second is the ninetieth percentile: their harder side.
    """
    members = np.flatnonzero(kinds == kind)
    ranked = members[np.argsort(scores[members], kind="stable")]
    hard = 0.9 if kind == "normal" else 0.1
    places = [round(share * (len(ranked) - 1)) for share in (0.5, hard)]
    return [int(ranked[place]) for place in dict.fromkeys(places)]


def _draw_example(
    cells: np.ndarray, columns: list[str], evaluation: Evaluation, index: int, scale: MapScale
) -> None:
    test, prediction = evaluation.test, evaluation.prediction
    image = test.images[index].astype(np.float32) / 255.0
    for axes, column in zip(cells, columns, strict=True):
        if column == "input":
            axes.imshow(image, cmap="gray", vmin=0, vmax=1)
            _outline(axes, test.masks, index)
        elif column == "reconstruction":
            axes.imshow(prediction.reconstruction[index, 0], cmap="gray", vmin=0, vmax=1)
        else:
            axes.imshow(overlay(image, prediction.anomaly_map[index, 0], scale))
            axes.set_xlabel(f"score {prediction.score[index]:.2f}", fontsize=8, labelpad=2)


def _outline(axes: Axes, masks: np.ndarray | None, index: int) -> None:
    if masks is not None and masks[index].any():
        axes.contour(masks[index], levels=[0.5], colors="#00C2FF", linewidths=0.9)
