"""TIFF files: through Pillow, or where it keeps too little (16-bit colour, odd depths) tifffile."""

from __future__ import annotations

import io
import zlib

import numpy as np
import tifffile
from jaxtyping import Float

from simsid.data.decode.decoded import DecodedFilm, check_size, damaged
from simsid.data.decode.grey import blend_channels, find_depth, scale_down, turn_upright
from simsid.data.decode.pictures import decode_picture
from simsid.errors import ImageError

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_DEFLATE = (tifffile.COMPRESSION.DEFLATE, tifffile.COMPRESSION.ADOBE_DEFLATE)
_READABLE = (tifffile.COMPRESSION.NONE, tifffile.COMPRESSION.PACKBITS, *_DEFLATE)
_GREY_OR_RGB = (
    tifffile.PHOTOMETRIC.MINISWHITE,
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.RGB,
)
_ORIENTATION, _MAX_CHANNELS, _SLACK = 274, 4, 65_536


def decode_tiff(data: bytes, name: str, max_pixels: int) -> DecodedFilm:
    """The only page of a TIFF.

    Raises:
        ImageError: with ``code`` truncated, animated, unsupported, missing_codec, too_small,
            too_large or aspect_ratio.
    """
    if _is_deep_colour(data):  # Pillow would keep 8 of 16 bits
        return _decode_page(data, name, max_pixels)
    try:
        return decode_picture(data, name, max_pixels)
    except ImageError as error:
        if error.code != "not_an_image":
            raise
        return _decode_page(data, name, max_pixels)


def _is_deep_colour(data: bytes) -> bool:
    """Whether the TIFF has several channels of more than 8 bits; False if it cannot be told."""
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            return page.samplesperpixel > 1 and page.bitspersample > 8
    except Exception:  # whoever decodes it will say what is wrong
        return False


def _decode_page(data: bytes, name: str, max_pixels: int) -> DecodedFilm:
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            if len(file.pages) > 1:
                raise ImageError("animated", f"{name} has {len(file.pages)} pages; give one image")
            page = file.pages[0]
            _check_page(page, data, name, max_pixels)
            values, depth = page.asarray(maxworkers=1), page.bitspersample
    except tifffile.TiffFileError:
        raise damaged(name) from None
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and values.ndim == 3:
        values = np.moveaxis(values, 0, -1)
    if values.ndim not in (2, 3):
        raise ImageError("unsupported", f"{name} has {values.ndim} axes, expected (height, width)")
    bits = 32
    warnings: tuple[str, ...] = ()
    if values.dtype.kind == "u":
        bits = depth
        if depth == 16 and values.ndim == 2:
            bits, warnings = find_depth(int(values.max()))
        elif depth == 16:
            colours = values[..., :3] if values.shape[2] > 2 else values[..., :1]
            bits, warnings = find_depth(int(colours.max()))
        values = scale_down(values, bits)
        if values.ndim == 3 and values.shape[2] in (2, 4) and values[..., -1].max() > 1:
            values[..., -1] *= np.float32((2**bits - 1) / (2**16 - 1))
    inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    return DecodedFilm(
        turn_upright(_grey(values, inverted), _orientation(page)),
        "TIFF",
        bits,
        "white is zero" if inverted else ("grey" if values.ndim == 2 else "rgb"),
        warnings,
    )


def _check_page(page: tifffile.TiffPage, data: bytes, name: str, max_pixels: int) -> None:
    """All that can be refused before anything is decoded."""
    check_size(page.imagelength, page.imagewidth, name, max_pixels)
    kind = None if page.dtype is None else page.dtype.kind
    if kind not in ("u", "f") or (kind == "u" and page.bitspersample > 16):
        raise ImageError("unsupported", f"{name} must have whole numbers of 8 or 16 bits")
    if page.samplesperpixel > _MAX_CHANNELS or page.imagedepth > 1:
        raise ImageError("unsupported", f"{name} has more than {_MAX_CHANNELS} channels")
    if page.photometric not in _GREY_OR_RGB:
        raise ImageError("unsupported", f"{name} is neither a grey nor an RGB film")
    if page.compression not in _READABLE:
        raise ImageError(
            "missing_codec", f"{name} is a TIFF compressed in a way that needs imagecodecs"
        )
    if page.compression in _DEFLATE:
        _check_inflation(page, data, name)


def _check_inflation(page: tifffile.TiffPage, data: bytes, name: str) -> None:
    """tifffile inflates a strip or tile whole, so one that grows beyond its size is refused."""
    samples = page.samplesperpixel if page.planarconfig == tifffile.PLANARCONFIG.CONTIG else 1
    rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    columns = page.tilewidth if page.is_tiled else page.imagewidth
    limit = rows * columns * samples * max(1, -(-page.bitspersample // 8)) + _SLACK
    if limit > 2 * (page.imagelength + 1024) * (page.imagewidth + 1024) * 8 * samples:
        raise ImageError("inconsistent", f"{name} has tiles larger than the image")
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        inflator = zlib.decompressobj()
        inflated = len(inflator.decompress(data[start : start + count], limit))
        if inflated >= limit or inflator.unconsumed_tail:
            raise ImageError("too_large", f"{name} inflates to more than its header says")


def _orientation(page: tifffile.TiffPage) -> int:
    tag = page.tags.get(_ORIENTATION)
    return int(tag.value) if tag is not None else 1


def _grey(values: Float[np.ndarray, ...], inverted: bool) -> Float[np.ndarray, "height width"]:
    values = values.astype(np.float32)
    if inverted:  # before what is transparent becomes black
        grey = values if values.ndim == 2 else values[..., 0]
        np.subtract(1, grey, out=grey)
    return values if values.ndim == 2 else blend_channels(values)
