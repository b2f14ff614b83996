"""PNG, JPEG, BMP, WebP, GIF and most TIFF files, through Pillow, from bytes alone."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image, UnidentifiedImageError

from simsid.data.decode.codestream import frame_size
from simsid.data.decode.decoded import DecodedFilm, check_size, damaged
from simsid.data.decode.grey import blend_deep, find_depth, scale_down, turn_upright
from simsid.data.decode.jpeg12 import JPEG12_BITS, can_decode_jpeg12, decode_jpeg12
from simsid.data.decode.png import (
    PNG_SIGNATURE,
    PngFile,
    check_complete,
    decode_deep_colour,
    read_chunks,
)
from simsid.errors import ImageError

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
_ORIENTATION, _PHOTOMETRIC, _BITS, _MAX_SAMPLE, _SAMPLE_FORMAT = 0x0112, 262, 258, 281, 339
_WHITE_IS_ZERO, _SIGNED = 0, 2
_PHOTOMETRICS = {
    "1": "grey",
    "L": "grey",
    "F": "grey",
    "LA": "grey+alpha",
    "P": "palette",
    "PA": "palette",
    "RGB": "rgb",
    "RGBA": "rgba",
    "RGBX": "rgb",
    "CMYK": "cmyk",
    "YCbCr": "rgb",
}


def decode_picture(data: bytes, name: str, max_pixels: int) -> DecodedFilm:
    """Everything that Pillow knows, at its full depth.

    Raises:
        ImageError: with ``code`` not_an_image, truncated, animated, unsupported, too_small,
            too_large or aspect_ratio.
    """
    png = None
    if data.startswith(PNG_SIGNATURE):
        png = read_chunks(data, name)
        check_size(png.height, png.width, name, max_pixels)
        data = png.data
    _check_webp(data, name, max_pixels)
    deep = frame_size(data) if data.startswith(b"\xff\xd8") else None
    if deep is not None and deep.bits == JPEG12_BITS:
        return _decode_deep_jpeg(data, deep.height, deep.width, deep.samples, name, max_pixels)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            check_size(image.height, image.width, name, max_pixels)
            frames = getattr(image, "n_frames", 1)
            if frames > 1:
                raise ImageError("animated", f"{name} has {frames} frames or pages; give one image")
            return _decode_open(image, png, name)
    except Image.DecompressionBombError:
        raise ImageError("too_large", f"{name} has more than {max_pixels:,} pixels") from None
    except UnidentifiedImageError:
        if png is not None or data.startswith((b"\xff\xd8\xff", b"BM", b"GIF8", b"RIFF")):
            raise damaged(name) from None
        raise ImageError("not_an_image", f"{name} is not an image that can be read") from None


def _decode_deep_jpeg(
    data: bytes, height: int, width: int, samples: int, name: str, max_pixels: int
) -> DecodedFilm:
    """JPEG of 12 bits, of which Pillow knows nothing."""
    check_size(height, width, name, max_pixels)
    if samples > 1:
        raise ImageError("unsupported", f"{name} is a colour JPEG of 12 bits; save it as PNG")
    if not can_decode_jpeg12():
        raise ImageError("missing_codec", f"{name} is JPEG of 12 bits, which needs python-gdcm")
    pixels = scale_down(decode_jpeg12(data, height, width), JPEG12_BITS)
    return DecodedFilm(pixels, "JPEG", JPEG12_BITS, "grey")


def _decode_open(image: Image.Image, png: PngFile | None, name: str) -> DecodedFilm:
    kind, mode, tags = image.format or "", image.mode, _tiff_tags(image)
    orientation = 1 if kind == "TIFF" else _orientation(image)  # Pillow turns TIFF by itself
    if png is not None and png.is_deep_colour:
        check_complete(png, name)
        values = decode_deep_colour(png)
        pixels, bits, noticed = blend_deep(values, png.significant)
        photometric = {2: "grey+alpha", 3: "rgb", 4: "rgba"}[values.shape[2]]
        return DecodedFilm(turn_upright(pixels, orientation), kind, bits, photometric, noticed)
    declared = png.significant if png is not None else _declared_depth(tags)
    if _SIGNED in tags.get(_SAMPLE_FORMAT, ()):  # Pillow takes signed bytes for unsigned ones
        raise ImageError("unsupported", f"{name} must have whole numbers without a sign")
    image.load()
    if png is not None:
        last = image.crop((0, image.height - 1, image.width, image.height))
        check_complete(png, name, np.asarray(last))
    photometric = _PHOTOMETRICS.get(mode, "colour")
    warnings: tuple[str, ...] = ()
    if mode.startswith("I;16"):
        values, photometric = np.asarray(image), "grey"
        bits, warnings = find_depth(int(values.max()), declared)
        pixels = scale_down(values, bits)
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            pixels[values == transparent] = 0
    else:
        bits, pixels = 32 if mode == "F" else 8, to_grey(image, name)
    deep = bits == 32 or mode.startswith("I;16")  # of these Pillow does not heed it
    inverted = deep and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    return DecodedFilm(
        turn_upright(1 - pixels if inverted else pixels, orientation),
        kind,
        bits,
        "white is zero" if inverted else photometric,
        warnings,
    )


def to_grey(image: Image.Image, name: str) -> Float[np.ndarray, "height width"]:
    """A decoded Pillow image of at most 8 bits a channel, or of floating point, as grey.

    Raises:
        ImageError: ``code`` unsupported, for whole numbers of 32 bits, whose range is unknown.
    """
    mode = image.mode
    if mode == "F":
        return np.asarray(image, np.float32)
    if mode == "I":
        raise ImageError(
            "unsupported", f"{name} has 32-bit whole numbers; save it with 8 or 16 bits"
        )
    if image.has_transparency_data:
        layered = image.convert("LA" if mode in ("L", "LA") else "RGBA")
        opacity = scale_down(np.asarray(layered.getchannel("A")), 8)
        return scale_down(np.asarray(layered.convert("L")), 8) * opacity
    return scale_down(np.asarray(image.convert("L")), 8)


def _tiff_tags(image: Image.Image) -> Any:
    return getattr(image, "tag_v2", {})


def _declared_depth(tags: Any) -> int | None:
    """Bits by a TIFF header: BitsPerSample if it is odd, else MaxSampleValue if it tells."""
    bits, highest = tags.get(_BITS), tags.get(_MAX_SAMPLE)
    bits = bits[0] if isinstance(bits, tuple) else bits
    highest = highest[0] if isinstance(highest, tuple) else highest
    if isinstance(bits, int) and bits < 16:
        return bits
    if isinstance(highest, int) and 255 <= highest < 65535 and not highest & (highest + 1):
        return highest.bit_length()
    return None


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block says nothing, and the film is as it is
        return 1


def _check_webp(data: bytes, name: str, max_pixels: int) -> None:
    """Pillow makes room for a WebP image when it opens it, so its size is read before."""
    if not (data.startswith(b"RIFF") and data[8:12] == b"WEBP"):
        return
    kind = data[12:16]
    try:
        if kind == b"VP8X":
            width = int.from_bytes(data[24:27], "little") + 1
            height = int.from_bytes(data[27:30], "little") + 1
        elif kind == b"VP8L":
            (packed,) = struct.unpack_from("<I", data, 21)
            width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        else:
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    except struct.error:
        raise damaged(name) from None
    check_size(height, width, name, max_pixels)
