"""A folder of images: the MVTec AD layout, or normal and abnormal films in folders of that name.

::

    train/good/…   test/good/…   test/<kind>/…   ground_truth/<kind>/<name>_mask.png   [val/…]
    train/normal/… test/normal/… test/abnormal/… [val/normal/… val/abnormal/…]

Abnormal films in ``train/<kind>`` are drawn from for contamination only. Who is on a film is not
known here, so every film counts as a patient; with a ``manifest.csv`` that says so (see
``manifest``) the split is by patient.

Calibration normals: half of those in val when it has at least 40, since they come from other
patients (or hands) than training; else a tenth of train, at least 40 where there are 200.

Images keep their native size when all training images share one that is a multiple of 32 px and
at most 192 px; else they are squashed to 192 x 192.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simsid.data.film_set import FilmSet
from simsid.data.films import NORMAL_KIND, Film
from simsid.data.sets.layout import films_below
from simsid.data.sets.splits import Plan
from simsid.errors import DataError

NORMAL_NAMES = ("good", "normal")
_LAYOUT = "expected train/good (or train/normal) with images, and test/good, test/<kind> beside it"
_SIDES = {"train": "train", "val": "validation", "test": "test"}


def read_films(root: Path) -> list[Film]:
    """Every film of a folder in one of the layouts above.

    Raises:
        DataError: wrong layout, or too few normals.
    """
    if not root.is_dir():
        raise DataError(f"no folder at {root}: check --data-root")
    if not any(_is_normal(folder) for folder in (root / "train").glob("*")):
        found = sorted(p.name + "/" for p in root.iterdir() if p.is_dir())[:8]
        raise DataError(
            f"{root} has no train/good or train/normal: {_LAYOUT}; "
            f"found {', '.join(found) or 'no folders'}"
        )
    films = [film for side in _SIDES for film in _side(root, side)]
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


def _side(root: Path, side: str) -> list[Film]:
    folder = root / side
    kinds = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    films = []
    for kind in kinds:
        name = NORMAL_KIND if _is_normal(kind) else kind.name
        for path in films_below(kind):
            mask = None if name == NORMAL_KIND else _mask(root, side, name, path)
            patient = path.relative_to(root).as_posix()
            films.append(Film(path, name, _SIDES[side], patient, mask=mask))
    return films


def _is_normal(folder: Path) -> bool:
    return folder.is_dir() and folder.name.lower() in NORMAL_NAMES


def _mask(root: Path, side: str, kind: str, path: Path) -> Path | None:
    truth = root / ("ground_truth" if side == "test" else f"ground_truth_{side}") / kind
    candidates = (truth / f"{path.stem}_mask.png", truth / f"{path.stem}.png")
    return next((file for file in candidates if file.exists()), None)


SET = FilmSet(read=read_films, splits={"folders": Plan()}, keeps_size=True)
