"""The contract of a generator."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from synth.config import AnatomyConfig
from synth.glyphs import GlyphSource
from synth.scene import Change

STRUCTURAL, LOGICAL = "structural", "logical"


@dataclass(frozen=True)
class Batch:
    """Images of one split and kind, as a generator makes them.

    Attributes:
        images: (n, height, width) uint8.
        changes: what was done to each.
        drawn: whatever else the generator needs to tell of them.
        hidden: (n, 4) rows and columns that the film's border covers at top, bottom, left and
            right; None where there is no border.
    """

    images: np.ndarray
    changes: list[list[Change]]
    drawn: Any = field(repr=False)
    hidden: np.ndarray | None = None


class Generator(Protocol):
    """Makes batches of images; a pure function of its configuration."""

    @property
    def config(self) -> AnatomyConfig:
        """What it was made for."""

    @property
    def source(self) -> GlyphSource:
        """Where its glyphs come from."""

    @property
    def families(self) -> dict[str, str]:
        """Every abnormal kind with its family, in the order of the data set's folders."""

    @property
    def words(self) -> dict[str, str]:
        """Every abnormal kind in a few words."""

    @property
    def together(self) -> frozenset[str]:
        """The kinds of which one mended cell mends its row: the row is one region of the truth."""

    def obstacle(self, kind: str) -> str | None:
        """Why this anatomy cannot show a kind; None if it can."""

    def make(self, split: str, kind: str, numbers: Sequence[int], altered: bool = True) -> Batch:
        """Make the images of these numbers; without ``altered``, the normal ones before."""

    def factors(self, batch: Batch, row: int) -> dict[str, Any]:
        """What was drawn for one image, as JSON types; see ``synth.factors.COLUMNS``."""

    def labels(self, batch: Batch, row: int) -> tuple[int, ...]:
        """The digit that belongs into each cell of one image."""
