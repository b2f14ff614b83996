"""The built-in handwriting: a stroke model of the digits, endless, offline and reproducible."""

from functools import cache
from itertools import pairwise

import numpy as np

from synth.config import SPLITS
from synth.draws import chain, chain_array, field, words
from synth.glyphs import pen
from synth.glyphs.skeletons import SKELETONS, Stroke, Variant

COUNTS = {"train": 900, "val": 400, "test": 400}
"""Glyphs of each digit in each part."""

_SIDE = 64
_PIXELS_HIGH = 34
# sin(2 pi k / 64) * 1024, literal so that no machine's sin() enters.
_QUARTER = (0, 100, 200, 297, 392, 483, 569, 650, 724, 792, 851, 903, 946, 980, 1004, 1019, 1024)
_SINE = np.array(
    _QUARTER[:-1] + _QUARTER[:0:-1] + tuple(-v for v in _QUARTER[:-1] + _QUARTER[:0:-1]), np.int64
)
_WORDS = 12


class StrokeGlyphs:
    """Digits written by a model pen: variant, slant, aspect, turn, wobble, pressure and ends vary.

    A glyph is a pure function of (part, digit, number). The slant of a glyph is congruent to its
    part's number modulo 3, so no two parts can ever hold a glyph with equal parameters.
    """

    fingerprint = "strokes-1"

    def glyphs(self, split: str, label: int) -> np.ndarray:
        """Glyphs of one digit.

        Returns:
            (n, 64, 64) uint8.
        """
        return _part(split, label)


def slants(split: str, keys_words: np.ndarray) -> np.ndarray:
    """Slant of each glyph, in the residue class of its part.

    Args:
        split: one of ``SPLITS``.
        keys_words: (n, words) uint64, the glyphs' random words.

    Returns:
        (n,) int64 in 1/1024, x per y.
    """
    return field(keys_words[:, 0], 0, 190) * 3 - 130 + SPLITS.index(split)


@cache
def _part(split: str, label: int) -> np.ndarray:
    keys = chain_array(chain("strokes", SPLITS.index(split), label), np.arange(COUNTS[split]))
    raw = words(keys, _WORDS)
    variants = SKELETONS[label]
    chosen = field(raw[:, 0], 16, len(variants))
    out = np.empty((len(keys), _SIDE, _SIDE), np.uint8)
    for number, variant in enumerate(variants):
        mine = np.flatnonzero(chosen == number)
        out[mine] = _write(variant, raw[mine], keys[mine], slants(split, raw[mine]))
    out.setflags(write=False)
    return out


def _write(variant: Variant, raw: np.ndarray, keys: np.ndarray, slant: np.ndarray) -> np.ndarray:
    """Draw one variant for n glyphs: (n, side, side) uint8."""
    knots = sum(len(stroke) for stroke in variant)
    jitter = words(keys ^ np.uint64(chain("jitter")), knots)
    paths, ends, used = [], [], 0
    for stroke in variant:
        closed = stroke[0] == stroke[-1]
        base = np.array(stroke, np.int64) * 10
        moved = base + _jitter(jitter[:, used : used + len(stroke)])
        if closed:
            moved[:, -1] = moved[:, 0]
        matrix, divisor = pen.curve_weights(len(stroke), _steps(stroke), closed)
        paths.append(np.einsum("pk,nkc->npc", matrix, moved) // divisor)
        along = np.arange(len(matrix))
        ends.append(np.minimum(along, along[::-1]))
        used += len(stroke)
    path, from_end = np.concatenate(paths, axis=1), np.concatenate(ends)
    points = _shape(path, raw, slant)
    return pen.draw(points, _radii(raw, from_end), field(raw[:, 5], 16, pen.NIBS), _SIDE)


def _steps(stroke: Stroke) -> tuple[int, ...]:
    """Points per interval: one for every 2 units of the box (0.7 pixel), by the longer side."""
    return tuple(
        max(2, max(abs(x1 - x0), abs(y1 - y0)) // 2) for (x0, y0), (x1, y1) in pairwise(stroke)
    )


def _jitter(raw: np.ndarray) -> np.ndarray:
    """Displacement of each knot in tenths of a unit, (n, knots, 2): the sum of two even draws."""
    x = field(raw, 0, 61) + field(raw, 16, 61) - 60
    y = field(raw, 32, 61) + field(raw, 48, 61) - 60
    return np.stack([x, y], axis=-1)


def _shape(path: np.ndarray, raw: np.ndarray, slant: np.ndarray) -> np.ndarray:
    """Wobble, stretch, slant and turn (n, p, 2) paths in tenths of a unit; to pen coordinates."""
    x, y = path[..., 0] - 300, path[..., 1] - 500
    step = np.arange(path.shape[1])
    for axis, word in ((x, raw[:, 1]), (y, raw[:, 2])):
        phase, pace = field(word, 0, 64)[:, None], 1 + field(word, 16, 4)[:, None]
        depth = field(word, 32, 26)[:, None]
        axis += depth * _SINE[(phase + step * pace) % 64] // 1024
    x = x * (600 + field(raw[:, 3], 0, 740))[:, None] // 1024
    x = x - y * slant[:, None] // 1024
    turn = (field(raw[:, 3], 16, 13) - 6)[:, None]  # in 1/64 of a circle's quarter-sine steps
    sine, cosine = turn * 25, 1024 - turn * turn // 3
    x, y = (x * cosine - y * sine) // 1024, (x * sine + y * cosine) // 1024
    scale = _PIXELS_HIGH * pen.FIXED
    middle = _SIDE * pen.FIXED // 2
    return np.stack([x, y], axis=-1) * scale // 1000 + middle


def _radii(raw: np.ndarray, from_end: np.ndarray) -> np.ndarray:
    """Radius number of the nib at every point, (n, p): weight, pressure, and tapered ends."""
    weight = 3 + field(raw[:, 4], 0, 10) + field(raw[:, 4], 16, 10)
    phase, pace = field(raw[:, 6], 0, 64), 1 + field(raw[:, 6], 16, 2)
    depth = field(raw[:, 6], 32, 5)
    along = np.arange(len(from_end))
    pressure = depth[:, None] * _SINE[(phase[:, None] + along * pace[:, None]) % 64] // 1024
    tapered = field(raw[:, 5], 0, 3) == 0
    loss = np.maximum(8 - from_end, 0) * weight[:, None] // 12
    return weight[:, None] + pressure - np.where(tapered[:, None], loss, 0)
