"""DigitAnatomy for the page: anatomies built by hand, examples, and test sets to take away."""

from __future__ import annotations

import io
import tempfile
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from synth import KINDS, AnatomyConfig, DigitAnatomy, SynthError
from synth.generate import generate
from synth.layouts import LAYOUTS
from synth.plan import DatasetConfig

ORDER = "123456789"
EMPTY = "empty"
CELL_CHOICES = (*"0123456789", EMPTY)
MAX_NORMALS, MAX_PER_KIND, MAX_SEED = 200, 100, 10**9
_SPLIT = "test"
_EXAMPLES = {"normal": 5, "novel": 3, "missing": 3, "disordered": 3, "flipped": 4}


@dataclass(frozen=True)
class Anatomy:
    """An anatomy made by hand, with its truth.

    Attributes:
        image: (96, 96) uint8, 0 background, 255 ink.
        mask: (96, 96) bool, what ``kind`` changed; cells chosen by hand are in ``changed`` only.
        by_hand, by_kind: sentences on what is not as it should be, by who did it.
    """

    image: UInt8[np.ndarray, "height width"]
    mask: Bool[np.ndarray, "height width"]
    by_hand: tuple[str, ...] = ()
    by_kind: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[str, ...]:
        """What is not as it should be, whoever did it."""
        return self.by_hand + self.by_kind


def build(
    kind: str, difficulty: float, seed: int, cells: tuple[str, ...], index: int = 0
) -> Anatomy:
    """Make an anatomy of a kind, after setting the digit of each of the nine cells.

    Args:
        kind: one of ``KINDS``: what is done to it beyond the choice of digits.
        difficulty: From 0, blatant, to 1, subtle.
        cells: nine of ``CELL_CHOICES``, in reading order; '1' to '9' is the normal order.

    Raises:
        SynthError: values that make no anatomy.
    """
    if len(cells) != len(ORDER) or not set(cells) <= set(CELL_CHOICES):
        raise SynthError(f"cells must be nine, each a digit or '{EMPTY}'")
    try:
        difficulty, seed, index = round(float(difficulty), 3), int(seed), int(index)
    except (TypeError, ValueError, OverflowError):
        raise SynthError("difficulty, seed and index must be numbers") from None
    if not 0 <= int(seed) <= MAX_SEED:
        raise SynthError(f"seed must be a whole number from 0 to {MAX_SEED}")
    order = "".join(own if cell == EMPTY else cell for cell, own in zip(cells, ORDER, strict=True))
    sample = _anatomy(order, difficulty, seed).sample(_SPLIT, kind, int(index))
    image = sample.image.copy()
    side = image.shape[0] // 3
    notes = []
    for number, (cell, own) in enumerate(zip(cells, ORDER, strict=True)):
        row, col = divmod(number, 3)
        if cell == EMPTY:
            image[row * side : (row + 1) * side, col * side : (col + 1) * side] = 0
        if cell != own:
            shown = "nothing" if cell == EMPTY else f"a {cell}"
            notes.append(f"{_place(row, col)} shows {shown} where a {own} belongs")
    done = tuple(f"{_place(c.row, c.col)}: the {c.before} is {c.action}" for c in sample.cells)
    return Anatomy(image, sample.mask, tuple(notes), done)


def examples() -> dict[str, UInt8[np.ndarray, "height width"]]:
    """One image of each kind, the normal one first; made on the spot."""
    anatomy = _anatomy(ORDER, 0.3, 7)
    return {kind: anatomy.sample(_SPLIT, kind, _EXAMPLES.get(kind, 0)).image for kind in KINDS}


def layouts() -> list[str]:
    """Layouts that can be written here."""
    return [name for name in LAYOUTS if name != "parquet" or find_spec("pyarrow")]


def test_set(normals: int, per_kind: int, difficulty: float, seed: int, layout: str) -> bytes:
    """A generated test set with its manifest and card, as the bytes of a ZIP.

    Raises:
        SynthError: values that make no data set, or more images than the page gives away.
    """
    if normals > MAX_NORMALS or per_kind > MAX_PER_KIND:
        raise SynthError(
            f"at most {MAX_NORMALS} normals and {MAX_PER_KIND} of each kind; for more: "
            "python -m synth generate"
        )
    if layout not in layouts():
        raise SynthError(f"layout must be one of {', '.join(layouts())}")
    anatomy = AnatomyConfig(seed=int(seed), difficulty=float(difficulty))
    config = DatasetConfig(
        anatomy,
        train=0,
        val=0,
        test_normal=int(normals),
        test_per_kind=int(per_kind),
        layout=layout,
    )
    with tempfile.TemporaryDirectory(prefix="digits-") as folder:
        root = Path(folder) / "digitanatomy"
        generate(root, config)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path for path in root.rglob("*") if path.is_file()):
                archive.writestr(file.relative_to(root.parent).as_posix(), file.read_bytes())
    return out.getvalue()


@lru_cache(maxsize=32)
def _anatomy(order: str, difficulty: float, seed: int) -> DigitAnatomy:
    return DigitAnatomy(AnatomyConfig(order=order, difficulty=difficulty, seed=seed))


def _place(row: int, col: int) -> str:
    return f"row {row + 1}, column {col + 1}"
