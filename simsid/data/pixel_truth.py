"""Which pixels of a film are abnormal: known, or unknown for a reason that is told."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from simsid.data.film import Film
from simsid.data.mask_file import NOT_UNDERSTOOD, SIZE, MaskError, read_mask
from simsid.data.preprocess import Preprocessing

MISSING, EMPTY, AMBIGUOUS, CONTRADICTS, VANISHES = (
    "missing", "empty", "ambiguous", "contradicts", "vanishes"
)  # fmt: skip
PROBLEMS = {
    MISSING: "without a mask",
    EMPTY: "with a mask that marks nothing",
    SIZE: "with a mask of another size than the film",
    NOT_UNDERSTOOD: "with a mask that cannot be understood",
    AMBIGUOUS: "with several masks, or with one that fits several films",
    CONTRADICTS: "called normal, with a mask that marks pixels",
    VANISHES: "whose mask marks nothing that is left at the model's size",
}


@dataclass(frozen=True)
class PixelTruth:
    """What is known of a film's pixels.

    Attributes:
        marked: (height, width) abnormal pixels; None where the truth is unknown.
        problem: why it is unknown, a key of ``PROBLEMS``; '' where it is known, or where the data
            set has no masks at all.
        detail: more about the problem.
        lossy: the mask was a JPEG file.
    """

    marked: Bool[np.ndarray, "height width"] | None
    problem: str = ""
    detail: str = ""
    lossy: bool = False


def pixel_truth(film: Film, shape: tuple[int, int]) -> PixelTruth:
    """The truth of a film that was decoded to (height, width).

    The pixels of a normal film are normal, unless a mask of it marks some.
    """
    if film.mask_problem:
        return PixelTruth(None, film.mask_problem)
    if not film.masks:
        return PixelTruth(None if film.label else np.zeros(shape, bool))
    try:
        files = [read_mask(path, shape) for path in film.masks]
    except MaskError as error:
        if not film.label:
            return PixelTruth(np.zeros(shape, bool))
        return PixelTruth(None, error.code, str(error))
    marked = np.logical_or.reduce([file.marked for file in files])
    if film.label != marked.any():
        return PixelTruth(None, EMPTY if film.label else CONTRADICTS)
    return PixelTruth(marked, lossy=any(file.lossy for file in files))


def prepare_truth(truth: PixelTruth, preprocessing: Preprocessing) -> PixelTruth:
    """The same at the model's size."""
    if truth.marked is None:
        return truth
    marked = preprocessing.apply_mask(truth.marked)
    if truth.marked.any() and not marked.any():
        return PixelTruth(None, VANISHES)
    return dataclasses.replace(truth, marked=marked)


def count_truth(films: Sequence[Film], truths: Iterable[PixelTruth]) -> dict[str, Any] | None:
    """How many films have pixel truth, and what is wrong with the rest; None without any masks.

    Returns:
        ``abnormal`` films, ``known`` of them, ``problems`` by kind, and ``lossy`` masks.
    """
    pairs = list(zip(films, truths, strict=True))
    if not any(film.masks or film.mask_problem for film in films):
        return None
    abnormal = [truth for film, truth in pairs if film.label]
    return {
        "abnormal": len(abnormal),
        "known": sum(truth.marked is not None for truth in abnormal),
        "problems": dict(Counter(truth.problem for _, truth in pairs if truth.problem)),
        "lossy": sum(truth.lossy for _, truth in pairs),
    }
