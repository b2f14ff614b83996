"""Input, reconstruction and anomaly map of several images of each kind, as in the talk's slide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from simsid.data.datasets import LabelledImages
from simsid.evaluation.evaluate import Evaluation
from simsid.evaluation.figures import source_line
from simsid.evaluation.style import FAINT, new_figure, plain, save, shown_kinds
from simsid.map_scale import MapScale, colour_bar, overlay

_ACROSS = 2
_CELL, _GAP, _BELOW = 1.4, 0.06, 0.26  # inches
_LEFT, _RIGHT, _TOP, _FOOT = 1.35, 1.1, 0.3, 0.25
_ROWS = 6
_TRUTH = "#00C2FF"
_NAME_LENGTH = 21
_RANKS = (0.05, 0.95)


def draw_panels(evaluation: Evaluation, scale: MapScale, path: Path) -> Path:
    """Images of each kind, chosen by rank among their kind, so a method's failures show too.

    With few kinds each has several rows. The truth's outline is drawn where there is a mask, its
    boxes where there are boxes; the colour scale is fixed by normals.
    """
    labelled, prediction = evaluation.labelled, evaluation.prediction
    kinds = ["normal", *shown_kinds(evaluation.results["by_kind"])]
    kinds = [kind for kind in kinds if (labelled.kinds == kind).any()]
    each = max(1, _ROWS // len(kinds))
    columns = ["input", "map"]
    if prediction.reconstruction is not None:
        columns.insert(1, "reconstruction")
    chosen = [spread_of(k, labelled.kinds, prediction.score, each * _ACROSS) for k in kinds]
    rows = [
        (kind, indices[start : start + _ACROSS])
        for kind, indices in zip(kinds, chosen, strict=True)
        for start in range(0, len(indices), _ACROSS)
    ]
    figure, grid = _grid(len(rows), len(columns) * _ACROSS)
    for number, (cells, (kind, indices)) in enumerate(zip(grid, rows, strict=True)):
        if number == 0 or rows[number - 1][0] != kind:
            name = f"{_wrapped(kind)}\nn = {(labelled.kinds == kind).sum()}"
            cells[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8, fontsize=9)
        for slot, index in enumerate(indices):
            part = cells[slot * len(columns) : (slot + 1) * len(columns)]
            _draw_example(part, columns, evaluation, index, scale)
    for axes, name in zip(grid[0], columns * _ACROSS, strict=True):
        axes.set_title(name, loc="center", fontweight="normal", fontsize=10)
    _draw_bar(figure, scale)
    return save(figure, path, source_line(evaluation.results))


def median_example(kind: str, kinds: np.ndarray, scores: np.ndarray) -> int:
    """Index of one kind's image of median score."""
    return spread_of(kind, kinds, scores, 1)[0]


def spread_of(kind: str, kinds: np.ndarray, scores: np.ndarray, count: int) -> list[int]:
    """Indices of ``count`` images of one kind at evenly spread ranks, from low score to high.

    The lowest and highest twentieth are left out; one image is the median. Fewer where the kind
    has fewer.
    """
    members = np.flatnonzero(kinds == kind)
    ranked = members[np.argsort(scores[members], kind="stable")]
    shares = [0.5] if count == 1 else np.linspace(*_RANKS, count)
    places = [round(float(share) * (len(ranked) - 1)) for share in shares]
    return [int(ranked[place]) for place in dict.fromkeys(places)]


def _draw_example(
    cells: np.ndarray, columns: list[str], evaluation: Evaluation, index: int, scale: MapScale
) -> None:
    labelled, prediction = evaluation.labelled, evaluation.prediction
    image = labelled.images[index].astype(np.float32) / 255.0
    for axes, column in zip(cells, columns, strict=True):
        if column == "input":
            axes.imshow(image, cmap="gray", vmin=0, vmax=1)
            _outline(axes, labelled, index)
            name = _shortened(str(labelled.names[index]))
            axes.set_xlabel(name, fontsize=6.5, labelpad=2, color=FAINT)
        elif column == "reconstruction" and prediction.reconstruction is not None:
            axes.imshow(prediction.reconstruction[index, 0], cmap="gray", vmin=0, vmax=1)
        else:
            axes.imshow(overlay(image, prediction.anomaly_map[index, 0], scale))
            _draw_boxes(axes, labelled, index)
            note = f"{prediction.score[index]:.2f}, p = {prediction.p_value[index]:.2g}"
            axes.set_xlabel(note, fontsize=8, labelpad=2)


def _outline(axes: Axes, labelled: LabelledImages, index: int) -> None:
    if labelled.masks is not None and labelled.masks[index].any():
        axes.contour(labelled.masks[index], levels=[0.5], colors=_TRUTH, linewidths=0.9)
    _draw_boxes(axes, labelled, index)


def _draw_boxes(axes: Axes, labelled: LabelledImages, index: int) -> None:
    for left, top, right, bottom in () if labelled.boxes is None else labelled.boxes[index]:
        corner = (left - 0.5, top - 0.5)  # a picture's first pixel is centred on 0
        axes.add_patch(Rectangle(corner, right - left, bottom - top, ec=_TRUTH, fc="none", lw=0.9))


def _grid(rows: int, columns: int) -> tuple[Figure, np.ndarray]:
    """Square cells at fixed places: solving a layout of so many would take seconds."""
    width = _LEFT + columns * (_CELL + _GAP) + _RIGHT
    height = _TOP + rows * (_CELL + _BELOW) + _FOOT
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    grid = np.empty((rows, columns), object)
    for row, column in np.ndindex(rows, columns):
        left = _LEFT + column * (_CELL + _GAP)
        bottom = height - _TOP - row * (_CELL + _BELOW) - _CELL
        box = (left / width, bottom / height, _CELL / width, _CELL / height)
        grid[row, column] = figure.add_axes(box)
        plain(grid[row, column])
    return figure, grid


def _draw_bar(figure: Figure, scale: MapScale) -> None:
    width = figure.get_size_inches()[0]
    box = ((width - _RIGHT + 0.1) / width, 0.2, 0.16 / width, 0.6)
    colours = ScalarMappable(
        Normalize(scale.low, scale.high), ListedColormap(colour_bar(scale) / 255.0)
    )
    bar = figure.colorbar(colours, cax=figure.add_axes(box))
    bar.set_label("anomaly map (SD of normals)\nbelow the maps: score and p-value")
    bar.outline.set_visible(False)


def _shortened(name: str) -> str:
    """The file's own name; a long one without its middle."""
    name = name.rsplit("/", 1)[-1]
    if len(name) <= _NAME_LENGTH:
        return name
    half = (_NAME_LENGTH - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _wrapped(kind: str) -> str:
    """A kind such as 'Pleural_Thickening|Effusion' over several lines."""
    return kind.replace("|", "\n").replace("_", " ")
