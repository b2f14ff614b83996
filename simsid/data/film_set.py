"""What a set of films is to the kit: how it is read, split and prepared unless options say else."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from simsid.data.datasets import RadiographData
from simsid.data.film import Film
from simsid.data.films import PARTS, Progress, load_films
from simsid.data.preprocess import Preprocessing
from simsid.data.sets.dicom_patients import tell_patients_apart
from simsid.data.sets.manifest import (
    find_manifest,
    manifest_plan,
    named_films,
    of_parts_here,
    own_name,
)
from simsid.data.sets.masks import Masked, attach_masks
from simsid.data.sets.shifted import SHIFTED, farthest_patients, shifted_plan
from simsid.data.sets.splits import Plan, Split, split_films
from simsid.data.signature import is_image_by_content
from simsid.data.told import tell_folders, tell_left_out, tell_patients, tell_unused_masks
from simsid.errors import DataError
from synth.walk import Identity, files_below, identities

VIEWS = ("any", "PA", "AP")
DEFAULT_SIZE = (192, 192)  # opacities of adult films are lost below, see docs/decisions/0007
REPORT = Plan(train=1024, validation=(50, 50), test=(100, 100))  # the report's, section 3.1
_PATCH = 32
_NAMED = 3
_SIDES = ("test", "validation", "train")
_NOT_PILLOWS = (".dcm", ".dicom", ".npy")


@dataclass(frozen=True)
class FilmSet:
    """One data set, as a row of the table in ``load``.

    Attributes:
        read: from a root to films; ``part`` is the side that the authors put them on, 'train'
            where they did not split.
        splits: protocols by name; the first is the default.
        fit: how films become as high and wide as the model takes, see ``Preprocessing``.
        keeps_size: whether films keep a size that all of them share, if a network can take it.
        told_by_folders: whether folders alone tell labels, masks and, by a side's name, parts.
    """

    read: Callable[[Path], list[Film]]
    splits: Mapping[str, Plan]
    fit: str = "squash"
    keeps_size: bool = False
    told_by_folders: bool = False


@dataclass(frozen=True)
class FilmOptions:
    """What a user may choose about films; None is the data set's own choice.

    Attributes:
        image_size: (height, width) in pixels.
        fit, window, clahe: see ``Preprocessing``; an empty window is none.
        view: 'any' frontal film, 'PA' or 'AP'.
        split: name of a protocol.
        split_seed: of which patients go where; another thing than the seed of training.
        contamination: share of abnormal films in training.
        skip_missing: go on without films that a table names and that are not there.
        skip_unreadable: go on without films that cannot be read, if they are at most 2 %.
        grid: (rows, columns) of cells that pictures are drawn on; an empty one is none, None looks
            for one in sets of the 'folder' kind.
    """

    image_size: tuple[int, int] | None = None
    fit: str | None = None
    window: tuple[float, float] | tuple[()] | None = None
    clahe: float | None = None
    view: str | None = None
    split: str | None = None
    split_seed: int = 0
    contamination: float = 0.0
    skip_missing: bool = False
    skip_unreadable: bool = True
    grid: tuple[int, int] | tuple[()] | None = None


def load_film_set(
    name: str,
    film_set: FilmSet,
    root: Path,
    options: FilmOptions,
    preprocessing: Preprocessing | None = None,
    progress: Progress | None = None,
) -> RadiographData:
    """Read, split, decode and prepare.

    Args:
        preprocessing: a model's own; None for the data set's, changed by the options.

    Raises:
        DataError: see ``choose_films`` and ``load_films``.
    """
    split, facts = choose_films(name, film_set, root, options, progress)
    preprocessing = preprocessing or preprocessing_for(film_set, options, split.films)
    return load_films(
        split.films,
        preprocessing,
        name,
        facts,
        options.contamination,
        options.split_seed,
        progress,
        options.skip_unreadable,
        split.notes,
    )


def choose_films(
    name: str,
    film_set: FilmSet,
    root: Path,
    options: FilmOptions,
    progress: Progress | None = None,
) -> tuple[Split, dict[str, Any]]:
    """Films in their parts, and facts about the choice; only the shifted split decodes normals.

    Raises:
        DataError: a wrong root, a table that is missing or empty or names missing films, a view
            or split that this set does not have, too few films.
    """
    table = find_manifest(root)
    named = named_films(root) if table else film_set.read(root)
    films = of_parts_here(named) if table else named
    absent = len(named) - len(films)
    missing = 0
    if table or not film_set.told_by_folders:  # a table names them
        films, missing = _present(films, root, options.skip_missing)
    films, again = films_once(films, root)
    files = files_below(root)
    masked = Masked(films, set(), [])
    told_apart: list[str] = []
    if table or film_set.told_by_folders:
        films, told_apart = tell_patients_apart(films, _own_names(films, root))
        masked = attach_masks(root, films, files, open_to_all=table is not None)
    films = masked.films
    splits = {"manifest": manifest_plan(films)} if table else dict(film_set.splits)
    splits[SHIFTED] = shifted_plan(next(iter(splits.values())))
    chosen = options.split or next(iter(splits))
    if chosen not in splits:
        form = " in its reduced form, with a manifest.csv," if table else ""
        raise DataError(f"'{name}'{form} has no split '{chosen}'; choose: {', '.join(splits)}")
    plan = splits[chosen]
    view = options.view or plan.view
    kept = _of_view(films, view, name)
    far = farthest_patients(kept, progress) if chosen == SHIFTED else []
    split = split_films(kept, plan, options.split_seed, far)
    left_out = {
        "films of other views": len(films) - len(kept),
        "missing films": missing,
        "films of parts that are not here": absent,
        "further paths to a film": again,
    }
    facts: dict[str, Any] = {
        "split": chosen,
        "split_seed": options.split_seed,
        "view": view,
        "calibration_from": split.calibration_from,
        "left_out": split.left_out | {why: count for why, count in left_out.items() if count},
        "films": _counts(split.films),
    }
    notes = [
        tell_folders(root, split.films, files, masked.files),
        *tell_left_out(facts["left_out"]),
    ]
    if table or film_set.told_by_folders:
        untold = tell_patients(films, _own_names(films, root))
        notes += [*told_apart, *([untold] if untold else [])]
    notes += [tell_unused_masks(masked.unused)] if masked.unused else []
    return dataclasses.replace(split, notes=tuple(notes)), facts


def _own_names(films: list[Film], root: Path) -> dict[Path, str]:
    return {film.path: own_name(film.path, root) for film in films}


def films_once(films: list[Film], root: Path) -> tuple[list[Film], int]:
    """Of several paths to one file one film, on the side of the first of test, validation, train.

    Returns:
        the films, and how many further paths to one of them there were.

    Raises:
        DataError: one file is called normal and abnormal.
    """
    groups: dict[Identity, list[Film]] = defaultdict(list)
    for film, (identity, _) in zip(films, identities(f.path for f in films), strict=True):
        groups[identity].append(film)
    kept = []
    for group in groups.values():
        real = [film for film in group if len(group) == 1 or _is_real(film.path, root)] or group
        odd = next((film for film in real if film.label != real[0].label), None)
        if odd is not None:
            raise DataError(
                f"{real[0].path} and {odd.path} are one file, called {real[0].kind} and {odd.kind}: "
                "remove one of them"
            )
        kept.append(min(real, key=lambda film: _SIDES.index(film.part)))
    return kept, len(films) - len(kept)


def _is_real(path: Path, root: Path) -> bool:
    """Whether no link below the root leads to it."""
    if not path.is_relative_to(root):
        return not path.is_symlink()
    return os.path.realpath(path) == os.path.join(os.path.realpath(root), path.relative_to(root))


def preprocessing_for(film_set: FilmSet, options: FilmOptions, films: list[Film]) -> Preprocessing:
    """The data set's own preprocessing, changed by what the options name.

    Raises:
        DataError: settings that cannot be.
    """
    size = options.image_size
    if size is None and film_set.keeps_size:
        size = _native_size([film.path for film in films if film.part == "train"])
    try:
        return Preprocessing(
            image_size=size or DEFAULT_SIZE,
            fit=options.fit or film_set.fit,
            window=options.window or None,
            clahe=options.clahe or 0.0,
        )
    except ValueError as error:
        raise DataError(str(error)) from error


def _present(films: list[Film], root: Path, skip: bool) -> tuple[list[Film], int]:
    present = [film for film in films if film.path.is_file()]
    missing = len(films) - len(present)
    if missing and (not skip or not present):
        there = {film.path for film in present}
        absent = [film.path for film in films if film.path not in there][:_NAMED]
        names = ", ".join(
            (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
            for path in absent
        )
        raise DataError(
            f"{root} lacks the files of {missing} of {len(films)} films that its tables name "
            f"(first: {names}): complete the set, or add --skip-missing to go on without them"
        )
    return present, missing


def _of_view(films: list[Film], view: str, name: str) -> list[Film]:
    if view == "any":
        return films
    told = sorted({film.attributes.get("view", "") for film in films} - {""})
    kept = [film for film in films if film.attributes.get("view") == view]
    if not kept:
        raise DataError(
            f"'{name}' has no {view} films: it has {', '.join(told) or 'no views'}; choose another --view"
        )
    return kept


def _counts(films: list[Film]) -> dict[str, dict[str, int]]:
    counts = Counter((film.part, film.label) for film in films)
    return {
        part: {"normal": counts[part, 0], "abnormal": counts[part, 1]}
        for part in PARTS
        if counts[part, 0] + counts[part, 1]
    }


def _native_size(files: list[Path]) -> tuple[int, int] | None:
    """(height, width) that all share, when it is small and a multiple of 32 px."""
    sizes = set()
    for path in files:
        try:
            with Image.open(path) as image:
                sizes.add((image.height, image.width))
        except Exception:  # the kit reads more than Pillow; what is no image will be told later
            if path.suffix.lower() in _NOT_PILLOWS or is_image_by_content(path):
                return None
        if len(sizes) > 1:
            return None
    if not sizes:
        return None
    height, width = sizes.pop()
    fits = max(height, width) <= max(DEFAULT_SIZE) and height % _PATCH == width % _PATCH == 0
    return (height, width) if fits else None
