"""What a check remembers of each film: decoded once, then a few numbers and a thumbnail."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from simsid.data.film import Film
from simsid.data.films import Progress
from simsid.data.images import read_film
from simsid.data.preprocess import Preprocessing
from simsid.data.unreadable import UnreadableFilm, UnreadableFilmsError
from simsid.errors import ImageError

THUMB = 32
_THREADS = 2
_SMALL = Preprocessing((THUMB, THUMB))


@dataclass(frozen=True)
class Looks:
    """Films as they are decoded, before any preprocessing; n films in all.

    Attributes:
        films: n, in the order of every array here.
        mean, contrast: (n,) mean and standard deviation of the grey levels, 0 to 1.
        height, width: (n,) in pixels.
        digests: hash of size and decoded pixels; equal for equal pixels.
        thumbs: (n, 32 * 32) squashed films, 0 to 1.
        warnings: what the decoder noticed in each film, by code.
    """

    films: list[Film]
    mean: np.ndarray
    contrast: np.ndarray
    height: np.ndarray
    width: np.ndarray
    digests: list[str]
    thumbs: np.ndarray
    warnings: list[tuple[str, ...]]


def look_at(
    films: Sequence[Film], progress: Progress | None = None
) -> tuple[Looks, list[UnreadableFilm]]:
    """Decode every film once.

    Returns:
        looks of the films that can be read, and those that cannot.

    Raises:
        UnreadableFilmsError: none can be read.
    """
    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        reading = pool.map(_look, films)
        rows = list(reading if progress is None else progress(reading, len(films)))
    failed = [row for row in rows if isinstance(row, UnreadableFilm)]
    read = [(film, row) for film, row in zip(films, rows, strict=True) if isinstance(row, tuple)]
    if not read:
        raise UnreadableFilmsError(failed, len(films), "none is left")
    mean, contrast, height, width, digests, thumbs, warnings = zip(
        *(row for _, row in read), strict=True
    )
    looks = Looks(
        [film for film, _ in read],
        np.array(mean),
        np.array(contrast),
        np.array(height),
        np.array(width),
        list(digests),
        np.stack(thumbs),
        list(warnings),
    )
    return looks, failed


_Row = tuple[float, float, int, int, str, Float[np.ndarray, " pixels"], tuple[str, ...]]


def _look(film: Film) -> _Row | UnreadableFilm:
    try:
        decoded = read_film(film.path)
    except ImageError as error:
        return UnreadableFilm.because(film.path, error)
    image = decoded.pixels
    digest = hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()
    thumb = _SMALL.apply(image).ravel()
    height, width = image.shape
    mean, contrast, warnings = float(image.mean()), float(image.std()), tuple(decoded.warnings)
    return mean, contrast, height, width, digest, thumb, warnings
