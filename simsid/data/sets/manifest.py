"""A set with one table at its root: ``manifest.csv`` names every film, its label and its patient.

::

    manifest.csv   train/normal/…  train/abnormal/…   [test/normal/…  test/abnormal/…]

Columns: ``file`` and ``label`` must be there; ``split`` (train, val or validation, test),
``patient``, ``findings`` (several joined by |), ``subtype``, ``age``, ``sex``, ``view`` and
``boxes_1024`` (left, top, width, height in pixels of a 1024x1024 film) may be. Rows whose file
stands in no folder here may belong to a part that was not handed over: a whole part that is
absent is passed over, single films are not.

Without a test part nothing is tested: 20 % of the normals and 40 % of the abnormal films are for
validation. With one, validation has the talk's share of normals (100 of 1,349, at least 40 where
there are 400), and as many abnormal films.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from simsid.data.films import NORMAL_KIND, Film
from simsid.data.sets.layout import kind_of, read_table
from simsid.data.sets.splits import Plan
from simsid.errors import DataError

MANIFEST = "manifest.csv"
_SPLITS = {"": "train", "train": "train", "val": "validation", "valid": "validation",
           "validation": "validation", "test": "test"}  # fmt: skip
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_BOX_SIDE = 1024


def has_manifest(root: Path) -> bool:
    """Whether there is a manifest.csv with the two columns that it cannot do without."""
    try:
        with open(root / MANIFEST, encoding="utf-8-sig", newline="") as file:
            header = [name.strip() for name in next(csv.reader(file), [])]
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
    return "file" in header and "label" in header


def read_manifest(root: Path) -> list[Film]:
    """Every film that the manifest names, in the part that it says.

    Raises:
        DataError: the manifest is damaged, or tells something that cannot be.
    """
    films = [_film(root, row) for row in read_table(root / MANIFEST, ("file", "label"))]
    there = {film.part for film in films if film.path.is_file()}
    return [film for film in films if film.part in there]


def manifest_plan(films: list[Film]) -> Plan:
    """The split for these films, see above."""
    if any(film.part == "validation" for film in films):
        return Plan()
    if not any(film.part == "test" for film in films):
        return Plan(validation=(0.2, 0.4))
    normals = sum(film.part == "train" and not film.label for film in films)
    held_out = max(round(normals * 100 / 1349), 40 if normals >= 400 else 1)
    return Plan(validation=(held_out, held_out))


def _film(root: Path, row: dict[str, str]) -> Film:
    name, label, split = row["file"], row["label"].lower(), row.get("split", "").lower()
    if label not in (NORMAL_KIND, "abnormal"):
        raise DataError(f"{MANIFEST}: label of {name} is '{label}', expected normal or abnormal")
    if split not in _SPLITS:
        raise DataError(f"{MANIFEST}: split of {name} is '{split}', expected train, val or test")
    findings = row.get("findings") or row.get("subtype") or label
    told = ("view", "sex", "age", "findings")
    kind = kind_of(findings.split("|"))
    if label == NORMAL_KIND or kind == NORMAL_KIND:  # the label decides, whatever the findings say
        kind = label
    return Film(
        path=root / name,
        kind=kind,
        part=_SPLITS[split],
        patient=row.get("patient") or name,
        attributes={key: row[key] for key in told if key in row},
        boxes=_boxes(row.get("boxes_1024", ""), name),
    )


def _boxes(text: str, name: str) -> tuple[tuple[float, float, float, float], ...]:
    numbers = [float(number) / _BOX_SIDE for number in _NUMBER.findall(text)]
    if len(numbers) % 4 or any(not 0 <= number <= 1 for number in numbers):
        raise DataError(
            f"{MANIFEST}: boxes_1024 of {name} are not left, top, width, height: {text}"
        )
    groups = [numbers[start : start + 4] for start in range(0, len(numbers), 4)]
    return tuple((left, top, left + wide, top + high) for left, top, wide, high in groups)
