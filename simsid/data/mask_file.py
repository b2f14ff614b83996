"""One mask file: which pixels it marks. 0 is normal, anything else is abnormal."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageOps

from simsid.data.decode.npy import NPY_SIGNATURE
from simsid.data.decode.png import PNG_SIGNATURE, decode_deep_colour, read_chunks
from simsid.data.images import read_bytes

SIZE, NOT_UNDERSTOOD = "size", "not_understood"
_LOSSY = ("JPEG", "MPO", "AVIF")
_MAY_BLUR, _CLASSES = "JPEG2000", 16  # labels are few where nothing was blurred
_DEEP, _DEEP_COLOURS = 16, (2, 4, 6)  # bits, and PNG's grey+alpha, RGB and RGBA
_GREY_MODES = ("1", "L", "I", "F")
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)


class MaskError(Exception):
    """A mask that tells nothing of its film. ``code`` is ``SIZE`` or ``NOT_UNDERSTOOD``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class MaskFile:
    """Pixels that a file marks; ``lossy`` where JPEG or its kin blurred them.

    Then half of the highest value counts.
    """

    marked: Bool[np.ndarray, "height width"]
    lossy: bool = False


def read_mask(path: Path, shape: tuple[int, int]) -> MaskFile:
    """Read a mask of a film of (height, width) pixels.

    Any depth, palettes and colours; what is transparent counts as 0. Where a palette has no black,
    its entry 0 is normal. A mask without any 0 but with several values is not understood.

    Raises:
        MaskError: another size, no mask, damaged, or of a kind that leaves truth open.
    """
    try:
        data = read_bytes(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values, lossy = _values(data, path.name, shape)
    except MaskError:
        raise
    except Exception as error:  # broken files fail in many ways
        raise MaskError(NOT_UNDERSTOOD, f"it cannot be read ({type(error).__name__})") from None
    if values.shape[:2] != shape:
        raise _other_size(values.shape[:2], shape)
    if values.dtype != bool:
        if not np.isfinite(values).all():
            raise MaskError(NOT_UNDERSTOOD, "it holds values that are not numbers")
        if not lossy and values.all() and values.min() != values.max():
            raise MaskError(NOT_UNDERSTOOD, "no pixel of it is 0, so none would be normal")
        values = values > values.max() / 2 if lossy else values != 0
    return MaskFile(values, lossy)


def _values(data: bytes, name: str, shape: tuple[int, int]) -> tuple[np.ndarray, bool]:
    """(height, width) values where 0 is normal, or bool; and whether they were blurred."""
    if data.startswith(NPY_SIGNATURE):
        values = np.load(io.BytesIO(data), allow_pickle=False)
        if values.ndim != 2 or values.dtype.kind not in "buif":
            raise MaskError(NOT_UNDERSTOOD, "it is no array of two dimensions and real numbers")
        return values, False
    with Image.open(io.BytesIO(data)) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise MaskError(NOT_UNDERSTOOD, "it has several pages or frames")
        turned = image.getexif().get(_ORIENTATION) in _TURNED
        size = image.size if turned else image.size[::-1]
        if tuple(size) != tuple(shape):  # nothing of another size is decoded
            raise _other_size(size, shape)
        lossy = image.format in _LOSSY or (image.format == "WEBP" and b"VP8 " in data[:64])
        lossy |= image.format == "TIFF" and image.info.get("compression") == "jpeg"
        if data.startswith(PNG_SIGNATURE):
            deep = read_chunks(data, name)
            if deep.depth == _DEEP and deep.colour in _DEEP_COLOURS:
                return _of_colours(decode_deep_colour(deep)), False
        values = _of_image(ImageOps.exif_transpose(image))
        if image.format == _MAY_BLUR:
            lossy = len(np.unique(values)) > _CLASSES
        return values, lossy


def _of_image(image: Image.Image) -> np.ndarray:
    if image.mode in _GREY_MODES or image.mode.startswith("I;16"):
        return np.asarray(image)
    if image.mode in ("P", "PA"):
        return _of_palette(image)
    if image.mode in ("LA", "RGB", "RGBA"):
        return _of_colours(np.asarray(image))
    raise MaskError(NOT_UNDERSTOOD, f"it has colours of the kind {image.mode}")


def _of_palette(image: Image.Image) -> np.ndarray:
    """By colour where some pixel is black or transparent; else entry 0 is normal."""
    coloured = _of_colours(np.asarray(image.convert("RGBA")))
    if not coloured.all() and coloured.any():
        return coloured
    entries = np.asarray(image if image.mode == "P" else image.getchannel(0))
    return coloured if (entries == entries.flat[0]).all() else entries


def _of_colours(pixels: np.ndarray) -> np.ndarray:
    """(height, width) from grey+alpha, RGB or RGBA: the highest channel, 0 where transparent."""
    channels = pixels.shape[2]
    if channels == 3:
        return pixels.max(2)
    colour, alpha = pixels[..., :-1].max(2), pixels[..., -1]
    if not colour.any():  # all black: whatever it says, opacity says
        return alpha if alpha.min() == 0 else colour
    return np.where(alpha > 0, colour, 0)


def _other_size(size: tuple[int, ...], shape: tuple[int, int]) -> MaskError:
    return MaskError(
        SIZE, f"it has {size[0]}x{size[1]} px, its film {shape[0]}x{shape[1]} (height x width)"
    )
