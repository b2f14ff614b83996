"""The same film gives the same score, whatever it comes in."""

from __future__ import annotations

import numpy as np
import pytest

import hub
from simsid.data.images import read_image
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.scoring import score_films
from synth import AnatomyConfig
from tests.simsid.data.make_files import (
    DATA,
    EXACT,
    deep_png,
    dicom,
    npy,
    picture,
    tiff,
)

TOLERANCE = 1e-3  # of a score beyond 1: 8 of a film's 16 bits are not quite the same film


@pytest.fixture(scope="module")
def digits():
    return hub.load("bundled:digitanatomy")


@pytest.fixture(scope="module")
def chests():
    return hub.load("bundled:zhanglab")


def encodings(film8: np.ndarray, film16: np.ndarray) -> dict[str, bytes]:
    """One film in every lossless way."""
    return {
        "png 8": picture(film8),
        "png 16": picture(film16),
        "png 16 colour": deep_png(np.dstack([film16] * 3)),
        "png 8 colour": picture(np.dstack([film8] * 3)),
        "tiff 8": tiff(film8),
        "tiff 16": tiff(film16),
        "tiff 16 deflated": tiff(film16, compression="zlib"),
        "tiff white is zero": tiff(65535 - film16, photometric="miniswhite"),
        "tiff colour": tiff(np.dstack([film16] * 3), photometric="rgb"),
        "bmp": picture(film8, "BMP"),
        "webp": picture(film8, "WEBP", lossless=True),
        "npy 16": npy(film16),
        "npy float": npy(film16 / np.float32(65535)),
        "dicom 8": dicom(film8),
        "dicom 12": dicom(film16 >> 4, stored=12),
        "dicom MONOCHROME1": dicom(65535 - film16, photometric="MONOCHROME1"),
        "dicom windowed": dicom(film16, WindowCenter=32768, WindowWidth=65536),
        "dicom signed, rescaled": dicom(
            (film16.astype(np.int32) - 32768).astype(np.int16),
            RescaleSlope=1, RescaleIntercept=32768, WindowCenter=32768, WindowWidth=65536,
        ),
        **{f"dicom {syntax}": dicom(film16, syntax) for syntax in EXACT},
    }  # fmt: skip


def check_scores(model, files: dict[str, bytes]) -> None:
    names = list(files)
    scores = np.array([f.score for f in score_films(model, [read_image(files[n]) for n in names])])
    apart = np.abs(scores - scores[names.index("png 16")]) / np.maximum(1, np.abs(scores))
    worst = int(apart.argmax())
    assert apart[worst] < TOLERANCE, (names[worst], scores[worst])


def test_a_digit_film_scores_the_same_in_every_format(digits):
    film = make_digitanatomy(AnatomyConfig(seed=5)).test.images[0]
    check_scores(digits, encodings(film, film.astype(np.uint16) * 257))


@pytest.mark.skipif(not (DATA / "dicom").is_dir(), reason="needs ../shared/data")
def test_a_real_chest_scores_the_same_in_every_format(chests):
    film = read_image(DATA / "dicom/chest_16bit_monochrome1.dcm")[::3, ::3]
    deep, shallow = (np.round(film * top) for top in (65535, 255))
    check_scores(chests, encodings(shallow.astype(np.uint8), deep.astype(np.uint16)))
