"""Samples as bytes: PNG encoding, decoding, and the digests of decoded pixels."""

import hashlib
import io
import struct
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from synth.anatomy import DigitAnatomy, Sample
from synth.plan import Entry


@dataclass(frozen=True)
class Encoded:
    """One sample ready to be written.

    Attributes:
        id: its name in the data set, see :class:``synth.plan.Entry``.
        split: one of ``SPLITS``.
        image_png, mask_png: grey PNG files.
        record: what the manifest says of it, as JSON types.
    """

    id: str
    split: str
    image_png: bytes
    mask_png: bytes
    record: dict


@dataclass(frozen=True)
class Decoded:
    """One sample read back.

    Attributes:
        id: its name in the data set.
        image: (height, width) uint8.
        mask: (height, width) uint8 of 0 and 255, or None.
    """

    id: str
    image: np.ndarray
    mask: np.ndarray | None


def pixel_digest(pixels: np.ndarray) -> str:
    """sha256 of the size and the pixels of a (height, width) uint8 picture, in hexadecimal."""
    sha = hashlib.sha256(f"{pixels.shape[0]}x{pixels.shape[1]}:".encode())
    sha.update(np.ascontiguousarray(pixels).tobytes())
    return sha.hexdigest()


def png(pixels: np.ndarray) -> bytes:
    """Encode (height, width) uint8 as a grey PNG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def pixels(data: bytes) -> np.ndarray:
    """Decode a grey PNG.

    Returns:
        (height, width) uint8.

    Raises:
        ValueError, OSError: the bytes are not a grey PNG, or it is damaged.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.mode != "L":
                raise ValueError(f"expected a grey PNG, got mode {image.mode}")
            return np.asarray(image)
    except (SyntaxError, struct.error, Image.DecompressionBombError) as error:
        # Pillow's names for a broken chunk, a cut one, and one that claims to be huge.
        raise ValueError(f"broken PNG: {error}") from error


def mask_pixels(mask: np.ndarray) -> np.ndarray:
    """A bool mask as uint8 of 0 and 255, of the same shape."""
    return mask.astype(np.uint8) * np.uint8(255)


def encode(entry: Entry, sample: Sample) -> Encoded:
    """Encode one sample under its entry's name."""
    mask = mask_pixels(sample.mask)
    record = {
        "id": entry.id,
        "split": entry.split,
        "kind": sample.kind,
        "label": sample.label,
        "index": entry.index,
        "image_sha256": pixel_digest(sample.image),
        "mask_sha256": pixel_digest(mask),
        "factors": sample.factors,
        "places": [
            {"cells": [list(cell) for cell in place.cells], "saturation": place.saturation}
            for place in sample.places
        ],
        "cells": [asdict(cell) for cell in sample.cells],
    }
    return Encoded(entry.id, entry.split, png(sample.image), png(mask), record)


def encode_all(anatomy: DigitAnatomy, entries: list[Entry]) -> list[Encoded]:
    """Make and encode the samples of entries that share one split and kind."""
    first = entries[0]
    samples = anatomy.samples(first.split, first.kind, [entry.index for entry in entries])
    return [encode(entry, sample) for entry, sample in zip(entries, samples, strict=True)]
