"""The glyph-source interface, and how a name or a path becomes a source."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from synth.errors import SynthError
from synth.glyphs.mnist import MnistGlyphs
from synth.glyphs.npz import NpzGlyphs
from synth.glyphs.optdigits import OptDigitGlyphs
from synth.glyphs.strokes import StrokeGlyphs


class GlyphSource(Protocol):
    """Pictures of digits, bright ink on black, in three disjoint parts."""

    fingerprint: str
    """Names the content: two sources with equal fingerprints hold equal glyphs."""

    def glyphs(self, split: str, label: int) -> np.ndarray:
        """Glyphs of one digit.

        Returns:
            (n, height, width) uint8, n at least 1.

        Raises:
            SynthError: there are none.
        """


SOURCES: dict[str, Callable[[str | None], GlyphSource]] = {
    "strokes": lambda root: StrokeGlyphs(),
    "optdigits": lambda root: OptDigitGlyphs(),
    "mnist": MnistGlyphs,
}


def open_source(digits: str, root: str | None = None) -> GlyphSource:
    """Open a source of glyphs.

    Args:
        digits: a name in ``SOURCES``, or the path of an .npz file.
        root: folder of the files of a source that has some.

    Raises:
        SynthError: there is no such source, or it cannot be read.
    """
    if digits in SOURCES:
        return SOURCES[digits](root)
    if Path(digits).suffix.lower() == ".npz":
        return NpzGlyphs(digits)
    raise SynthError(
        f"digits: unknown source {digits!r}; use {', '.join(SOURCES)} or the path of an .npz file"
    )
