"""One decoder for everything that comes in: (height, width) float32 in [0, 1].

Grey levels are never stretched by content. A format is a row of ``_DECODERS``: how its first
bytes look, and what decodes it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from simsid.data.decode.decoded import (
    MAX_ASPECT,
    MAX_PIXELS,
    MIN_SIDE,
    DecodedFilm,
    check_image,
    check_size,
    damaged,
)
from simsid.data.decode.dicom import decode_dicom
from simsid.data.decode.dicom_sniff import looks_like_dicom
from simsid.data.decode.notes import notes_on_brightness
from simsid.data.decode.npy import NPY_SIGNATURE, decode_array, decode_npy
from simsid.data.decode.pictures import decode_picture
from simsid.data.decode.quiet import quiet_decoders
from simsid.data.decode.tiff import TIFF_SIGNATURES, decode_tiff
from simsid.errors import ImageError

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_ASPECT",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MIN_SIDE",
    "DecodedFilm",
    "check_image",
    "check_size",
    "decode_film",
    "read_bytes",
    "read_film",
    "read_image",
]

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom", ".npy"}
)
MAX_BYTES = 256 * 2**20

Source = str | Path | bytes | np.ndarray


def read_image(source: Source, max_pixels: int = MAX_PIXELS) -> Float[np.ndarray, "height width"]:
    """Decode one film to float32 grey in [0, 1], upright; see ``read_film`` for rules and errors.

    Args:
        source: a path, the bytes of a file, or an array as a ``.npy`` file would hold it.
        max_pixels: larger films are refused by their header, before anything is decoded.
    """
    return read_film(source, max_pixels).pixels


def read_film(source: Source, max_pixels: int = MAX_PIXELS) -> DecodedFilm:
    """Decode one film in this process; for files of strangers use ``simsid.data.decode.worker``.

    8-bit values are divided by 255, 16-bit values by 65535 (or by the highest value of a
    lower depth that holds them all, see ``grey.find_depth``); colour becomes luminance
    (Rec. 601); what is transparent becomes black; the EXIF orientation is applied; floating
    point is taken as it is. DICOM goes through rescale, then VOI table or window, then MONOCHROME1
    is turned round; see ``dicom.decode_dicom``.

    Args:
        source: a path, the bytes of a file, or an array: (height, width) uint8, uint16, bool or
            floating point in [0, 1].
        max_pixels: larger films are refused by their header, before anything is decoded.

    Raises:
        ImageError: with ``code`` missing, unreadable, empty, not_an_image, truncated (or damaged),
            inconsistent (the header contradicts the data), animated (or several pages),
            multi_frame, no_pixel_data, missing_codec (named), unsupported, not_finite,
            out_of_range, too_small, too_large, aspect_ratio or constant.
    """
    if isinstance(source, np.ndarray):
        film = decode_array(source, "array", max_pixels)
        check_image(film.pixels, "array")
        return replace(film, warnings=film.warnings + notes_on_brightness(film.pixels))
    if isinstance(source, bytes | bytearray | memoryview):
        return decode_film(bytes(source), "image", max_pixels)
    return decode_film(read_bytes(source), Path(source).name, max_pixels)


def decode_film(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> DecodedFilm:
    """Decode the bytes of a file; ``name`` stands in messages. Errors as in ``read_film``."""
    if not data:
        raise ImageError("empty", f"{name} is empty (0 bytes)")
    decode = next(decode for matches, decode in _DECODERS if matches(data))
    try:
        with quiet_decoders():
            film = decode(data, name, max_pixels)
            film = replace(film, pixels=np.ascontiguousarray(film.pixels, dtype=np.float32))
    except ImageError:
        raise
    except MemoryError:
        raise ImageError("too_large", f"{name} needs more memory than decoding may use") from None
    except Exception:
        # Decoders fail on bad bytes in more ways than can be listed, and their messages may quote
        # the file: nothing of them goes on.
        raise damaged(name) from None
    check_image(film.pixels, name)
    return replace(film, warnings=film.warnings + notes_on_brightness(film.pixels))


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a regular file of at most ``MAX_BYTES``.

    Raises:
        ImageError: with ``code`` missing, unreadable, not_an_image (a folder or a device),
            empty or too_large.
    """
    path = Path(path)
    try:
        if os.path.isdir(path):
            raise ImageError("not_an_image", f"{path.name} is a folder")
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("not_an_image", f"{path.name} is not a regular file")
        if status.st_size > MAX_BYTES:
            raise ImageError("too_large", f"{path.name} is larger than {MAX_BYTES >> 20} MiB")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES)
    except FileNotFoundError:
        raise ImageError("missing", f"{path.name}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be opened"
        raise ImageError("unreadable", f"{path.name}: {reason}") from None
    if not data:
        raise ImageError("empty", f"{path.name} is empty (0 bytes)")
    return data


_DECODERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes, str, int], DecodedFilm]], ...] = (
    (looks_like_dicom, decode_dicom),
    (lambda data: data.startswith(NPY_SIGNATURE), decode_npy),
    (lambda data: data.startswith(TIFF_SIGNATURES), decode_tiff),
    (lambda data: True, decode_picture),
)
