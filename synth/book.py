"""A book of glyphs: the pictures of one split, cut to their ink and scaled on first use."""

from collections.abc import Sequence

import numpy as np

from synth.glyphs import GlyphSource
from synth.resample import resize

INK = 32
"""Grey level from which a pixel counts as ink, in glyphs and in masks."""

_PEAK = 160


class GlyphBook:
    """Glyphs of several digits under one numbering, as square tiles of any of a few sizes.

    A tile is the smallest square that holds the glyph's ink, resized so that the longer side of
    the ink fills it. Tiles are computed when first asked for, and kept.

    Args:
        source: where the glyphs come from.
        split: the part whose glyphs are taken.
        labels: the digits to hold.
        sizes: sides of the tiles in pixels.

    Attributes:
        sizes: sides of the tiles in pixels, by size number.
        counts: number of glyphs of each digit.
        starts: id of each digit's first glyph.

    Raises:
        SynthError: the source has no glyph of a digit.
    """

    def __init__(
        self, source: GlyphSource, split: str, labels: tuple[int, ...], sizes: Sequence[int]
    ) -> None:
        parts = {label: source.glyphs(split, label) for label in sorted(set(labels))}
        self.sizes = tuple(sizes)
        self.counts = {label: len(part) for label, part in parts.items()}
        starts = np.cumsum([0, *self.counts.values()])
        self.starts = dict(zip(parts, starts[:-1].tolist(), strict=True))
        self._images, self._boxes = _frame(np.concatenate(list(parts.values())))
        total = len(self._images)
        # np.empty touches no memory until a tile is written, so unused tiles cost nothing.
        self._tiles = [np.empty((total, size, size), np.uint8) for size in self.sizes]
        self._ready = np.zeros((len(self.sizes), total), bool)

    def tiles(self, number: int, ids: np.ndarray) -> np.ndarray:
        """Tiles of one size, from the store.

        Args:
            number: size number.
            ids: (n,) glyph ids.

        Returns:
            (n, size, size) uint8.
        """
        ready = self._ready[number]
        if not ready[ids].all():
            new = np.unique(ids[~ready[ids]])
            self._tiles[number][new] = self.scaled(new, self.sizes[number])
            ready[new] = True
        return self._tiles[number][ids]

    def scaled(self, ids: np.ndarray, size: int) -> np.ndarray:
        """Tiles of any size, computed anew.

        Args:
            ids: (n,) glyph ids.
            size: side in pixels.

        Returns:
            (n, size, size) uint8.
        """
        top, left, side = self._boxes[ids].T
        out = np.empty((len(ids), size, size), np.uint8)
        for length in np.unique(side).tolist():
            mine = np.flatnonzero(side == length)
            windows = np.lib.stride_tricks.sliding_window_view(
                self._images, (length, length), axis=(1, 2)
            )
            out[mine] = resize(windows[ids[mine], top[mine], left[mine]], size)
        # Hair lines that fade when reduced are brightened, so that every digit has ink.
        peak = out.max(axis=(1, 2), keepdims=True).astype(np.int64)
        return (out * np.maximum(peak, _PEAK) // np.maximum(peak, 1)).astype(np.uint8)


def _frame(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the ink's square box (top, left, side) of each glyph, padding where it sticks out."""
    ink = images >= INK
    (top, bottom), (left, right) = _extent(np.any(ink, axis=2)), _extent(np.any(ink, axis=1))
    side = np.maximum(bottom - top, right - left)
    top, left = (top + bottom - side) // 2, (left + right - side) // 2
    height, width = images.shape[1:]
    over = (-top.min(), -left.min(), (top + side).max() - height, (left + side).max() - width)
    pad = max(0, *(int(value) for value in over))
    framed = np.pad(images, ((0, 0), (pad, pad), (pad, pad))) if pad else images
    return framed, np.stack([top + pad, left + pad, side], axis=1)


def _extent(used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First used position and one past the last, of each row of an (n, length) bool array."""
    return used.argmax(axis=1), used.shape[1] - used[:, ::-1].argmax(axis=1)
