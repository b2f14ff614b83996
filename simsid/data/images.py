"""Files in, grey arrays out: (height, width) float32 in [0, 1], never stretched by content.

A format is a row of ``_DECODERS``: how its first bytes look, and how to decode it.
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageOps, UnidentifiedImageError

from simsid.data.tiff import SIGNATURES, decode_tiff, is_deep_colour
from simsid.errors import ImageError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
MIN_SIDE = 32
MAX_PIXELS = 50_000_000
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
_HEADER_BYTES = 256
_WHITE_IS_ZERO, _PHOTOMETRIC = 0, 262
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError)


def read_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> Float[np.ndarray, "height width"]:
    """Decode one image to float32 grey in [0, 1], upright.

    8-bit values are divided by 255 and 16-bit values by 65535; colour becomes luminance
    (Rec. 601; a PNG of 16-bit colour keeps its upper 8 bits); what is transparent becomes black;
    the EXIF orientation is applied.

    Args:
        max_pixels: larger images are refused by their header, before anything is decoded.

    Raises:
        ImageError: with ``code`` missing, unreadable, empty, not_an_image, truncated, animated,
            too_small, too_large, unsupported, out_of_range, not_finite or constant.
    """
    path = Path(path)
    header = _header(path)
    decode = next(decode for matches, decode in _DECODERS if matches(header))
    image = np.ascontiguousarray(decode(path, max_pixels), dtype=np.float32)
    check_image(image, path.name)
    return image


def check_image(image: np.ndarray, name: str = "image") -> None:
    """Refuse an array that no detector can score.

    Raises:
        ImageError: with ``code`` unsupported (not two axes), too_small, not_finite, out_of_range
            or constant.
    """
    if image.ndim != 2:
        raise ImageError("unsupported", f"{name}: expected (height, width), got {image.shape}")
    check_size(image.shape[0], image.shape[1], name)
    low, high = float(image.min()), float(image.max())  # NaN passes through both
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError("not_finite", f"{name} holds values that are not finite")
    if low < 0 or high > 1:
        raise ImageError(
            "out_of_range", f"{name} has values from {low:.4g} to {high:.4g}, expected 0 to 1"
        )
    if low == high:
        raise ImageError("constant", f"{name} has one grey level only: there is nothing to score")


def check_size(height: int, width: int, name: str, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse a size, which a header tells before anything is decoded.

    Raises:
        ImageError: with ``code`` too_small or too_large.
    """
    if min(height, width) < MIN_SIDE:
        raise ImageError(
            "too_small", f"{name} has {height}x{width} px, at least {MIN_SIDE} a side are needed"
        )
    if height * width > max_pixels:
        raise ImageError(
            "too_large", f"{name} has {height}x{width} px, more than {max_pixels:,} in all"
        )


def _header(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError as error:
        raise ImageError("missing", f"{path.name}: no such file") from error
    except IsADirectoryError as error:
        raise ImageError("not_an_image", f"{path.name} is a folder") from error
    except OSError as error:
        if os.path.isdir(path):
            raise ImageError("not_an_image", f"{path.name} is a folder") from error
        raise ImageError("unreadable", f"{path.name}: {error.strerror or error}") from error
    if not header:
        raise ImageError("empty", f"{path.name} is empty (0 bytes)")
    return header


def _decode_picture(path: Path, max_pixels: int) -> np.ndarray:
    """Everything that Pillow knows."""
    name = path.name
    try:
        with _quiet(), Image.open(path, formats=_FORMATS) as image:
            check_size(image.height, image.width, name, max_pixels)
            frames = getattr(image, "n_frames", 1)
            if frames > 1:
                raise ImageError("animated", f"{name} has {frames} frames or pages, give one image")
            inverted = _is_inverted(image)
            image.load()
            grey = to_grey(ImageOps.exif_transpose(image), name)
    except Image.DecompressionBombError as error:
        raise ImageError("too_large", f"{name} has more than {max_pixels:,} pixels") from error
    except UnidentifiedImageError as error:
        raise ImageError("not_an_image", f"{name} is not an image that can be read") from error
    except _DAMAGE as error:
        raise ImageError("truncated", f"{name} is cut short or damaged: {error}") from error
    return 1 - grey if inverted else grey


def to_grey(image: Image.Image, name: str) -> Float[np.ndarray, "height width"]:
    """A decoded Pillow image of any mode as grey in [0, 1].

    Raises:
        ImageError: ``code`` unsupported, for whole numbers of 32 bits, whose range is unknown.
    """
    mode = image.mode
    if mode.startswith("I;16"):
        return np.asarray(image).astype(np.float32) / np.float32(65535)
    if mode == "F":
        return np.asarray(image, np.float32)
    if mode == "I":
        raise ImageError(
            "unsupported", f"{name} has 32-bit whole numbers; save it with 8 or 16 bits"
        )
    if image.has_transparency_data:
        layered = image.convert("LA" if mode in ("L", "LA") else "RGBA")
        opacity = np.asarray(layered.getchannel("A"), np.float32) / np.float32(255)
        return _eight_bit(layered.convert("L")) * opacity
    return _eight_bit(image.convert("L"))


def _eight_bit(image: Image.Image) -> Float[np.ndarray, "height width"]:
    return np.asarray(image, np.float32) / np.float32(255)


def _is_inverted(image: Image.Image) -> bool:
    """TIFF may store white as zero, which Pillow heeds in 1 and 8 bits but not in 16."""
    tags: Any = getattr(image, "tag_v2", {})
    return image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


class _quiet(warnings.catch_warnings):  # noqa: N801 - reads as a verb
    """Pillow's warnings about large or odd files; the checks here say it in one line instead."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")


def _decode_tiff(path: Path, max_pixels: int) -> np.ndarray:
    if is_deep_colour(path):  # Pillow would keep 8 of 16 bits
        return decode_tiff(path, max_pixels)
    try:
        return _decode_picture(path, max_pixels)
    except ImageError as error:
        if error.code != "not_an_image":
            raise
        return decode_tiff(path, max_pixels)


_DECODERS: tuple[tuple[Callable[[bytes], bool], Callable[[Path, int], np.ndarray]], ...] = (
    (lambda header: header.startswith(SIGNATURES), _decode_tiff),
    (lambda header: True, _decode_picture),
)
