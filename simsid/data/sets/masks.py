"""Each film's masks, found by name and place; a mask is one film's or nobody's."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simsid.data.film import Film
from simsid.data.pixel_truth import AMBIGUOUS, MISSING
from simsid.data.sets.mask_names import (
    MaskName,
    MaskNames,
    Place,
    masks_beside,
    place_of,
    side_mark,
)
from simsid.data.sets.sides import TEST, fold, holds_masks, mask_side, side_of
from synth.walk import files_below, folders_in, identities


@dataclass(frozen=True)
class Masked:
    """Films with their masks.

    Attributes:
        films: in the order in which they came.
        files: every file that is or may be a mask.
        unused: pictures among them that are no film's mask.
    """

    films: list[Film]
    files: set[Path]
    unused: list[Path]


def attach_masks(
    root: Path, films: Sequence[Film], files: Sequence[Path], open_to_all: bool
) -> Masked:
    """Find each film's masks in the folders that hold such.

    A folder of masks that names no side is that of the test part; of the other parts only where
    there is no test part, or where ``open_to_all`` says so and no test film has that mask.

    Args:
        files: all that lies below the root.
        open_to_all: whether parts are told by a table, so that folders say less.
    """
    names, considered = _collect(root, files, {film.path for film in films})
    if not considered and not any(film.masks or film.mask_problem for film in films):
        return Masked(list(films), set(), [])
    claims = _Claims(root, films, names)
    of_test = [index for index, film in enumerate(films) if film.part == TEST]
    others = [index for index, film in enumerate(films) if film.part != TEST]
    for label in (1, 0):  # a mask that would fit both is that of the abnormal film
        claims.claim([i for i in of_test + others if films[i].label == label], sided=True)
        claims.claim([i for i in of_test if films[i].label == label], sided=False)
    if open_to_all or not of_test:
        for label in (1, 0):
            claims.claim([i for i in others if films[i].label == label], sided=False)
    used = {path for film in claims.films for path in film.masks} | claims.disputed
    done = [_missing(film) for film in claims.films]
    return Masked(done, considered | used, sorted(names.pictures - used))


def _missing(film: Film) -> Film:
    if film.masks or film.mask_problem or not film.label:
        return film
    return dataclasses.replace(film, mask_problem=MISSING)


class _Claims:
    """Films, and which masks were given to them so far."""

    def __init__(self, root: Path, films: Sequence[Film], names: MaskNames) -> None:
        self.films = list(films)
        self.disputed: set[Path] = set()
        self._root, self._names = root, names
        self._taken = {path for film in films for path in film.masks}

    def claim(self, indices: Sequence[int], sided: bool) -> None:
        """Give these films masks from folders of their side, or from those that name no side."""
        found: dict[int, list[MaskName]] = {}
        for index in indices:
            film = self.films[index]
            if not film.masks and not film.mask_problem:
                places = _places(film, self._root, sided)
                found[index] = self._names.of(film.path.name, places, self._taken | self.disputed)
        wanted = Counter(mask.path for masks in found.values() for mask in masks)
        for index, masks in found.items():
            if not masks:
                continue
            paths = tuple(sorted(mask.path for mask in masks))
            numbered = len(masks) > 1 and all(mask.number for mask in masks)
            if (len(masks) == 1 or numbered) and all(wanted[path] == 1 for path in paths):
                self._taken |= set(paths)
                self.films[index] = dataclasses.replace(self.films[index], masks=paths)
            elif self.films[index].label:
                self.disputed |= set(paths)
                self.films[index] = dataclasses.replace(self.films[index], mask_problem=AMBIGUOUS)


def _places(film: Film, root: Path, sided: bool) -> list[Place]:
    folders = film.path.relative_to(root).parts[:-1] if film.path.is_relative_to(root) else ()
    place, _ = place_of(folders)
    if folders and side_of(folders[0]):
        mark, place = place[:1], place[1:]
    else:
        mark = (side_mark(film.part),)
    inner = list(dict.fromkeys((place, (fold(film.kind),), ())))
    return [(*mark, *each) for each in inner] if sided else inner


def _collect(root: Path, files: Sequence[Path], films: set[Path]) -> tuple[MaskNames, set[Path]]:
    """Files in folders of masks, and those that are called as masks beside their films."""
    names, considered = MaskNames(), set()
    beside_film = _masks_by_name(files, films)
    themselves = {identity for identity, _ in identities(films)}
    found = identities(dict.fromkeys((*_in_mask_folders(root), *files)))
    for path in (path for identity, path in found if identity not in themselves):
        folders = path.relative_to(root).parts[:-1]
        place, is_mask = place_of(folders, _beside(path.parent, folders))
        if path not in films and (is_mask or path in beside_film):
            names.add(path, place)
            considered.add(path)
    return names, considered


def _masks_by_name(files: Sequence[Path], films: set[Path]) -> set[Path]:
    """Files in the folders of films that are called as their masks."""
    folders = {film.parent for film in films}
    return masks_beside(path for path in files if path.parent in folders) - films


def _in_mask_folders(root: Path) -> list[Path]:
    """Files of folders of masks even where they are links to files that lie elsewhere below."""
    found = []
    for folder in folders_in(root):
        if mask_side(folder.name) is not None:
            found += files_below(folder)
        elif side_of(folder.name):
            for inner in folders_in(folder):
                found += files_below(inner) if holds_masks(inner.name) else []
    return found


def _beside(folder: Path, folders: Sequence[str]) -> list[str]:
    if not folders or not folders[-1].casefold().startswith("label"):
        return []
    return [path.name for path in folders_in(folder.parent)]
