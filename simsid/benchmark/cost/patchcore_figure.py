"""What region-patchcore makes of films: the canonical film, its mask, films aligned, both maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from simsid.data.datasets import RadiographData
from simsid.detectors import load_model
from simsid.detectors.region_patchcore import RegionPatchCore
from simsid.errors import SimsidError
from simsid.evaluation.evaluate import part_to_measure
from simsid.evaluation.provenance import kit_commit, short_commit
from simsid.evaluation.style import new_figure, plain, save, shared_style
from simsid.map_scale import map_scale, overlay
from simsid.models.alignment import warp

_MOVE = ((1.08, 0.06, 0.08), (-0.06, 1.08, -0.06))
_CELL = 1.35  # inches
_COLUMNS = ("film", "moved", "moved, aligned", "region", "global", "6 : 4")


def draw_region_patchcore(model: str, data: RadiographData, path: Path) -> Path:
    """One film of each kind as it came, moved on purpose, aligned, and with its maps.

    The fused column is in the model's own proportion. Films of patients are for the owner's eyes:
    a figure of them is as private as they are.

    Raises:
        SimsidError: the model is another one, or the data has no labelled part.
    """
    detector = load_model(model)
    if not isinstance(detector, RegionPatchCore) or not detector.config.regions:
        raise SimsidError(f"{model} is no region-patchcore with both memories: nothing to draw")
    part = part_to_measure(data, None)
    if part is None:
        raise SimsidError(f"'{data.name}' has no labelled part to draw films of")
    labelled = getattr(data, part)
    kinds = list(dict.fromkeys(["normal", *labelled.kinds.tolist()]))
    films = [labelled.images[labelled.kinds == kind][0] / np.float32(255) for kind in kinds]
    with shared_style():
        figure = new_figure(_CELL * (len(_COLUMNS) + 0.6), _CELL * (len(kinds) + 1) * 1.1)
        _draw(figure, detector, kinds, np.stack(films))
        commit = short_commit(kit_commit())
        return save(figure, path, f"data {data.fingerprint[:12]}, commit {commit}")


def _draw(figure: Figure, detector: RegionPatchCore, kinds: list[str], films: np.ndarray) -> None:
    grid = figure.subplots(len(kinds) + 1, len(_COLUMNS), squeeze=False)
    for axes in grid.flat:
        plain(axes)
    rows, cols = detector.map_size
    pictures = {
        "canonical film": detector.canonical[0, 0].numpy(),
        "looked at": torch.as_tensor(detector.mask).reshape(rows, cols).numpy().astype(np.float32),
        "cells": (torch.as_tensor(detector.cell_of) / len(detector.bank_ends))
        .reshape(rows, cols)
        .numpy(),
    }
    for axes, (title, picture) in zip(grid[0], pictures.items(), strict=False):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
        axes.set_title(title, fontsize=9, loc="center", fontweight="normal")
        for spine in axes.spines.values():  # a mask that keeps everything is as white as the page
            spine.set_visible(True)
    scale, batch = map_scale(detector), torch.as_tensor(films)[:, None]
    moved = warp(batch, torch.tensor([_MOVE]).expand(len(batch), 2, 3))
    with torch.inference_mode():
        aligned = detector.aligned(moved)[0]
    maps = [
        detector.predict(films, score=name).anomaly_map[:, 0]
        for name in ("region", "global", "fused")
    ]
    for row, (axes, kind) in enumerate(zip(grid[1:], kinds, strict=True)):
        shown = [films[row], moved[row, 0].numpy(), aligned[row, 0].numpy()]
        shown += [overlay(films[row], values[row], scale) for values in maps]
        for cell, picture, title in zip(axes, shown, _COLUMNS, strict=True):
            cell.imshow(picture, cmap="gray", vmin=0, vmax=1 if picture.ndim == 2 else None)
            if row == 0:
                cell.set_title(title, fontsize=9, loc="center", fontweight="normal")
        axes[0].set_ylabel(kind, fontsize=9)
