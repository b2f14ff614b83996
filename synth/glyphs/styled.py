"""Several glyph sources as one, written thicker or thinner and more or less slanted."""

import hashlib
from collections.abc import Sequence

import numpy as np

from synth.glyphs.sources import GlyphSource
from synth.resample import resize

SIDE = 64
"""Height of the glyphs in pixels."""

_PASSES = 2  # of thickening by one pixel all around, at a thickness of 1
_FIXED = 64


class StyledGlyphs:
    """Glyphs of several sources, one source after another, all of one size and in one style.

    Args:
        sources: where the glyphs come from.
        thickness, slant: see :class:``synth.population.Population``.
    """

    def __init__(
        self, sources: Sequence[GlyphSource], thickness: float = 0.0, slant: float = 0.0
    ) -> None:
        self.sources = tuple(sources)
        self._thickness, self._slant = round(thickness * 256), round(slant * _FIXED)
        style = f"{self._thickness} {self._slant} " + " ".join(s.fingerprint for s in self.sources)
        self.fingerprint = self.sources[0].fingerprint
        if len(self.sources) > 1 or self._thickness or self._slant:
            self.fingerprint = hashlib.sha256(style.encode()).hexdigest()

    def counts(self, split: str, label: int) -> list[int]:
        """Number of glyphs of one digit in each source."""
        return [len(source.glyphs(split, label)) for source in self.sources]

    def glyphs(self, split: str, label: int) -> np.ndarray:
        """Glyphs of one digit.

        Returns:
            (n, 64, width) uint8.

        Raises:
            SynthError: a source has none.
        """
        parts = [_sized(source.glyphs(split, label)) for source in self.sources]
        return slanted(thickened(np.concatenate(parts), self._thickness), self._slant)


def _sized(images: np.ndarray) -> np.ndarray:
    """Square pictures of ``SIDE`` pixels."""
    height, width = images.shape[1:]
    side = max(height, width)
    up, across = side - height, side - width
    square = np.pad(images, ((0, 0), (up // 2, up - up // 2), (across // 2, across - across // 2)))
    return square if side == SIDE else resize(square, SIDE)


def thickened(images: np.ndarray, amount: int) -> np.ndarray:
    """Grow (or, below 0, shrink) bright strokes by up to two pixels on each side.

    Args:
        images: (n, height, width) uint8.
        amount: from -256 to 256.

    Returns:
        uint8 of that shape; a glyph that would vanish keeps a third of its grey levels.
    """
    if not amount:
        return images
    pick = np.maximum if amount > 0 else np.minimum
    weight = abs(amount) * _PASSES
    out = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    for step in range(_PASSES):
        share = min(max(weight - 256 * step, 0), 256)
        grown = out.copy()
        for there, here in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[:, :, 1:], np.s_[:, :, :-1])):
            grown[there] = pick(grown[there], out[here])
            grown[here] = pick(grown[here], out[there])
        mixed = out.astype(np.int64) * (256 - share) + grown.astype(np.int64) * share
        out = (mixed // 256).astype(np.uint8)
    out = out[:, 2:-2, 2:-2]
    return np.maximum(out, images // 3) if amount < 0 else out


def slanted(images: np.ndarray, slant: int) -> np.ndarray:
    """Shear glyphs about their middle row; upper parts go right.

    Args:
        images: (n, height, width) uint8.
        slant: in 1/64 of a pixel to the right for each pixel up.

    Returns:
        (n, height, wider) uint8.
    """
    if not slant:
        return images
    height = images.shape[1]
    room = abs(slant) * height // (2 * _FIXED) + 2
    wide = np.pad(images, ((0, 0), (0, 0), (room, room))).astype(np.int64)
    out = np.zeros_like(wide)
    for row in range(height):
        whole, part = divmod(slant * (height - 1 - 2 * row) // 2, _FIXED)
        near, far = (np.roll(wide[:, row], shift, axis=1) for shift in (whole, whole + 1))
        out[:, row] = (near * (_FIXED - part) + far * part) // _FIXED
    return out.astype(np.uint8)
