"""What a decoder noticed and did not refuse a film for: stable codes, and what they mean."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

BURNED_IN_ANNOTATION = "burned_in_annotation"
DEPTH_GUESSED, DEPTH_UNSURE = "depth_guessed", "depth_unsure"
DEPTH_RECONCILED = "depth_reconciled"
HIGH_BITS_IGNORED, VALUES_CLIPPED = "high_bits_ignored", "values_clipped"
INVERSE_PRESENTATION, WINDOW_IGNORED = "inverse_presentation", "window_ignored"
SHORTER_THAN_STATED = "shorter_than_stated"
NEARLY_BLACK, NEARLY_WHITE, NEARLY_FLAT = "nearly_black", "nearly_white", "nearly_flat"
FLAT_WHEN_PREPARED = "flat_when_prepared"

_WORDS = {
    BURNED_IN_ANNOTATION: "text may be burned into the picture: look for names before you share it",
    DEPTH_GUESSED: "the file claims 16 bits but uses {bits}: it was read as {bits}",
    DEPTH_UNSURE: "the file uses 15 of its 16 bits: it was read as 16 and may be too dark",
    DEPTH_RECONCILED: "the header states more bits than the picture has: it was read as {bits}",
    HIGH_BITS_IGNORED: "bits above those of the film were ignored, such as an overlay's",
    VALUES_CLIPPED: "values slightly beyond the depth that the header states were clipped",
    INVERSE_PRESENTATION: "the DICOM says MONOCHROME2 and an inverse presentation: "
    "it was read as MONOCHROME2, so it may be inverted",
    WINDOW_IGNORED: "the DICOM's window makes no sense, such as a width of 0, and was ignored",
    SHORTER_THAN_STATED: "the file is shorter than it states: part of the picture may be missing",
    NEARLY_BLACK: "the film is nearly black",
    NEARLY_WHITE: "the film is nearly white",
    NEARLY_FLAT: "the film is nearly of one grey",
    FLAT_WHEN_PREPARED: "nothing but one grey is left of the film once it is prepared",
}
_DARK, _LIGHT, _FLAT = 0.08, 0.92, 0.02  # 12 bits taken for 16 give a film of at most 0.0625
_SAMPLE = 100_000  # pixels, at most, that are enough for a percentile


def in_words(code: str, bits: int | None = None) -> str:
    """What a code means, in part of a sentence; text that is no code is given back.

    Args:
        bits: the depth that the film was read as; None where several films are spoken of.
    """
    return _WORDS.get(code, code).replace("{bits}", "fewer" if bits is None else str(bits))


def notes_on_brightness(pixels: Float[np.ndarray, "height width"]) -> tuple[str, ...]:
    """Whether nearly all of a film is black, white or of one grey; at most one of them."""
    step = math.ceil(math.sqrt(pixels.size / _SAMPLE))
    low, high = np.percentile(pixels[::step, ::step], (1, 99))
    if high < _DARK:
        return (NEARLY_BLACK,)
    if low > _LIGHT:
        return (NEARLY_WHITE,)
    return (NEARLY_FLAT,) if high - low < _FLAT else ()
