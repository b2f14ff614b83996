"""Why a region scored as it did: the slots that rebuilt it and the training patches behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simsid.data.datasets import RadiographData
from simsid.detectors.base import Detector
from simsid.detectors.contract import Explanation
from simsid.errors import SimsidError
from simsid.evaluation.evaluate import Evaluation
from simsid.evaluation.figures import source_line
from simsid.evaluation.panels import median_example
from simsid.evaluation.style import new_figure, plain, save, shown_kinds

_SLOTS = 4
_CELL = 1.1
_MAX_ROWS = 6


def draw_why(
    evaluation: Evaluation, detector: Detector, data: RadiographData, path: Path
) -> Path | None:
    """The highest region of each kind's median image: as found and as expected from the rest of the
    film, rebuilt from memory, and from which slots.

    Under each slot stands its addressing weight; beside the slots, the training patch nearest to
    the strongest one, if ``data`` is what the detector was trained on. None when the detector has
    no memory to explain with.
    """
    labelled, prediction = evaluation.labelled, evaluation.prediction
    kinds = ["normal", *shown_kinds(evaluation.results["by_kind"])]
    kinds = [kind for kind in kinds if (labelled.kinds == kind).any()][:_MAX_ROWS]
    rows: list[tuple[str, tuple[int, int], Explanation]] = []
    for kind in kinds:
        index = median_example(kind, labelled.kinds, prediction.score)
        regions = prediction.regions[index]
        place = np.unravel_index(int(regions.argmax()), regions.shape)
        region = (int(place[0]), int(place[1]))
        try:
            why = detector.explain(labelled.images[index].astype(np.float32) / 255.0, region)
        except SimsidError:
            return None
        rows.append((kind, region, why))
    own = detector.facts.get("data_fingerprint") == data.fingerprint
    columns = ["found here", "expected here", "rebuilt", *(f"slot {n + 1}" for n in range(_SLOTS))]
    columns += ["nearest in training"] if own else []
    figure = new_figure(_CELL * len(columns) + 1.6, (_CELL + 0.15) * len(rows) + 0.7)
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for cells, (kind, region, why) in zip(grid, rows, strict=True):
        for axes, (picture, note) in zip(cells, _pictures(why, region, data, own), strict=True):
            plain(axes)
            if picture is not None:
                axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
            axes.set_xlabel(note, fontsize=8, labelpad=2)
        cells[0].set_ylabel(kind, rotation=0, ha="right", va="center", labelpad=8, fontsize=11)
    for axes, name in zip(grid[0], columns, strict=True):
        axes.set_title(name, loc="center", fontweight="normal", fontsize=9)
    return save(figure, path, source_line(evaluation.results))


def _pictures(
    why: Explanation,
    region: tuple[int, int],
    data: RadiographData,
    own: bool,
) -> list[tuple[np.ndarray | None, str]]:
    """What stands in one row: picture and caption of each column."""
    row: list[tuple[np.ndarray | None, str]] = [
        (why.patch, f"row {region[0] + 1}, column {region[1] + 1}"),
        (why.expected, ""),
        (why.inpainted, ""),
    ]
    for number in range(_SLOTS):
        if number < len(why.slots) and why.slot_images is not None:
            row.append((why.slot_images[number], f"weight {why.weights[number]:.2f}"))
        else:
            row.append((None, ""))
    if own:
        row.append((_training_patch(why, region, data), ""))
    return row


def _training_patch(
    why: Explanation, region: tuple[int, int], data: RadiographData
) -> np.ndarray | None:
    if why.nearest_training.size == 0 or why.nearest_training[0, 0] < 0:
        return None
    height, width = why.patch.shape
    image = data.train[int(why.nearest_training[0, 0])].astype(np.float32) / 255.0
    top, left = region[0] * height, region[1] * width
    return image[top : top + height, left : left + width]
