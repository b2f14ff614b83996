"""Which regions of DigitAnatomy 2 are one defect each, and how much of one is enough.

The generator's manifest says it by cells. Images are known by their pixels, so any layout will do.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simsid.data.datasets import LabelledImages, PlacedTruth
from synth.encode import pixel_digest
from synth.places import Place, region_map

GENERATOR = 2
"""The first that has logical kinds."""


def placed_truth(
    families: Sequence[str], masks: np.ndarray, places: Sequence[Sequence[Place]], cell: int
) -> PlacedTruth:
    """Regions and saturations of images.

    Args:
        families, masks, places: of each image. cell: side of a cell in pixels.
    """
    pairs = zip(masks, places, strict=True)
    return PlacedTruth(
        np.array(families),
        np.stack([region_map(mask, own, cell) for mask, own in pairs]),
        tuple(tuple(place.saturation for place in own) for own in places),
    )


def with_placed_truth(root: Path, labelled: LabelledImages | None) -> LabelledImages | None:
    """The same part with its regions, where ``root`` holds what generator 2 wrote, as it wrote it.

    Unchanged where an image is not in the manifest, as after a change of its size.
    """
    if labelled is None or labelled.masks is None:
        return labelled
    try:
        content = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
        anatomy = content["parameters"]["anatomy"]
        if int(anatomy.get("generator", 1)) < GENERATOR:
            return labelled
        known = {sample["image_sha256"]: sample for sample in content["samples"]}
        found = [known[pixel_digest(image)] for image in labelled.images]
        families = [sample["factors"]["family"] for sample in found]
        places = [[_place(place) for place in sample["places"]] for sample in found]
        truth = placed_truth(families, labelled.masks, places, int(anatomy["cell"]))
    except (OSError, ValueError, KeyError, TypeError):
        return labelled
    return dataclasses.replace(labelled, placed=truth)


def _place(told: Mapping[str, Any]) -> Place:
    cells = tuple((int(row), int(col)) for row, col in told["cells"])
    return Place(cells, int(told["saturation"]))
