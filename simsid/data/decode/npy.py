"""NumPy arrays and ``.npy`` files as films; nothing is ever unpickled."""

from __future__ import annotations

import io
import math

import numpy as np

from simsid.data.decode.decoded import DecodedFilm, check_size, damaged
from simsid.data.decode.grey import find_depth, scale_down
from simsid.errors import ImageError

NPY_SIGNATURE = b"\x93NUMPY"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_HEADER_LIMIT = 2_000


def decode_npy(data: bytes, name: str, max_pixels: int) -> DecodedFilm:
    """The one array of a ``.npy`` file, see ``decode_array``.

    Raises:
        ImageError: with ``code`` truncated, inconsistent, and those of ``decode_array``.
    """
    file = io.BytesIO(data)
    try:
        read_header = _HEADERS[np.lib.format.read_magic(file)]
        shape, fortran, dtype = read_header(file, max_header_size=_HEADER_LIMIT)
    except Exception:
        raise damaged(name) from None
    _check_kind(shape, dtype, name, max_pixels)
    expected = math.prod(shape) * dtype.itemsize
    rest = len(data) - file.tell()
    if rest < expected:
        raise damaged(name)
    if rest > expected:
        raise ImageError("inconsistent", f"{name} holds more data than its header says")
    values = np.frombuffer(data, dtype, offset=file.tell())
    return decode_array(values.reshape(shape, order="F" if fortran else "C"), name, max_pixels)


def decode_array(values: np.ndarray, name: str, max_pixels: int) -> DecodedFilm:
    """Whole numbers are divided by the largest of their depth, floating point is taken as it is.

    Args:
        values: (height, width) uint8, uint16, bool, or floating point in [0, 1].

    Raises:
        ImageError: with ``code`` unsupported, too_small, too_large or aspect_ratio.
    """
    _check_kind(values.shape, values.dtype, name, max_pixels)
    bits = values.dtype.itemsize * 8
    warnings: tuple[str, ...] = ()
    if values.dtype.kind == "b":
        bits = 1
    elif bits == 16 and values.dtype.kind == "u":
        bits, warnings = find_depth(int(values.max()))
    if values.dtype.kind == "f":
        return DecodedFilm(values.astype(np.float32), "NPY", 32, "grey")
    return DecodedFilm(scale_down(values, bits), "NPY", bits, "grey", warnings)


def _check_kind(shape: tuple[int, ...], dtype: np.dtype, name: str, max_pixels: int) -> None:
    if len(shape) != 2:
        raise ImageError("unsupported", f"{name} has {len(shape)} axes, expected (height, width)")
    if dtype.kind not in "ufb" or (dtype.kind == "u" and dtype.itemsize > 2) or dtype.itemsize > 8:
        raise ImageError(
            "unsupported", f"{name} must hold uint8, uint16, bool or floating point numbers"
        )
    check_size(shape[0], shape[1], name, max_pixels)
