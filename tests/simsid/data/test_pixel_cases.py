"""Films as archives hold them: each is read as what it means, in this process and in the locked worker."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest

from simsid.data.images import read_film
from tests.simsid.data.make_files import (
    EXPLICIT,
    IMPLICIT,
    J2K,
    JPEG_LS,
    LOSSLESS,
    RLE,
    deep_png,
    dicom,
    dicom_set,
    film16,
    write,
)

VALUES = film16() >> 4  # 12 bits
GREY = VALUES / 4095
OVERLAY = np.zeros_like(VALUES)
OVERLAY[10:20, 30:50] = 0x8000
CORNER = np.zeros(VALUES.shape, bool)
CORNER[:8, :8] = True
NONE: tuple[str, ...] = ()


def bare(data: bytes, meta: bool = False) -> bytes:
    """Without the preamble and the mark, and without the group that names the syntax."""
    data = data[132:]
    return data if meta else data[12 + int.from_bytes(data[8:12], "little") :]


def padded(first: int, last: int, value: int, signed: bool = False, turned: bool = False) -> bytes:
    pixels = np.where(CORNER, value, VALUES.astype(np.int32) - 2048 * signed)
    elements = {"PixelPaddingValue": first, "PixelPaddingRangeLimit": last}
    ds = dicom_set(
        pixels.astype(np.int16 if signed else np.uint16),
        photometric="MONOCHROME1" if turned else "MONOCHROME2",
        stored=16 if signed else 12,
        **({"WindowCenter": 0, "WindowWidth": 4096} if signed else {}),
    )
    for keyword, number in elements.items():
        ds.add_new(keyword, "SS" if signed else "US", number)
    return write(ds)


def black(grey: np.ndarray) -> np.ndarray:
    return np.where(CORNER, 0, grey)


LINEAR = ((VALUES - 2048.0 + 0.5) / 4095 + 0.5).clip(0, 1)  # PS3.3 C.11.2.1.2: centre 0, width 4096
LOW = np.minimum(VALUES, 1023)
CASES = {
    **{
        f"an overlay above 12 bits, {name}": (
            dicom(VALUES | OVERLAY, syntax), GREY, ("high_bits_ignored",), 12
        )
        for name, syntax in {"plain": EXPLICIT, "implicit": IMPLICIT, "JPEG 2000": J2K,
                             "JPEG-LS": JPEG_LS, "JPEG lossless": LOSSLESS, "RLE": RLE}.items()
    },
    **{
        f"12 bits that are all of the film, {name}": (dicom(VALUES, syntax, stored=12), GREY, NONE, 12)
        for name, syntax in {"JPEG 2000": J2K, "JPEG-LS": JPEG_LS, "JPEG lossless": LOSSLESS}.items()
    },
    "padding of one value": (padded(4095, 4095, 4095), black(GREY), NONE, 12),
    "a range of padding": (padded(4000, 4095, 4050), black(np.where(VALUES >= 4000, 0, GREY)), NONE, 12),
    "a range, upside down": (padded(4095, 4000, 4050), black(np.where(VALUES >= 4000, 0, GREY)), NONE, 12),
    "MONOCHROME1, padding of 0": (
        padded(0, 0, 0, turned=True), black(np.where(VALUES == 0, 0, 1 - GREY)), NONE, 12),
    "MONOCHROME1, padding of the highest": (
        padded(4095, 4095, 4095, turned=True), black(1 - GREY), NONE, 12),
    "signed padding": (padded(-2500, -2500, -2500, signed=True), black(LINEAR), NONE, 16),
    "a range of signed padding": (
        padded(-32768, -2049, -9000, signed=True), black(LINEAR), NONE, 16),
    "MONOCHROME1, signed padding": (
        padded(-2500, -2500, -2500, signed=True, turned=True), black(1 - LINEAR), NONE, 16),
    "an inverse presentation": (
        dicom(VALUES, stored=12, PresentationLUTShape="INVERSE"), GREY, ("inverse_presentation",), 12),
    "an inverse presentation of MONOCHROME1": (
        dicom(VALUES, photometric="MONOCHROME1", stored=12, PresentationLUTShape="INVERSE"),
        1 - GREY, NONE, 12),
    **{
        f"{name}, {rest}": (bare(dicom(VALUES, syntax, stored=12), meta), GREY, NONE, 12)
        for name, syntax in {"explicit": EXPLICIT, "implicit": IMPLICIT}.items()
        for rest, meta in {"without mark": True, "without mark and meta": False}.items()
    },
    "JPEG 2000 without mark and meta": (bare(dicom(VALUES, J2K, stored=12)), GREY, NONE, 12),
    "JPEG lossless without mark and meta": (bare(dicom(VALUES, LOSSLESS, stored=12)), GREY, NONE, 12),
    "a PNG of 16 bits with 12 used": (deep_png(VALUES), GREY, ("depth_guessed",), 12),
    "the same as DICOM": (dicom(VALUES), GREY, ("depth_guessed",), 12),
    "a PNG of 16 bits with 10 used": (deep_png(LOW), LOW / 1023, ("depth_guessed",), 10),
    "the same as DICOM of 16": (dicom(LOW), LOW / 1023, ("depth_guessed",), 10),
    "a window of width 0": (
        dicom(VALUES, stored=12, WindowCenter=9, WindowWidth=0), GREY, ("window_ignored",), 12),
    "a film that is nearly black": (
        dicom(VALUES >> 4, stored=12), (VALUES >> 4) / 4095, ("nearly_black",), 12),
}  # fmt: skip
for _case in [name for name in CASES if name.startswith("an overlay")]:
    _ds = pydicom.dcmread(io.BytesIO(CASES[_case][0]))  # the codec wrote 16 bits, of which 12 count
    _ds.BitsStored, _ds.HighBit = 12, 11
    _file = io.BytesIO()
    _ds.save_as(_file)
    CASES[_case] = (_file.getvalue(), *CASES[_case][1:])


@pytest.mark.parametrize("case", CASES)
def test_pixels_are_what_the_file_means(case, worker):
    data, expected, warnings, bits = CASES[case]
    here, there = read_film(data), worker.decode(data, "film")
    assert here.pixels == pytest.approx(expected, abs=1e-5)
    assert (here.warnings, here.bits) == (warnings, bits)
    assert np.array_equal(there.pixels, here.pixels)
    assert there.warnings == here.warnings


def test_there_are_thirty_cases():
    assert len(CASES) >= 30
