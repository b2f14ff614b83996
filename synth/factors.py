"""The record of everything that was drawn for an image, one column each.

With it any score can be regressed on hand, size, place, exposure or strength.
"""

from typing import Any

from synth.book import GlyphBook
from synth.compose import Layout

COLUMNS: dict[str, type] = {
    "family": str,
    "strength": float,
    "changed": str,
    "population": str,
    "hand": str,
    "start": int,
    "size": float,
    "size_spread": float,
    "place_y": float,
    "place_x": float,
    "exposure": float,
    "contrast": float,
    "noise": float,
    "blur": float,
    "frame": float,
    "collimation": float,
}
"""Columns and their types.

family: 'normal', 'structural' or 'logical'. strength: of the anomaly, 1 - difficulty, 0 in normals.
changed: the cells, as 'r1c3 r2c1' (row and column from 1). hand: who wrote. start: what was added
to the digits of the order. size: mean side of a digit in pixels; size_spread: largest less
smallest. place_y, place_x: mean distance of the digits from the middle of their cells, in pixels.
The rest: see ``synth.population.Population``, as this image has it; collimation as the covered
share of the image.
"""


def placed(layout: Layout, book: GlyphBook, cell: int, row: int) -> dict[str, float]:
    """Size and place of one image's digits, as columns.

    Args:
        layout: placements of a batch.
        book: whose tiles they place.
        cell: side of a cell in pixels.
        row: which image of the batch.
    """
    sides = [book.sizes[number] for number in layout.sizes[row].tolist()]
    count = len(sides)
    middles = [
        sum(2 * int(corner) + side - cell for corner, side in zip(corners[row], sides, strict=True))
        for corners in (layout.top, layout.left)
    ]
    return {
        "size": round(sum(sides) / count, 4),
        "size_spread": float(max(sides) - min(sides)),
        "place_y": round(middles[0] / (2 * count), 4),
        "place_x": round(middles[1] / (2 * count), 4),
    }


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """A sample's record as one row of a table: what it is, and its factors."""
    head = {key: record[key] for key in ("id", "split", "kind", "label")}
    return head | {name: record["factors"][name] for name in COLUMNS}
