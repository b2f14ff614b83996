"""A film of a data set before it is decoded, and how films become the four parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from simsid.data.datasets import LabelledImages, RadiographData
from simsid.data.images import read_image
from simsid.data.preprocess import Preprocessing
from simsid.errors import DataError, ImageError

NORMAL_KIND = "normal"
PARTS = ("train", "calibration", "validation", "test", "pool")
_THREADS = 4

Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class Film:
    """One film and what its data set says of it.

    Attributes:
        path: the image file.
        kind: 'normal', or what its authors call what is wrong with it.
        part: one of ``PARTS``; 'pool' holds abnormal films that only contamination draws from.
        patient: who; films of one patient never lie in two parts. Unique where nothing is known.
        attributes: 'view', 'sex', 'age' and whatever else the data set tells.
        boxes: (left, top, right, bottom) of findings, as shares of the film's width and height.
        mask: file with pixel truth, or None.
    """

    path: Path
    kind: str
    part: str
    patient: str
    attributes: dict[str, str] = field(default_factory=dict)
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    mask: Path | None = None

    @property
    def label(self) -> int:
        """0 normal, 1 abnormal."""
        return int(self.kind != NORMAL_KIND)


def load_films(
    films: Sequence[Film],
    preprocessing: Preprocessing,
    name: str,
    facts: dict[str, Any],
    contamination: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> RadiographData:
    """Decode and prepare every film, and put it where it belongs.

    Args:
        films: of all parts; their order does not matter.
        name: of the data set.
        facts: how films were chosen; counts are added.
        contamination: share of abnormal films in training, 0 to below 1, drawn from the pool.
        seed: of that draw.
        progress: wraps an iterable of films, given their number; for a progress bar.

    Raises:
        DataError: no training or calibration films, an unreadable film (named), one patient in
            two parts, or too few abnormal films for this contamination.
    """
    check_patients(films)
    films = sorted(films, key=lambda film: (film.label, film.kind, film.path))  # normals first
    parts = {part: [film for film in films if film.part == part] for part in PARTS}
    for part in ("train", "calibration"):
        wrong = next((film for film in parts[part] if film.label), None)
        if wrong is not None:
            raise DataError(f"{wrong.path.name} is abnormal ({wrong.kind}) and stands in {part}")
        if not parts[part]:
            raise DataError(f"'{name}' has no normal films for {part}")
    mixed = _contaminate(len(parts["train"]), parts["pool"], contamination, seed)
    wanted = parts["train"] + mixed + parts["calibration"] + parts["validation"] + parts["test"]
    images = iter(_read_all(wanted, preprocessing, progress))
    train = np.stack([next(images).pixels for _ in parts["train"] + mixed])
    calibration = np.stack([next(images).pixels for _ in parts["calibration"]])
    names = short_names(films)
    validation, test = (
        _labelled(parts[part], [next(images) for _ in parts[part]], names)
        for part in ("validation", "test")
    )
    counts = {
        "name": name,
        "train": len(train),
        "contaminated": len(mixed),
        "calibration": len(calibration),
    }
    return RadiographData(name, train, calibration, validation, test, facts | counts, preprocessing)


def check_patients(films: Iterable[Film]) -> None:
    """Raise DataError when films of one patient lie in two parts."""
    seen: dict[str, Film] = {}
    for film in films:
        first = seen.setdefault(film.patient, film)
        if first.part != film.part:
            raise DataError(
                f"patient {film.patient} stands in {first.part} ({first.path.name}) and in "
                f"{film.part} ({film.path.name}): split by patient"
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
    mask: np.ndarray | None


def _read_all(
    films: list[Film], preprocessing: Preprocessing, progress: Progress | None
) -> list[_Prepared]:
    def read(film: Film) -> _Prepared:
        try:
            image = read_image(film.path)
            mask = None if film.mask is None else _read_mask(film.mask)
        except ImageError as error:
            raise DataError(f"{error}; remove or replace it") from error
        return _Prepared(
            np.round(preprocessing.apply(image) * 255).astype(np.uint8),
            preprocessing.apply_boxes(film.boxes, image.shape),
            None if mask is None else preprocessing.apply_mask(mask),
        )

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        reading = pool.map(read, films)
        return list(reading if progress is None else progress(reading, len(films)))


def read_pixels(
    films: Sequence[Film], preprocessing: Preprocessing, progress: Progress | None = None
) -> UInt8[np.ndarray, "n height width"]:
    """Decode and prepare films, nothing else.

    Raises:
        DataError: a film cannot be read; the message names it.
    """
    return np.stack([image.pixels for image in _read_all(list(films), preprocessing, progress)])


def _read_mask(path: Path) -> np.ndarray:
    """Brighter than half is abnormal. Unlike a film, a mask may be all black or all white."""
    try:
        with Image.open(path) as mask:
            return np.asarray(mask.convert("L")) > 127
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read as a mask: {error}") from error


def short_names(films: Sequence[Film]) -> dict[Path, str]:
    """Each film's path below the folder that they share."""
    folder = os.path.commonpath([film.path.parent for film in films])
    return {film.path: film.path.relative_to(folder).as_posix() for film in films}


def _labelled(
    films: list[Film], prepared: list[_Prepared], short: dict[Path, str]
) -> LabelledImages | None:
    if not films:
        return None
    images = np.stack([item.pixels for item in prepared])
    masks = None
    if any(item.mask is not None for item in prepared):
        empty = np.zeros(images.shape[1:], bool)
        masks = np.stack([empty if item.mask is None else item.mask for item in prepared])
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
        boxes=tuple(item.boxes for item in prepared) if any(f.boxes for f in films) else None,
    )
