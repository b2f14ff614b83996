"""Good files of every format, spoilt at random: a right film or a coded error, never else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simsid.data.decode.decoded import MAX_PIXELS, check_image
from simsid.data.decode.worker import DecodingWorker
from simsid.errors import ImageError
from tests.simsid.data.make_files import (
    EXACT,
    JPEG,
    SECRET,
    deep_png,
    dicom,
    film16,
    npy,
    picture,
    tiff,
)

FILM = film16(40, 44)
GREY = (FILM >> 8).astype(np.uint8)
CODES = frozenset(
    {"empty", "not_an_image", "truncated", "inconsistent", "animated", "multi_frame"}
    | {"no_pixel_data", "missing_codec", "unsupported", "not_finite", "out_of_range", "too_small"}
    | {"too_large", "aspect_ratio", "constant", "decoder_failed"}
)
GOOD = {
    "png": picture(GREY),
    "png16": picture(FILM),
    "png16 colour": deep_png(np.dstack([FILM] * 3)),
    "png palette": picture(np.dstack([GREY] * 3)),
    "jpeg": picture(GREY, "JPEG"),
    "jpeg progressive": picture(GREY, "JPEG", progressive=True),
    "webp": picture(GREY, "WEBP"),
    "webp lossless": picture(GREY, "WEBP", lossless=True),
    "gif": picture(GREY, "GIF"),
    "bmp": picture(GREY, "BMP"),
    "tiff": picture(FILM, "TIFF"),
    "tiff lzw": picture(GREY, "TIFF", compression="tiff_lzw"),
    "tiff colour": tiff(np.dstack([FILM] * 3), photometric="rgb", compression="zlib"),
    "npy": npy(FILM),
    **{f"dicom {syntax}": dicom(FILM, syntax) for syntax in EXACT},
    "dicom jpeg": dicom(GREY, JPEG),
}


@pytest.fixture(scope="module")
def worker() -> Iterator[DecodingWorker]:
    with DecodingWorker(seconds=10, memory_mib=600) as worker:
        yield worker


@st.composite
def spoilt(draw: st.DrawFn, good: bytes) -> bytes:
    """Bytes overwritten (mostly in the header), a part cut out or repeated, an end cut off."""
    data = bytearray(good)
    header = st.integers(0, min(len(data), 700) - 1)
    places = st.one_of(header, st.integers(0, len(data) - 1))
    for place in draw(st.lists(places, max_size=6)):
        data[place] = draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFE, 0xFF)) | st.integers(0, 255))
    start, length = draw(places), draw(st.integers(0, 64))
    change = draw(st.sampled_from(("none", "cut out", "repeat", "cut off")))
    if change == "cut out":
        del data[start : start + length]
    elif change == "repeat":
        data[start:start] = data[start : start + length] * draw(st.integers(1, 8))
    elif change == "cut off":
        del data[start:]
    return bytes(data)


@pytest.mark.parametrize("kind", GOOD)
@settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(draws=st.data())
def test_a_spoilt_file_gives_a_right_film_or_a_coded_error(kind, worker, draws):
    data = draws.draw(spoilt(GOOD[kind]))
    try:
        film = worker.decode(data, "film.bin")
    except ImageError as error:
        assert error.code in CODES
        assert str(error).startswith("film.bin")
        assert SECRET not in str(error)
    else:
        check_image(film.pixels)
        assert film.pixels.dtype == np.float32
        assert film.pixels.size <= MAX_PIXELS


def test_unspoilt_they_are_all_the_same_film(worker):
    for kind, data in GOOD.items():
        error = np.abs(worker.decode(data, kind).pixels - FILM / 65535).max()
        assert error < (0.06 if "jpeg" in kind or kind == "webp" else 0.005), kind
