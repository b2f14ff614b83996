"""TIFF files that Pillow does not know: 16-bit colour, odd byte orders, odd depths."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile
from jaxtyping import Float

from simsid.errors import ImageError

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601
_DAMAGE = (
    tifffile.TiffFileError,
    OSError,
    ValueError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
)


def is_deep_colour(path: Path) -> bool:
    """Whether the TIFF has several channels of more than 8 bits; False if it cannot be told."""
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            return page.samplesperpixel > 1 and page.bitspersample > 8
    except _DAMAGE:
        return False


def decode_tiff(path: Path, max_pixels: int) -> Float[np.ndarray, "height width"]:
    """The only page of a TIFF as grey; whole numbers are divided by the largest of their depth.

    Raises:
        ImageError: with ``code`` too_large, animated, unsupported or truncated.
    """
    try:
        with tifffile.TiffFile(path) as file:
            if len(file.pages) > 1:
                raise ImageError(
                    "animated", f"{path.name} has {len(file.pages)} pages, give one image"
                )
            page = file.pages[0]
            if page.imagelength * page.imagewidth > max_pixels:
                raise ImageError("too_large", f"{path.name} has more than {max_pixels:,} pixels")
            values, depth = page.asarray(), page.bitspersample
            white_is_zero = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
            if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and values.ndim == 3:
                values = np.moveaxis(values, 0, -1)
    except _DAMAGE as error:
        raise ImageError(
            "truncated", f"{path.name} is cut short, damaged or odd: {error}"
        ) from error
    if values.dtype.kind == "u" and depth <= 16:
        values = values.astype(np.float32) / np.float32(2**depth - 1)
    elif values.dtype.kind != "f":
        raise ImageError(
            "unsupported", f"{path.name} has {depth}-bit whole numbers; save 8 or 16 bits"
        )
    grey = _grey(values.astype(np.float32), path.name)
    return 1 - grey if white_is_zero else grey


def _grey(values: Float[np.ndarray, ...], name: str) -> Float[np.ndarray, "height width"]:
    if values.ndim == 2:
        return values
    if values.ndim != 3 or values.shape[2] > 4:
        raise ImageError("unsupported", f"{name} has axes {values.shape}, expected (height, width)")
    channels = values.shape[2]
    grey = values[..., :3] @ _LUMINANCE if channels >= 3 else values[..., 0]
    return grey * values[..., -1] if channels in (2, 4) else grey
