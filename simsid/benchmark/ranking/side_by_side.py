"""The talk's interpretation panels: the same images, every method's map in a column of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from simsid.benchmark.ranking.records import Described
from simsid.benchmark.record_files import file_stem, read_json
from simsid.evaluation.provenance import kit_commit, short_commit
from simsid.evaluation.style import new_figure, plain, save, shared_style
from simsid.map_scale import MapScale, overlay

_CELL = 0.95
_ACROSS = 9  # methods in one band; more go below


def draw_side_by_side(folder: Path, dataset: str, models: Sequence[str], path: Path) -> Path | None:
    """Rows: one image of each kind. Columns: input, then each model that kept its maps.

    Args:
        folder: of the benchmark: ``data/<dataset>.npz`` and ``maps/<dataset>-<model>.npz``.

    Returns:
        ``path``; None where no model kept maps.
    """
    files = {m: folder / "maps" / f"{file_stem(f'{dataset}-{m}')}.npz" for m in models}
    files = {model: file for model, file in files.items() if file.exists()}
    if not files:
        return None
    described = read_json(Described, folder / "data" / f"{file_stem(dataset)}.json")
    kinds = [described.kinds[index] for index in described.shown]
    with np.load(folder / "data" / f"{file_stem(dataset)}.npz") as kept:
        images, masks = kept["images"].astype(np.float32) / 255.0, kept["masks"]
    names = list(files)
    bands = [names[start : start + _ACROSS] for start in range(0, len(names), _ACROSS)]
    rows, columns = len(bands) * len(kinds), 1 + max(map(len, bands))
    with shared_style():
        figure = new_figure(columns * _CELL + 1.0, rows * (_CELL + 0.16) + 0.3 * len(bands) + 0.3)
        figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            plain(axes)
        for band, members in enumerate(bands):
            part = grid[band * len(kinds) : (band + 1) * len(kinds)]
            for row, kind in enumerate(kinds):
                _draw_input(part[row, 0], images[row], masks[row], kind, row == 0)
            for column, model in enumerate(members, start=1):
                _draw_maps(part[:, column], images, files[model], model)
        commit = short_commit(kit_commit())
        return save(
            figure,
            path,
            f"{dataset} · data {described.fingerprint} · commit {commit}",
        )


def _draw_input(axes: Axes, image: np.ndarray, mask: np.ndarray, kind: str, first: bool) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=1)
    if mask.any():
        axes.contour(mask, levels=[0.5], colors="#56B4E9", linewidths=0.7)
    axes.set_ylabel(kind.replace("_", " ")[:14], rotation=0, ha="right", va="center", fontsize=8)
    if first:
        axes.set_title("input", loc="center", fontsize=8, fontweight="normal")


def _draw_maps(cells: np.ndarray, images: np.ndarray, file: Path, model: str) -> None:
    with np.load(file) as kept:
        maps, p_values, scale = kept["maps"].astype(np.float32), kept["p_values"], kept["scale"]
    colours = MapScale(float(scale[0]), float(scale[1]))
    for axes, image, anomaly_map, p_value in zip(cells, images, maps, p_values, strict=True):
        axes.imshow(overlay(image, anomaly_map, colours))
        axes.set_xlabel(f"p = {p_value:.2g}", fontsize=6.5, labelpad=1)
    cells[0].set_title(
        model, loc="center", fontsize=8 if len(model) < 12 else 6.5, fontweight="normal"
    )
