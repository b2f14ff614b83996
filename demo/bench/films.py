"""Files to send: anatomies of DigitAnatomy, and a film the size of a chest radiograph."""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from demo.pictures import png_bytes
from synth import DigitAnatomy

CHEST_SHAPE = (2500, 2000)  # rows, columns


def digit_images(count: int) -> list[UInt8[np.ndarray, "height width"]]:
    """So many different (96, 96) uint8 anatomies, the kinds in turn."""
    anatomy = DigitAnatomy()
    kinds = anatomy.kinds
    return [
        anatomy.sample("test", kinds[number % len(kinds)], number // len(kinds)).image
        for number in range(count)
    ]


def digit_files(count: int) -> list[bytes]:
    """``digit_images`` as PNG."""
    return [png_bytes(image) for image in digit_images(count)]


def chest_like(seed: int = 0) -> Float[np.ndarray, "height width"]:
    """A bright body, two dark lungs, a spine, ribs and noise: ``CHEST_SHAPE``, float in [0, 1].

    No film of anybody: it has the size, depth and noise that decoding takes its time for, and is
    near enough to a chest for the placement check to let it pass.
    """
    rows, cols = CHEST_SHAPE
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : cols * 1j].astype(np.float32)
    film = 0.85 * np.exp(-((np.abs(x) / 0.98) ** 12) - (np.abs(y) / 1.2) ** 8)
    for side in (-1, 1):
        lung = ((x - 0.42 * side) / 0.30) ** 2 + ((y + 0.1) / 0.62) ** 2
        film -= 0.55 * np.exp(-(lung**2))
    film += 0.12 * np.exp(-((x / 0.12) ** 2)) + 0.02 * np.sin(40 * y + 6 * x**2)
    film += 0.01 * np.random.default_rng(seed).standard_normal(CHEST_SHAPE, np.float32)
    return np.clip(film, 0, 1)


def chest_files() -> dict[str, bytes]:
    """The same film as 16-bit PNG and as DICOM of 14 bits, uncompressed."""
    film = chest_like()
    file = io.BytesIO()
    Image.fromarray(np.round(film * 65535).astype(np.uint16)).save(file, "PNG", compress_level=1)
    return {"16-bit PNG": file.getvalue(), "DICOM": _dicom(np.round(film * 16383))}


def _dicom(values: np.ndarray) -> bytes:
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = (
        DigitalXRayImageStorageForPresentation
    )
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    film.BurnedInAnnotation = "NO"
    film.Rows, film.Columns = values.shape
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 14, 13, 0
    film.PixelData = values.astype("<u2").tobytes()
    file = io.BytesIO()
    film.save_as(file, enforce_file_format=True)
    return file.getvalue()
