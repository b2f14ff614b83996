"""How films become the four parts: decoded, prepared, each with what is known of its pixels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from jaxtyping import UInt8

from simsid.data.datasets import LabelledImages, RadiographData
from simsid.data.film import Film
from simsid.data.film_notes import gather_notes, note_lines
from simsid.data.images import read_film
from simsid.data.pixel_truth import PixelTruth, count_truth, pixel_truth, prepare_truth
from simsid.data.preprocess import Preprocessing
from simsid.data.told import tell_truth
from simsid.data.unreadable import UnreadableFilm, UnreadableFilmsError, refuse_many
from simsid.errors import DataError, ImageError

PARTS = ("train", "calibration", "validation", "test", "pool")
MIN_TRAIN = 10
_THREADS = 4

Progress = Callable[[Iterable[Any], int], Iterable[Any]]


def load_films(
    films: Sequence[Film],
    preprocessing: Preprocessing,
    name: str,
    facts: dict[str, Any],
    contamination: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
    skip_unreadable: bool = True,
    notes: Sequence[str] = (),
) -> RadiographData:
    """Decode and prepare every film, and put it where it belongs.

    Args:
        films: of all parts; their order does not matter.
        name: of the data set.
        facts: how films were chosen; counts are added.
        contamination: share of abnormal films in training, 0 to below 1, drawn from the pool.
        seed: of that draw.
        progress: wraps an iterable of films, given their number; for a progress bar.

        skip_unreadable: whether up to 2 % of the films may be left out because they cannot be read.
        notes: what a user should know of how the films were chosen.

    Raises:
        UnreadableFilmsError: more films cannot be read, or so few that something needed is gone.
        DataError: no training or calibration films, one patient in two parts, or too few abnormal
            films for this contamination.
    """
    check_patients(films)
    films = sorted(films, key=lambda film: (film.label, film.kind, film.path))  # normals first
    parts = {part: [film for film in films if film.part == part] for part in PARTS}
    for part in ("train", "calibration"):
        wrong = next((film for film in parts[part] if film.label), None)
        if wrong is not None:
            raise DataError(
                f"{wrong.path.name} is abnormal ({wrong.kind}) and stands in {part}, which takes normals "
                "only: mend its label, or put it into another split"
            )
        if not parts[part]:
            raise DataError(
                f"'{name}' has no normal films for {part}: add some, or choose another --split"
            )
    mixed = _contaminate(len(parts["train"]), parts["pool"], contamination, seed)
    groups = {"train": parts["train"] + mixed} | {part: parts[part] for part in PARTS[1:4]}
    wanted = [film for own in groups.values() for film in own]
    read = _read_all(wanted, preprocessing, progress)
    failed = sorted(
        (film for film in read if isinstance(film, UnreadableFilm)), key=lambda film: film.path
    )
    refuse_unreadable(wanted, failed, skip_unreadable)
    ready = iter(read)
    kept = {
        part: [pair for pair in ((film, next(ready)) for film in own) if _is_read(pair)]
        for part, own in groups.items()
    }
    names = short_names(films)
    validation, test = (_labelled(kept[part], names) for part in ("validation", "test"))
    truths = [(part, *_truth(part, kept[part])) for part in ("validation", "test")]
    noticed = gather_notes(
        (names[film.path], prepared.warnings) for own in kept.values() for film, prepared in own
    )
    counts = {
        "name": name,
        "train": len(kept["train"]),
        "contaminated": sum(film.label for film, _ in kept["train"]),
        "calibration": len(kept["calibration"]),
    }
    told: dict[str, Any] = {"pixel_truth": {part: found for part, found, _ in truths if found}}
    told |= {"unreadable": dict(Counter(film.code for film in failed))}
    return RadiographData(
        name,
        np.stack([prepared.pixels for _, prepared in kept["train"]]),
        np.stack([prepared.pixels for _, prepared in kept["calibration"]]),
        validation,
        test,
        facts | counts | {key: value for key, value in told.items() if value},
        preprocessing,
        notes=(
            *notes,
            *(sentence for _, found, sentence in truths if found),
            *note_lines(noticed, len(wanted)),
        ),
        unreadable=tuple(map(str, failed)),
    )


def refuse_unreadable(films: Sequence[Film], failed: Sequence[UnreadableFilm], skip: bool) -> None:
    """Raise unless the films that failed can be done without.

    They are few, leave enough normals to train on, and are not all of a class in a part.

    Raises:
        UnreadableFilmsError: they cannot; it names them.
    """
    refuse_many(failed, len(films), skip)
    gone = {film.path for film in failed}
    before = Counter((film.part, film.label) for film in films)
    after = Counter((film.part, film.label) for film in films if film.path not in gone)
    left = after["train", 0]
    if left < before["train", 0] and left < MIN_TRAIN:
        why = f"{left} normal films are left to train on; at least {MIN_TRAIN} are needed"
        raise UnreadableFilmsError(failed, len(films), why)
    for part, label in before:
        if not after[part, label]:
            kind = "abnormal" if label else "normal"
            raise UnreadableFilmsError(failed, len(films), f"they are all {kind} films of {part}")


def check_patients(films: Iterable[Film]) -> None:
    """Raise DataError when films of one patient lie in two parts."""
    seen: dict[str, Film] = {}
    for film in films:
        first = seen.setdefault(film.patient, film)
        if first.part != film.part:
            raise DataError(
                f"one patient stands in {first.part} ({first.path.name}) and in {film.part} "
                f"({film.path.name}): give all films of a patient one split, or leave the column "
                "'split' out, and the kit splits by patient"
            )


def _contaminate(normals: int, pool: list[Film], share: float, seed: int) -> list[Film]:
    """Abnormal films such that they are ``share`` of training."""
    if not 0 <= share < 1:
        raise DataError(f"contamination must lie in [0, 1), not {share}")
    wanted = round(share * normals / (1 - share))
    if wanted and not pool:
        raise DataError(
            "this data set has no abnormal films on its training side, so none can be mixed in: "
            "leave out --contamination"
        )
    if wanted > len(pool):
        possible = int(100 * len(pool) / (len(pool) + normals)) / 100
        raise DataError(
            f"a contamination of {share:.2f} takes {wanted} abnormal films beside {normals} normal "
            f"ones, there are {len(pool)} to draw from: at most {possible} is possible"
        )
    chosen = np.random.default_rng(seed).permutation(len(pool))[:wanted]
    return [pool[index] for index in sorted(chosen)]


@dataclass(frozen=True)
class _Prepared:
    pixels: np.ndarray
    boxes: np.ndarray
    truth: PixelTruth
    warnings: tuple[str, ...]


def _is_read(pair: tuple[Film, _Prepared | UnreadableFilm]) -> TypeGuard[tuple[Film, _Prepared]]:
    return isinstance(pair[1], _Prepared)


def _read_all(
    films: list[Film], preprocessing: Preprocessing, progress: Progress | None
) -> list[_Prepared | UnreadableFilm]:
    def read(film: Film) -> _Prepared | UnreadableFilm:
        try:
            decoded = read_film(film.path)
        except ImageError as error:
            return UnreadableFilm.because(film.path, error)
        image = decoded.pixels
        truth = pixel_truth(film, (image.shape[0], image.shape[1]))
        return _Prepared(
            np.round(preprocessing.apply(image) * 255).astype(np.uint8),
            preprocessing.apply_boxes(film.boxes, image.shape),
            prepare_truth(truth, preprocessing),
            tuple(decoded.warnings),
        )

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        reading = pool.map(read, films)
        return list(reading if progress is None else progress(reading, len(films)))


def read_pixels(
    films: Sequence[Film], preprocessing: Preprocessing, progress: Progress | None = None
) -> tuple[list[Film], UInt8[np.ndarray, "n height width"]]:
    """Decode and prepare films, nothing else; those that cannot be read are left out.

    Returns:
        the films that were read, and their pixels.
    """
    read = zip(films, _read_all(list(films), preprocessing, progress), strict=True)
    kept = [pair for pair in read if _is_read(pair)]
    pixels = [prepared.pixels for _, prepared in kept]
    shape = (0, *preprocessing.image_size)
    return [film for film, _ in kept], np.stack(pixels) if pixels else np.zeros(shape, np.uint8)


def short_names(films: Sequence[Film]) -> dict[Path, str]:
    """Each film's path below the folder that they share."""
    folder = os.path.commonpath([film.path.parent for film in films])
    return {film.path: film.path.relative_to(folder).as_posix() for film in films}


