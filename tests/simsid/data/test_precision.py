"""Depths that headers and code streams state: read, reconciled with a note, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from simsid.data.decode.worker import DecodingWorker
from simsid.data.images import read_film
from simsid.errors import ImageError
from tests.simsid.data.jpeg12 import jpeg12
from tests.simsid.data.make_files import (
    J2K,
    JPEG,
    JPEG_EXTENDED,
    JPEG_LS,
    LOSSLESS,
    dicom_set,
    film16,
    framed,
    picture,
    write,
)
from tests.simsid.data.make_files import _gdcm_frame as gdcm_frame

VALUES = film16() >> 4  # 12 bits
DEEP = film16(512, 512)
ROUNDING = 3  # grey levels, of the waves of a JPEG without quantisation


@pytest.fixture(scope="module", params=["here", "in the locked worker"])
def read(request):
    if request.param == "here":
        yield read_film
        return
    with DecodingWorker() as worker:
        yield lambda data: worker.decode(data, "film")


def extended(values=VALUES, stored=12, photometric="MONOCHROME2", frame=None, **elements):
    ds = dicom_set(values, photometric, stored, **elements)
    return framed(ds, JPEG_EXTENDED, jpeg12(values) if frame is None else frame)


WINDOW = ((VALUES - 2048.0 + 0.5) / 999 + 0.5).clip(
    0, 1
)  # PS3.3 C.11.2.1.2: centre 2048, width 1000
LOW = VALUES >> 2
TWELVE = {
    "as scanners write it": (extended(), VALUES / 4095, (), 12),
    "MONOCHROME1": (extended(photometric="MONOCHROME1"), 1 - VALUES / 4095, (), 12),
    "with a window": (extended(WindowCenter=2048, WindowWidth=1000), WINDOW, (), 12),
    "without preamble and meta": (extended()[132:], VALUES / 4095, (), 12),
    "header of 16 bits": (extended(stored=16), VALUES / 4095, ("depth_reconciled",), 12),
    "header of 13 bits": (extended(stored=13), VALUES / 4095, ("depth_reconciled",), 12),
    "header of 10 bits, 10 used": (extended(LOW, 10), LOW / 1023, (), 10),
    "no end": (
        extended(frame=jpeg12(VALUES)[:-2] + b"\0\0"), VALUES / 4095, ("shorter_than_stated",), 12),
    "padding of black": (
        extended(PixelPaddingValue=0), np.where(VALUES == 0, 0, VALUES / 4095), (), 12),
}  # fmt: skip


@pytest.mark.parametrize("case", TWELVE)
def test_jpeg_of_12_bits_is_read(case, read):
    data, expected, warnings, bits = TWELVE[case]
    film = read(data)
    levels = 999 if "window" in case else 2**bits - 1
    assert np.abs(film.pixels - expected).max() <= ROUNDING / levels
    assert (film.warnings, film.bits) == (warnings, bits)


def contradiction(syntax, values, stored):
    """A code stream of all 16 bits in a header of fewer."""
    if syntax == J2K:
        frame = picture(values, "JPEG2000", no_jp2=True, irreversible=False)
    else:
        frame = gdcm_frame(dicom_set(values), syntax)
    return framed(dicom_set(values, stored=stored), syntax, frame)


REFUSED = {
    **{
        f"{name} of 16 bits under a header of {stored}": contradiction(syntax, DEEP, stored)
        for name, syntax in {"JPEG 2000": J2K, "JPEG-LS": JPEG_LS, "JPEG lossless": LOSSLESS}.items()
        for stored in (10, 12, 14)
    },
    "plain, 16 bits under a header of 12": write(dicom_set(DEEP, stored=12)),
    "JPEG of 12 bits under a header of 10": extended(stored=10),
    "JPEG of 12 bits under a header of 8 in cells of 8": framed(
        dicom_set((VALUES >> 4).astype(np.uint8)), JPEG_EXTENDED, jpeg12(VALUES)),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_stream_that_contradicts_its_header_is_refused_by_name(case, read):
    with pytest.raises(ImageError) as caught:
        read(REFUSED[case])
    assert caught.value.code == "inconsistent"
    assert "header" in str(caught.value)


def test_a_stream_of_8_bits_in_a_header_of_12_is_reconciled(read):
    grey = (DEEP >> 8).astype(np.uint8)
    film = read(framed(dicom_set(grey.astype(np.uint16), stored=12), JPEG, picture(grey, "JPEG")))
    assert film.bits == 8
    assert "depth_reconciled" in film.warnings
    assert np.abs(film.pixels - grey / 255).mean() < 0.02
