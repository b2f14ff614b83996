"""A set with one table at its root: ``manifest.csv`` names every film, its label and its patient.

::

    manifest.csv   train/normal/…  train/abnormal/…   [test/normal/…  test/abnormal/…]

Columns: ``file`` and ``label`` (normal or abnormal, or 0 or 1) must be there; ``split`` (train, val
or validation, test), ``patient``, ``findings`` (several joined by |), ``subtype``, ``age``, ``sex``,
``view``, ``mask`` (a file) and ``boxes_1024`` (left, top, width, height in pixels of a 1024x1024 film)
may be. Capitals, spaces and usual other names (``Filename``, ``Patient ID``) are understood, and so are
any delimiter, encoding and kind of slash. A table that is there and cannot be understood is refused:
nothing else tells which films are of one patient. Rows whose file stands in no folder here may belong
to a part that was not handed over: a whole part that is absent is passed over, single films are not.

Without a test part nothing is tested: 20 % of the normals and 40 % of the abnormal films are for
validation. With one, validation has the talk's share of normals (100 of 1,349, at least 40 where
there are 400), and as many abnormal films.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from simsid.data.film import NORMAL_KIND, Film
from simsid.data.pixel_truth import MISSING
from simsid.data.sets.layout import kind_of
from simsid.data.sets.sides import TRAIN, side_of
from simsid.data.sets.splits import Plan
from simsid.data.sets.table_text import read_rows
from simsid.errors import DataError
from simsid.outputs import json_object
from synth.walk import is_left_behind

MANIFEST = "manifest.csv"
_TABLES, _NO_TABLES = (".csv", ".tsv", ".tab"), (".xlsx", ".xls", ".ods", ".csv.gz", ".csv.zip")
_ALIASES = {
    "file": ("filename", "filepath", "path", "image", "imagefile", "imagepath", "imagename", "film"),
    "label": ("labels", "class"),
    "patient": ("patientid", "patientname", "patientno", "patientnr", "patientnumber", "patientuid",
                "patid", "pid", "subject", "subjectid", "person", "personid"),
    "split": ("part", "set", "side", "subset"),
    "findings": ("finding",),
    "sex": ("gender",),
    "age": ("patientage",),
    "mask": ("maskfile", "maskpath", "maskname", "segmentation", "groundtruth"),
    "view": ("viewposition",),
}  # fmt: skip
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}
_NAMES |= {"boxes1024": "boxes_1024", "patientsex": "sex", "patientgender": "sex"}
_LIKE_PATIENT = re.compile(r"(pat|subj|person|mrn)")
_LABELS = {"normal": 0, "0": 0, "0.0": 0, "abnormal": 1, "1": 1, "1.0": 1}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_BOX_SIDE = 1024


_UNTOLD = frozenset(
    ("", "nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nil", "-", "--", "?", "unknown", "anonymous")
)  # fmt: skip


def is_generated(root: Path) -> bool:
    """Whether ``python -m synth`` wrote this set: its manifest.csv tells factors, no patients."""
    return {"version", "parameters"} <= json_object(root / "manifest.json").keys()


def find_manifest(root: Path) -> Path | None:
    """The table at the root, in any capitals; None where there is none.

    Raises:
        DataError: there are several, or it is a spreadsheet or packed.
    """
    if not root.is_dir() or is_generated(root):
        return None
    names = sorted(path.name for path in root.iterdir() if not is_left_behind(path.name))
    stems = {name: name.lower().removeprefix("manifest") for name in names}
    found = [
        root / name for name in names if stems[name] in _TABLES and name.lower() != stems[name]
    ]
    packed = [name for name in names if stems[name] in _NO_TABLES and name.lower() != stems[name]]
    if len(found) > 1:
        raise DataError(f"{root} holds {' and '.join(path.name for path in found)}: leave one")
    if packed and not found:
        raise DataError(f"{root / packed[0]} is not read: save it as {MANIFEST}, or rename it")
    return found[0] if found else None


def read_manifest(root: Path) -> list[Film]:
    """Every film that the manifest names in the parts that are here.

    Raises:
        DataError: see ``named_films``.
    """
    return of_parts_here(named_films(root))


def named_films(root: Path) -> list[Film]:
    """Every film that the manifest names, in the part that it says.

    Raises:
        DataError: the manifest is damaged, or tells something that cannot be.
    """
    table = find_manifest(root)
    if table is None:
        raise DataError(f"{root / MANIFEST} is missing: write it, or check --data-root")
    if table.exists() and not table.is_file():  # a pipe would be waited for
        raise DataError(f"{table} is no file: remove it, or give it another name")
    rows = read_rows(table, _name_of, ("file", "label"))
    _check_columns(table, rows[0])
    _spell_alike(rows)
    return _each_once([_film(root, table, row) for row in rows], table)


def of_parts_here(films: list[Film]) -> list[Film]:
    """Those of parts of which any film is here: a whole part may not have been handed over.

    Where none is here at all, the paths are wrong: then all are given, for the reader to say so.
    """
    there = {film.part for film in films if film.path.is_file()}
    return [film for film in films if film.part in there or not there]


def _name_of(header: str) -> str:
    letters = re.sub(r"[\s_\-]+", "", header).casefold()
    return _NAMES.get(letters, header.strip().casefold())


def _check_columns(table: Path, row: dict[str, str]) -> None:
    """A column that seems to name patients is not passed over."""
    if "patient" in row:
        return
    unknown = [name for name in row if name not in _NAMES.values()]
    odd = next((name for name in unknown if _LIKE_PATIENT.match(name)), None)
    if odd is not None:
        raise DataError(
            f"{table} has no column 'patient' but one '{odd}': call it 'patient' if it tells "
            "patients apart, else give it another name"
        )


def _spell_alike(rows: Iterable[dict[str, str]]) -> None:
    """A patient in other capitals or spaces, or 7 written as 7.0, is the same one.

    The first spelling is kept. What programs write where nobody told is nobody.
    """
    first: dict[str, str] = {}
    for row in rows:
        name = row.get("patient", "")
        plain = re.sub(r"^(\d+)\.0+$", r"\1", " ".join(name.casefold().split()))
        row["patient"] = "" if plain in _UNTOLD else first.setdefault(plain, name)


def _each_once(films: Iterable[Film], table: Path) -> list[Film]:
    """A film that is named twice counts once, if both rows say the same."""
    first: dict[Path, Film] = {}
    for film in films:
        other = first.setdefault(film.path, film)
        if (other.label, other.part, other.patient) != (film.label, film.part, film.patient):
            raise DataError(
                f"{table} names {film.path.name} twice, with another label, split or patient: "
                "leave one of the rows"
            )
    return list(first.values())


def manifest_plan(films: list[Film]) -> Plan:
    """The split for these films, see above."""
    if any(film.part == "validation" for film in films):
        return Plan()
    if not any(film.part == "test" for film in films):
        return Plan(validation=(0.2, 0.4))
    normals = sum(film.part == "train" and not film.label for film in films)
    held_out = max(round(normals * 100 / 1349), 40 if normals >= 400 else 1)
    return Plan(validation=(held_out, held_out))


def _film(root: Path, table: Path, row: dict[str, str]) -> Film:
    name, told_label, split = row["file"], row["label"].lower(), row.get("split", "").lower()
    if not name:
        raise DataError(
            f"{table} has a row without a file: {', '.join(filter(None, row.values()))}; name it, or take "
            "the row out"
        )
    if told_label not in _LABELS:
        raise DataError(f"{table}: label of {name} is '{told_label}', expected normal or abnormal")
    part = side_of(split) if split else TRAIN
    if part is None:
        raise DataError(f"{table}: split of {name} is '{split}', expected train, val or test")
    label = "abnormal" if _LABELS[told_label] else NORMAL_KIND
    findings = row.get("findings") or row.get("subtype") or label
    told = ("view", "sex", "age", "findings")
    kind = kind_of(findings.split("|"))
    if label == NORMAL_KIND or kind == NORMAL_KIND:  # the label decides, whatever the findings say
        kind = label
    path = _locate(root, name)
    mask = _locate(root, row["mask"]) if row.get("mask") else None
    return Film(
        path=path,
        kind=kind,
        part=part,
        patient=row["patient"] or own_name(path, root),
        attributes={key: row[key] for key in told if key in row},
        boxes=_boxes(row.get("boxes_1024", ""), name),
        masks=(mask,) if mask is not None and mask.is_file() else (),
        mask_problem=MISSING if mask is not None and not mask.is_file() else "",
    )


def own_name(path: Path, root: Path) -> str:
    """Who a film is of where nobody tells: itself."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _locate(root: Path, name: str) -> Path:
    """The file of this name, with slashes of either kind and accents written in any way."""
    slashed = name.replace("\\", "/")
    for spelling in (name, slashed):
        for form in (spelling, *(unicodedata.normalize(f, spelling) for f in ("NFC", "NFD"))):
            for path in (root / form, root / os.fsdecode(form.encode("latin-1", "replace"))):
                if path.is_file():
                    return path
    return root / slashed


def _boxes(text: str, name: str) -> tuple[tuple[float, float, float, float], ...]:
    numbers = [float(number) / _BOX_SIDE for number in _NUMBER.findall(text)]
    if len(numbers) % 4 or any(not 0 <= number <= 1 for number in numbers):
        raise DataError(
            f"{MANIFEST}: boxes_1024 of {name} are not left, top, width, height: {text}; mend the row"
        )
    groups = [numbers[start : start + 4] for start in range(0, len(numbers), 4)]
    return tuple((left, top, left + wide, top + high) for left, top, wide, high in groups)
