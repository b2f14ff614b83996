"""A folder of images: the MVTec AD layout, or normal and abnormal films in folders of that name.

::

    train/good/…   test/good/…   test/<kind>/…   ground_truth/<kind>/<name>_mask.png   [val/…]
    train/normal/… test/normal/… test/abnormal/… [val/normal/… val/abnormal/…]

Sides may be written in other ways (``Test``, ``valid``, ``validation``, ``dev``, see ``sides``), and so may
masks (see ``mask_names``); what holds masks holds no films. What is left out is told.

Abnormal films in ``train/<kind>`` are drawn from for contamination only. Films of one PatientID in
their DICOM headers are of one patient (see ``dicom_patients``); any other film counts as a patient
of its own, unless a ``manifest.csv`` says who is on it (see ``manifest``).

Calibration normals: half of those in val when it has at least 40, since they come from other
patients (or hands) than training; else a tenth of train, at least 40 where there are 200.

Images keep their native size when all training images share one that is a multiple of 32 px and
at most 192 px; else they are squashed to 192 x 192.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simsid.data.film import NORMAL_KIND, Film
from simsid.data.film_set import FilmSet
from simsid.data.sets.layout import films_below
from simsid.data.sets.manifest import own_name
from simsid.data.sets.mask_names import masks_beside
from simsid.data.sets.sides import TRAIN, holds_masks, side_of
from simsid.data.sets.splits import Plan
from simsid.errors import DataError
from synth.walk import folders_in

NORMAL_NAMES = ("good", "normal")
_LAYOUT = "expected train/good (or train/normal) with images, and test/good, test/<kind> beside it"
_SHOWN = 8


def read_films(root: Path) -> list[Film]:
    """Every film of a folder in one of the layouts above.

    Raises:
        DataError: wrong layout, or too few normals.
    """
    if not root.is_dir():
        raise DataError(f"no folder at {root}: check --data-root")
    sides = [(side, folder) for folder in folders_in(root) if (side := side_of(folder.name))]
    if not any(
        side == TRAIN and _is_normal(kind) for side, top in sides for kind in folders_in(top)
    ):
        found = [f"{path.name}/" for path in folders_in(root)][:_SHOWN]
        raise DataError(
            f"{root} has no train/good or train/normal: {_LAYOUT}; "
            f"found {', '.join(found) or 'no folders'}"
        )
    films = [film for side, folder in sides for film in _side(root, side, folder)]
    return films


def generator_facts(root: Path) -> dict[str, Any]:
    """Grid and generator of a set written by ``python -m synth generate``, if it is one."""
    try:
        content = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
        parameters = content["parameters"]["anatomy"]
        return {
            "generator_version": content["version"],
            "grid_size": [int(parameters["rows"]), int(parameters["cols"])],
            "config": parameters,
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _side(root: Path, side: str, folder: Path) -> list[Film]:
    films = []
    for kind in folders_in(folder):
        if holds_masks(kind.name):
            continue
        name = NORMAL_KIND if _is_normal(kind) else kind.name
        found = [path for path in films_below(kind) if not _among_masks(kind, path)]
        beside = masks_beside(found)
        films += [
            Film(path, name, side, own_name(path, root)) for path in found if path not in beside
        ]
    return films


def _is_normal(folder: Path) -> bool:
    return folder.name.lower() in NORMAL_NAMES


def _among_masks(kind: Path, path: Path) -> bool:
    """Whether a file stands in a folder of masks within its kind, as in kind/img and kind/label."""
    inner, above = path.relative_to(kind).parts[:-1], kind
    for name in inner:
        if holds_masks(name, [folder.name for folder in folders_in(above)]):
            return True
        above = above / name
    return False


SET = FilmSet(read=read_films, splits={"folders": Plan()}, keeps_size=True, told_by_folders=True)
