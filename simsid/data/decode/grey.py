"""Stored numbers to grey in [0, 1]: depth, colour, transparency, orientation."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Integer

from simsid.data.decode.notes import DEPTH_GUESSED, DEPTH_UNSURE

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601
_ROUNDING = 1e-5  # the weights may add up to a little more than 1
_GUESSES = (8, 10, 12, 14)  # depths of detectors: a film that fits one was never 16 bits deep
_ORIENTATIONS = {  # EXIF: (mirrored left to right, then quarter turns anti-clockwise)
    1: (False, 0),
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 1),
    6: (False, 3),
    7: (True, 3),
    8: (False, 1),
}


def find_depth(highest: int, declared: int | None = None) -> tuple[int, tuple[str, ...]]:
    """How many bits the values of a 16-bit file have, and the warnings that go with it.

    A depth that the header declares counts when all values fit it (PNG's sBIT may also stand on
    values that were scaled up to 16 bits). Undeclared, the smallest of 8, 10, 12 and 14 bits that
    holds all values counts: scaled by 65535 they would be a film of at most 25 % brightness.
    Otherwise 16 bits, with a warning where one bit stays unused: odd depths are rare and cannot be
    told from a dark film.

    Args:
        highest: the largest value of the image.
        declared: bits by the header, if it says.
    """
    if declared is not None and declared < 16 and highest < 2**declared:
        return declared, ()
    for bits in _GUESSES:
        if highest < 2**bits:
            return bits, (DEPTH_GUESSED,)
    return 16, ((DEPTH_UNSURE,) if highest < 2**15 else ())


def scale_down(values: Integer[np.ndarray, ...], bits: int) -> Float[np.ndarray, ...]:
    """Whole numbers of a depth as float32, the largest possible one at 1."""
    scaled = values.astype(np.float32)
    scaled /= np.float32(2**bits - 1)
    return scaled


def blend_channels(values: Float[np.ndarray, "h w channels"]) -> Float[np.ndarray, "h w"]:
    """Grey, grey+alpha, RGB or RGBA in [0, 1] as grey; what is transparent becomes black."""
    channels = values.shape[2]
    grey = values[..., 0]
    if channels >= 3:  # one product after the other: a matrix product rounds by its place in memory
        grey = sum(values[..., place] * weight for place, weight in enumerate(LUMINANCE))
    grey = grey * values[..., -1] if channels in (2, 4) else grey
    return np.where((grey > 1) & (grey < 1 + _ROUNDING), np.float32(1), grey)


def blend_deep(
    values: Integer[np.ndarray, "h w channels"], declared: int | None = None
) -> tuple[Float[np.ndarray, "h w"], int, tuple[str, ...]]:
    """16-bit channels as grey, with the depth that their colours were found to have, and warnings.

    What is transparent is told by a depth of its own: a writer may fill only that.
    """
    colours = values.shape[2] - (values.shape[2] in (2, 4))
    bits, warnings = find_depth(int(values[..., :colours].max()), declared)
    scaled = scale_down(values, bits)
    if colours < values.shape[2]:
        opacity = values[..., colours]
        scaled[..., colours] = scale_down(opacity, bits if int(opacity.max()) < 2**bits else 16)
    return blend_channels(scaled), bits, warnings


def turn_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation of 1 to 8; any other number means upright."""
    mirrored, turns = _ORIENTATIONS.get(orientation, (False, 0))
    if mirrored:
        image = image[:, ::-1]
    return np.rot90(image, turns)