def _truth(part: str, pairs: list[tuple[Film, _Prepared]]) -> tuple[dict[str, Any] | None, str]:
    films, truths = [film for film, _ in pairs], [prepared.truth for _, prepared in pairs]
    counts = count_truth(films, truths)
    return counts, tell_truth(part, counts, films, truths) if counts else ""


def _labelled(pairs: list[tuple[Film, _Prepared]], short: dict[Path, str]) -> LabelledImages | None:
    if not pairs:
        return None
    films = [film for film, _ in pairs]
    images = np.stack([prepared.pixels for _, prepared in pairs])
    masks = known = None
    if any(film.masks or film.mask_problem for film in films):
        marked = [prepared.truth.marked for _, prepared in pairs]
        empty = np.zeros(images.shape[1:], bool)
        masks = np.stack([empty if of_film is None else of_film for of_film in marked])
        known = np.array([of_film is not None for of_film in marked])
    names = sorted({key for film in films for key in film.attributes})
    return LabelledImages(
        images=images,
        labels=np.array([film.label for film in films]),
        kinds=np.array([film.kind for film in films]),
        masks=masks,
        names=np.array([short[film.path] for film in films]),
        attributes={
            key: np.array([film.attributes.get(key, "") for film in films]) for key in names
        },
        boxes=tuple(p.boxes for _, p in pairs) if any(film.boxes for film in films) else None,
        masks_known=known,
    )
