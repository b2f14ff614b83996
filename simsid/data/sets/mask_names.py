"""Whose mask a file is, by its name and place.

Masks lie in ``ground_truth/<kind>`` and the like, at the root or in a side or kind, or beside their
films. Of film ``x.png`` these are masks: ``x_mask.png``, ``x-seg.tif``, ``mask_x.BMP``, ``x.tiff``
and ``x.png`` in a folder of masks, ``x_mask_1.png`` and ``x_mask_2.png`` together, and all files of
a folder ``x``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simsid.data.images import IMAGE_SUFFIXES
from simsid.data.sets.sides import fold, holds_images, holds_masks, mask_side, side_of

Place = tuple[str, ...]
_WORDS = "masks?|seg|segmentation|gt|ground[ _-]?truth|truth"
_MORE_WORDS = "labels?|lesions?|roi|annotations?"  # other images are called so, too
_SEPARATOR = r"[ _.\-]"
_BESIDE = re.compile(rf"(.+?){_SEPARATOR}(?:{_WORDS})(?:{_SEPARATOR}?(\d+))?")
_AFTER = re.compile(rf"(.+?){_SEPARATOR}(?:{_WORDS}|{_MORE_WORDS})(?:{_SEPARATOR}?(\d+))?")
_BEFORE = re.compile(rf"(?:{_WORDS}){_SEPARATOR}(.+)")
_SUFFIX = re.compile(r"(?<=.)\.(?:nii\.gz|[a-z][a-z0-9]{1,5})$")
_PICTURES = IMAGE_SUFFIXES | {".gif", ".jfif", ".jpe"}


@dataclass(frozen=True)
class MaskName:
    """A file that may be a mask.

    Attributes:
        place: folders below the folder of masks, as ``place_of`` gives them.
        rank: 0 where its name says that it is a mask, 1 where it has its film's name; 2 more for
            a file that is no picture.
        number: of one of several masks of a film; '' for a mask on its own.
    """

    path: Path
    place: Place
    rank: int
    number: str


def side_mark(side: str) -> str:
    """A side in a place: unlike any folder's name."""
    return f"<{side}>"


def place_of(folders: Sequence[str], beside: Collection[str] = ()) -> tuple[Place, bool]:
    """Where a file lies, folders of images and of masks left out, and whether it is a mask there.

    Args:
        folders: names below the root.
        beside: names of the folders beside the deepest one.
    """
    place: list[str] = []
    is_mask = False
    for depth, name in enumerate(folders):
        of_masks = mask_side(name) if depth == 0 else None
        side = side_of(name) if depth == 0 or (is_mask and not place) else None
        if side is not None:
            place.append(side_mark(side))
        elif of_masks is not None:
            is_mask = True
            place += [side_mark(of_masks)] if of_masks else []
        elif depth > 0 and holds_masks(name, beside if depth == len(folders) - 1 else ()):
            is_mask = True
        elif not holds_images(name):
            place.append(fold(name))
    return tuple(place), is_mask


def stem_of(name: str) -> str:
    """A file's name without its ending, folded; the numbers of a DICOM name are no ending."""
    return _SUFFIX.sub("", fold(name))


def masks_beside(films: Iterable[Path]) -> set[Path]:
    """Files that are called as the mask of another one in the same folder."""
    stems: dict[Path, set[str]] = defaultdict(set)
    paths = list(films)
    for path in paths:
        stems[path.parent] |= {stem_of(path.name), fold(path.name)}
    named = ((path, _BESIDE.fullmatch(stem_of(path.name))) for path in paths)
    return {path for path, match in named if match and match[1] in stems[path.parent]}


class MaskNames:
    """Every file that may be a mask, by place and by the name of the film that it would be of."""

    def __init__(self) -> None:
        self._found: dict[tuple[Place, str], list[MaskName]] = defaultdict(list)
        self.pictures: set[Path] = set()

    def add(self, path: Path, place: Place) -> None:
        """Note a file of a folder of masks, or one beside its film."""
        is_picture = path.suffix.lower() in _PICTURES
        if is_picture:
            self.pictures.add(path)
        name, worse = stem_of(path.name), 0 if is_picture else 2
        after, before = _AFTER.fullmatch(name), _BEFORE.fullmatch(name)
        names = {name: MaskName(path, place, 1 + worse, "")}
        if before:
            names[before[1]] = MaskName(path, place, worse, "")
        if after:
            names[after[1]] = MaskName(path, place, worse, after[2] or "")
        for of_film, mask in names.items():
            self._found[place, of_film].append(mask)
        if place and is_picture:  # a folder of its own for each film
            inside = MaskName(path, place, 0, name)
            self._found[place[:-1], f"{place[-1]}/"].append(inside)

    def of(self, film: str, places: Sequence[Place], taken: Collection[Path]) -> list[MaskName]:
        """The best-named files at the first of these places that has any; several if none is best.

        Args:
            film: name of the film's file.
            taken: files that are other films' masks.
        """
        for place in places:
            for name in dict.fromkeys((stem_of(film), fold(film))):
                found = [
                    mask for mask in self._found.get((place, name), ()) if mask.path not in taken
                ]
                found = found or [
                    mask
                    for mask in self._found.get((place, f"{name}/"), ())
                    if mask.path not in taken
                ]
                if found:
                    best = min(mask.rank for mask in found)
                    return [mask for mask in found if mask.rank == best]
        return []
