"""What a DigitAnatomy is: the grid, the order of its digits, the glyphs and the dials."""

from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from synth.errors import SynthError
from synth.population import Population
from synth.version import VERSIONS

SPLITS = ("train", "val", "test")
DIAL = 1 << 16
"""Difficulty is used as an integer in [0, DIAL], so that no result depends on rounding."""


def require_int(name: str, value: object, low: int, high: int) -> None:
    """Refuse what is not a whole number in [low, high].

    Raises:
        SynthError: ``value`` is not; the message begins with ``name``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SynthError(f"{name} must be a whole number from {low} to {high}, got {value!r}")


def _require_fraction(name: str, value: object) -> None:
    """Refuse what is not a number in [0, 1], NaN too."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise SynthError(f"{name} must be a number from 0 to 1, got {value!r}")


@dataclass(frozen=True)
class AnatomyConfig:
    """Parameters of one synthetic anatomy.

    Attributes:
        rows, cols: the grid, 1 to 16 each.
        order: its digits in reading order, rows x cols characters of 0-9; a digit may repeat.
        cell: side of a cell in pixels, 16 to 256.
        digits: 'strokes', 'optdigits', 'mnist' or the path of an .npz file.
        digits_root: folder of the idx files of 'mnist'.
        seed: 0 to 2**63 - 1.
        difficulty: of the anomalies, 0 (blatant) to 1 (subtle).
        contamination: fraction of the training images that are abnormal, 0 to 1.
        generator: 1 or 2, see ``synth.generators``. The bundled model, the published tables and
            every set made so far are of generator 1, so 1 stays the default.
        starts: of generator 2, 1 to 10: each image counts on from its own start, k = 0 to
            starts - 1, so that its digits are those of ``order`` plus k, modulo 10.
        population: of generator 2, what another hospital changes; None changes nothing.
        strength: how much of the population's change is made, 0 (none) to 1 (all).

    Raises:
        SynthError: a value cannot be used.
    """

    rows: int = 3
    cols: int = 3
    order: str = "123456789"
    cell: int = 32
    digits: str = "strokes"
    digits_root: str | None = None
    seed: int = 0
    difficulty: float = 0.0
    contamination: float = 0.0
    generator: int = 1
    starts: int = 1
    population: Population | None = None
    strength: float = 1.0

    def __post_init__(self) -> None:
        require_int("rows", self.rows, 1, 16)
        require_int("cols", self.cols, 1, 16)
        require_int("cell", self.cell, 16, 256)
        require_int("seed", self.seed, 0, (1 << 63) - 1)
        _require_fraction("difficulty", self.difficulty)
        _require_fraction("contamination", self.contamination)
        if not isinstance(self.digits, str):
            raise SynthError(f"digits must be a name or a path as text, got {self.digits!r}")
        if not isinstance(self.order, str) or not set(self.order) <= set("0123456789"):
            raise SynthError(f"order must hold digits 0-9 only, got {self.order!r}")
        if len(self.order) != self.num_cells:
            raise SynthError(
                f"order must name {self.num_cells} digits for a {self.rows} x {self.cols} grid, "
                f"got {len(self.order)}: {self.order!r}"
            )
        self._check_generator()

    def _check_generator(self) -> None:
        if self.generator not in VERSIONS:
            raise SynthError(f"generator must be one of 1 and 2, got {self.generator!r}")
        require_int("starts", self.starts, 1, 10)
        _require_fraction("strength", self.strength)
        if self.generator == 1 and (self.starts != 1 or self.population is not None):
            raise SynthError("starts and population belong to generator 2; add --generator 2")

    @property
    def version(self) -> str:
        """Of the generator that makes the pixels."""
        return VERSIONS[self.generator]

    def public(self) -> dict[str, Any]:
        """All parameters as JSON types, without any path of the machine."""
        values = asdict(self)
        del values["digits_root"]
        values["digits"] = self.digits_name
        if self.population is not None:
            values["population"] = self.population.public()
        return values

    @property
    def num_cells(self) -> int:
        """Cells in an image."""
        return self.rows * self.cols

    @property
    def digits_name(self) -> str:
        """The source's name, or its file's without the folder: fit to be published."""
        return PurePath(self.digits).name

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of an image in pixels."""
        return self.rows * self.cell, self.cols * self.cell

    @property
    def dial(self) -> int:
        """Difficulty as an integer in [0, DIAL]."""
        return round(self.difficulty * DIAL)

    @property
    def labels(self) -> tuple[int, ...]:
        """The digit of each cell in reading order."""
        return tuple(int(digit) for digit in self.order)
