"""DICOM films at the edges of what headers may say: read as they mean, or refused by name."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from simsid.data.images import read_film
from simsid.errors import ImageError
from tests.simsid.data.make_files import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    J2K,
    JPEG_LS,
    LOSSLESS,
    RLE,
    dicom,
    dicom_set,
    film16,
    write,
)

VALUES = film16() >> 4  # 12 bits
GREY = VALUES / 4095
SIGNED = VALUES.astype(np.int16) - 2048
EIGHT = (VALUES >> 4).astype(np.uint8)
SYNTAXES = {"plain": EXPLICIT, "implicit": IMPLICIT, "big-endian": BIG_ENDIAN, "deflated": DEFLATED,
            "RLE": RLE, "JPEG-LS": JPEG_LS, "JPEG 2000": J2K, "JPEG lossless": LOSSLESS}  # fmt: skip
NATIVE = ("plain", "implicit", "big-endian", "deflated")
UP, DOWN = np.arange(4096), 4095 - np.arange(4096)
EDGE = np.broadcast_to(np.arange(VALUES.shape[1]) < 8, VALUES.shape)
FULL = ((VALUES.astype(float) - 2048 + 0.5) / 4095 + 0.5).clip(0, 1)  # PS3.3 C.11.2.1.2


def changed(data, **elements):
    """The same pixels under another header."""
    ds = pydicom.dcmread(io.BytesIO(data))
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    file = io.BytesIO()
    ds.save_as(file)
    return file.getvalue()


def without(keyword):
    ds = dicom_set(VALUES, stored=12)
    delattr(ds, keyword)
    return write(ds)


def tables(*values):
    made = []
    for each in values:
        item = Dataset()
        item.LUTDescriptor, item.LUTData = [len(each), 0, 12], each.astype("<u2").tobytes()
        made.append(item)
    return made


def padded(syntax=EXPLICIT, vr="SS", value=-2048, photometric="MONOCHROME2"):
    pixels = np.where(EDGE, -2048, np.maximum(SIGNED, -2047)).astype(np.int16)
    ds = dicom_set(pixels, photometric, 12)
    ds.add_new("PixelPaddingValue", vr, value)
    return write(ds, syntax)


SHOWN = np.where(EDGE, 0, (np.maximum(SIGNED, -2047) + 2048) / 4095)
TURNED = np.where(EDGE, 0, 1 - (np.maximum(SIGNED, -2047) + 2048) / 4095)
FLAT = np.full_like(EIGHT, 128)
CASES = {
    **{f"signed, 12 bits, {name}": (dicom(SIGNED, syntax, stored=12), GREY)
       for name, syntax in SYNTAXES.items()},
    **{f"MONOCHROME1, {name}": (dicom(VALUES, syntax, stored=12, photometric="MONOCHROME1"), 1 - GREY)
       for name, syntax in SYNTAXES.items()},
    **{f"odd sides, {name}": (dicom(VALUES[:47, :63].copy(), SYNTAXES[name], stored=12), GREY[:47, :63])
       for name in NATIVE},
    **{f"odd sides of 8 bits, {name}": (dicom(EIGHT[:47, :63].copy(), SYNTAXES[name]), EIGHT[:47, :63] / 255)
       for name in NATIVE},
    **{f"signed padding, {name}": (padded(SYNTAXES[name]), SHOWN) for name in NATIVE},
    "signed padding, written as unsigned": (padded(vr="US", value=63488), SHOWN),
    "signed padding of MONOCHROME1": (padded(photometric="MONOCHROME1"), TURNED),
    "signed, 8 bits": (dicom((EIGHT.astype(np.int16) - 128).astype(np.int8)), EIGHT / 255),
    "signed, with a window": (dicom(SIGNED, stored=12, WindowCenter=0, WindowWidth=4096), FULL),
    "the sign is spread over the high bits": (changed(dicom(SIGNED), BitsStored=12, HighBit=11), GREY),
    "the sign is not spread": (
        changed(dicom((SIGNED & 0xFFF).astype(np.uint16)), BitsStored=12, HighBit=11,
                PixelRepresentation=1), GREY),
    "one frame, and it says so": (dicom(VALUES, stored=12, NumberOfFrames=1), GREY),
    "no frames, it says": (dicom(VALUES, stored=12, NumberOfFrames=0), GREY),
    "no HighBit": (without("HighBit"), GREY),
    "no PixelRepresentation": (without("PixelRepresentation"), GREY),
    "a VOI table that turns round": (dicom(VALUES, stored=12, VOILUTSequence=tables(DOWN)), 1 - GREY),
    "a VOI table and MONOCHROME1": (
        dicom(VALUES, stored=12, photometric="MONOCHROME1", VOILUTSequence=tables(DOWN)), GREY),
    "two VOI tables, the first counts": (
        dicom(VALUES, stored=12, VOILUTSequence=tables(UP, DOWN)), GREY),
    "a VOI table before a window": (
        dicom(VALUES, stored=12, WindowCenter=9, WindowWidth=2, VOILUTSequence=tables(UP)), GREY),
    "an empty sequence of tables": (dicom(VALUES, stored=12, VOILUTSequence=[]), GREY),
    "two windows, the first counts": (
        dicom(VALUES, stored=12, WindowCenter=[2048, 9], WindowWidth=[4096, 2]), FULL),
    "a slope without a window": (dicom(VALUES, stored=12, RescaleSlope=2, RescaleIntercept=-9), GREY),
    "more bytes than pixels": (
        changed(dicom(VALUES, stored=12), PixelData=VALUES.tobytes() + bytes(2)), GREY),
    "colours that are grey": (dicom(np.stack([EIGHT] * 3, -1), photometric="RGB"), EIGHT / 255),
    "luminance and no colour": (
        dicom(np.stack([EIGHT, FLAT, FLAT], -1), photometric="YBR_FULL"), EIGHT / 255),
}  # fmt: skip


def floating():
    ds = dicom_set(VALUES)
    del ds.PixelData
    ds.FloatPixelData, ds.BitsAllocated = GREY.astype("<f4").tobytes(), 32
    return write(ds)


def coloured_palette():
    ds = dicom_set(EIGHT, "PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(ds, f"{colour}PaletteColorLookupTableData", bytes(512))
    return write(ds)


REFUSED = {
    "floating-point pixels": (floating(), "unsupported"),
    "32 bits a pixel": (write(dicom_set(VALUES.astype(np.uint32), stored=12)), "unsupported"),
    "a palette": (coloured_palette(), "unsupported"),
    "several frames": (dicom(VALUES, stored=12, NumberOfFrames=2), "multi_frame"),
    "pixels in the highest bits": (
        changed(dicom(VALUES << 4), BitsStored=12, HighBit=15), "unsupported"),
    "no bits stored": (changed(dicom(VALUES), BitsStored=0), "unsupported"),
    "more bits stored than there are": (
        changed(dicom(VALUES), BitsStored=17, HighBit=16), "unsupported"),
    "nothing says how many bits": (without("BitsStored"), "unsupported"),
    "nothing says what grey means": (without("PhotometricInterpretation"), "unsupported"),
    "a row is missing": (
        changed(dicom(VALUES, stored=12), PixelData=VALUES[:-1].tobytes()), "truncated"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_film_is_read_as_its_header_means(case, worker):
    data, expected = CASES[case]
    here = read_film(data)
    assert here.pixels == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(worker.decode(data, "film").pixels, here.pixels)


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_film_is_refused_by_name(case, worker):
    data, code = REFUSED[case]
    for read in (read_film, lambda film: worker.decode(film, "film")):
        with pytest.raises(ImageError) as caught:
            read(data)
        assert caught.value.code == code
