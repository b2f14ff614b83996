"""Places: the regions of a mask that stand for one defect each, and how much of one is enough.

After MVTec LOCO (Bergmann et al., IJCV 2022): of two equal digits either could be the wrong one,
so the region is both and finding as much as one of them is enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synth.config import AnatomyConfig
from synth.scene import Change


@dataclass(frozen=True)
class Place:
    """One region of a mask: its pixels within some cells.

    Attributes:
        cells: (row, col) of each cell.
        saturation: pixels whose finding is as good as finding all of them, at least 1.
    """

    cells: tuple[tuple[int, int], ...]
    saturation: int


def places_of(
    changes: Sequence[Change], mask: np.ndarray, config: AnatomyConfig, together: bool
) -> tuple[Place, ...]:
    """The places of one image.

    Args:
        changes: what was done to it.
        mask: (height, width) bool, its truth.
        config: the anatomy.
        together: whether one mended cell mends all those of its row.
    """
    found = []
    for change in changes:
        row, col = divmod(change.index, config.cols)
        area = int(_cell(mask, row, col, config.cell).sum())
        enough = area if change.saturation is None else min(area, change.saturation)
        if area:
            found.append(Place(((row, col),), max(enough, 1)))
    return _by_row(found) if together else tuple(found)


def _by_row(found: Sequence[Place]) -> tuple[Place, ...]:
    rows: dict[int, list[Place]] = {}
    for place in found:
        rows.setdefault(place.cells[0][0], []).append(place)
    return tuple(
        Place(tuple(place.cells[0] for place in some), min(place.saturation for place in some))
        for some in rows.values()
    )


def region_map(mask: np.ndarray, places: Sequence[Place], cell: int) -> np.ndarray:
    """Number the places of one image.

    Args:
        mask: (height, width) bool.
        places: of this image.
        cell: side of a cell in pixels.

    Returns:
        (height, width) int64: 0 outside the mask, k in the k-th place, from 1.
    """
    regions = np.zeros(mask.shape, np.int64)
    for number, place in enumerate(places, start=1):
        for row, col in place.cells:
            _cell(regions, row, col, cell)[_cell(mask, row, col, cell)] = number
    return regions


def _cell(picture: np.ndarray, row: int, col: int, side: int) -> np.ndarray:
    return picture[row * side : (row + 1) * side, col * side : (col + 1) * side]
