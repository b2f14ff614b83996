"""ZhangLab chest X-rays of children: normal, and bacterial or viral pneumonia.

::

    chest_xray/train/NORMAL/IM-0115-0001.jpeg       chest_xray/train/PNEUMONIA/person1_virus_6.jpeg
    chest_xray/test/NORMAL/NORMAL2-IM-0381-0001.jpeg                  [chest_xray/val/… of Kaggle]

Patients are told by file names: 'IM-0115', 'NORMAL2-IM-0381', 'person1'. The same personN in
train and in test, with another kind of pneumonia, may or may not be the same child: such training
films are left out. No view, age or sex is told (children of one to five, AP).

Splits: ``talk`` (default): 100 + 100 films of the training side to validate, its other normals to
train, the official 234 + 390 to test. ``report``: its 1,024, 50 + 50, 100 + 100. Films are
squashed to 192 x 192; note that normals and pneumonias differ in aspect ratio.

Source: Kermany, Zhang, Goldbaum, doi:10.17632/rscbjbr9sj.2 (CC BY 4.0); Cell 2018, 172(5).
"""

from __future__ import annotations

import re
from pathlib import Path

from simsid.data.film import NORMAL_KIND, Film
from simsid.data.film_set import REPORT, FilmSet
from simsid.data.sets.layout import films_below, find_root
from simsid.data.sets.splits import Plan

TREE = "train/NORMAL/*.jpeg, train/PNEUMONIA/*.jpeg, test/NORMAL and test/PNEUMONIA (of chest_xray)"
_SIDES = {"train": "train", "val": "validation", "test": "test"}
_PATIENT = re.compile(r"(person\d+|(?:NORMAL2-)?IM-\d+)")


def read_films(root: Path) -> list[Film]:
    """Every film, on the side of its folder.

    Raises:
        DataError: wrong root.
    """
    holds = ("train/NORMAL", "train/PNEUMONIA")
    root = find_root(root, TREE, holds, ("chest_xray", "ChestXRay2017/chest_xray"))
    return [
        Film(path, _kind(path, folder), _SIDES[side], _patient(path))
        for side in _SIDES
        for folder in ("NORMAL", "PNEUMONIA")
        for path in films_below(root / side / folder)
    ]


def _kind(path: Path, folder: str) -> str:
    if folder == "NORMAL":
        return NORMAL_KIND
    parts = path.stem.split("_")
    return parts[1] if len(parts) > 2 else "pneumonia"  # personN_bacteria_M


def _patient(path: Path) -> str:
    match = _PATIENT.match(path.stem)
    return match[0] if match else path.stem


SET = FilmSet(
    read=read_films,
    splits={"talk": Plan(validation=(100, 100)), "report": REPORT},
)
