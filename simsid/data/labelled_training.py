"""Abnormal images of the training side: for what is trained *with* labels, and for nothing else.

No detector sees them: ``RadiographData`` has no place for them, so a ceiling has to ask for them here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from simsid.data.choice import DataChoice
from simsid.data.datasets import RadiographData
from simsid.data.film_set import choose_films
from simsid.data.films import check_patients, read_pixels
from simsid.data.joined import SEPARATOR
from simsid.data.load import FILM_SETS, GENERATED
from simsid.data.sets.digitanatomy import draw_abnormals
from simsid.errors import DataError
from synth import AnatomyConfig
from synth.tracks import track_sets

LEAST_ABNORMALS = 10


def training_abnormals(
    choice: DataChoice, data: RadiographData
) -> tuple[UInt8[np.ndarray, "n height width"], str]:
    """Abnormal images that no labelled part measures, and where they come from, in words.

    Of films: those that neither validation nor test took, of patients who stand in neither. Of
    DigitAnatomy made in memory: anomalies that the generator writes with the training part's
    glyphs, as many of each kind as its test part has.

    Args:
        choice: what ``data`` was loaded from.

    Raises:
        DataError: there are too few; the message says why.
    """
    if SEPARATOR in choice.dataset:
        raise DataError("a ceiling is of one data set: give one --dataset")
    if choice.dataset == GENERATED and choice.data_root is None:
        drawn = draw_abnormals(_anatomy(choice))
        return drawn, "written by the generator with the training part's glyphs"
    name = "folder" if choice.dataset == GENERATED else choice.dataset
    root = Path(str(choice.data_root))
    split, _ = choose_films(choice.dataset, FILM_SETS[name], root, choice.films)
    check_patients(split.films)  # nobody stands on both sides
    pool = sorted((film for film in split.films if film.part == "pool"), key=lambda f: f.path)
    assert data.preprocessing is not None
    _, pixels = read_pixels(pool, data.preprocessing)
    if len(pixels) < LEAST_ABNORMALS:
        raise DataError(
            f"'{choice.dataset}' has {len(pixels)} abnormal films on its training side and a ceiling "
            f"learns from at least {LEAST_ABNORMALS}: add abnormal films to train/"
        )
    return pixels, "films of the training side, of patients who are in no labelled part"


def _anatomy(choice: DataChoice) -> AnatomyConfig:
    if choice.track is not None:
        sets = track_sets(choice.track, digits_root=choice.digits_root)
        return next(iter(sets.values())).anatomy
    return AnatomyConfig(
        digits=choice.digits,
        digits_root=choice.digits_root,
        difficulty=choice.difficulty,
        seed=choice.seed,
        generator=choice.generator,
    )
