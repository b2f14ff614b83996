"""PadChest: films of one Spanish hospital, 16-bit PNG, labelled by physicians and by a network.

::

    PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv (or .csv.gz)
    0/<ImageID>.png … 54/<ImageID>.png   (or images/, or all in one folder)

Normal: the label 'normal' alone. Abnormal: any other label without 'normal'. Left out: films
labelled 'exclude' or 'suboptimal study', with no label, or with 'normal' beside a finding
('unchanged' says nothing and is passed over). Frontal: Projection PA, AP and AP_horizontal (lying;
view 'AP'); laterals, ribs and excluded films are not read.

Splits: ``paper`` (default): PA films, 1,777 normals to train, 1,182 + 1,182 to test, as seed 002,
and 100 + 100 to validate, which it does not tell; ``report``: 1,024, 50 + 50, 100 + 100 of both
views. Films vary in aspect ratio; they are letterboxed.

Source: Bustos et al., Medical Image Analysis 2020, arxiv.org/abs/1901.07441.
"""

from __future__ import annotations

import ast
from pathlib import Path

from simsid.data.film import NORMAL_KIND, Film
from simsid.data.film_set import REPORT, FilmSet
from simsid.data.sets.layout import films_by_name, find_root, find_table, kind_of, read_table, year
from simsid.data.sets.splits import Plan

TABLES = ("PADCHEST_chest_x_ray_images_labels_160K*.csv*", "*.csv*")
TREE = "PADCHEST_chest_x_ray_images_labels_160K_*.csv, 0/*.png … 54/*.png (or images/*.png)"
_COLUMNS = ("ImageID", "ImageDir", "PatientID", "Projection", "Labels")
_VIEWS = {"PA": "PA", "AP": "AP", "AP_horizontal": "AP"}
_SILENT, _UNFIT = {"", "unchanged"}, {"exclude", "suboptimal study"}


def read_films(root: Path) -> list[Film]:
    """Every frontal film that is surely normal or surely abnormal; nobody has split them.

    Raises:
        DataError: wrong root, or a damaged table.
    """
    root = find_root(root, TREE, TABLES[:1])
    places = films_by_name(root)
    films = []
    for row in read_table(find_table(root, TABLES, TREE), _COLUMNS):
        labels = _labels(row["Labels"])
        kind = _kind(labels)
        if kind is None or row["Projection"] not in _VIEWS:
            continue
        path = root / row["ImageDir"].removesuffix(".0") / row["ImageID"]
        films.append(
            Film(
                path=path if path.exists() else places.get(row["ImageID"], path),
                kind=kind,
                part="train",
                patient=row["PatientID"] or row["ImageID"],
                attributes=_attributes(row) | {"findings": "|".join(sorted(labels))},
            )
        )
    return films


def _labels(text: str) -> set[str]:
    """A Python list in a csv field: "['normal', ' COPD signs']"; nan and cuts give none."""
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return set()
    if not isinstance(found, list):
        return set()
    return {str(label).strip() for label in found} - _SILENT


def _kind(labels: set[str]) -> str | None:
    """'normal', a finding, 'multiple', or None for neither."""
    if not labels or labels & _UNFIT:
        return None
    if NORMAL_KIND in labels:
        return NORMAL_KIND if len(labels) == 1 else None
    return kind_of(labels)


def _attributes(row: dict[str, str]) -> dict[str, str]:
    born, seen = year(row.get("PatientBirth", "")), year(row.get("StudyDate_DICOM", ""))
    sex = row.get("PatientSex_DICOM", "")
    age = seen - born if born is not None and seen is not None else -1
    return {
        "view": _VIEWS[row["Projection"]],
        "projection": row["Projection"],
        "sex": sex if sex in ("M", "F") else "",
        "age": str(age) if 0 <= age < 130 else "",
        "labelled_by": row.get("MethodLabel", ""),
    }


SET = FilmSet(
    read=read_films,
    splits={
        "paper": Plan(train=1777, validation=(100, 100), test=(1182, 1182), view="PA"),
        "report": REPORT,
    },
    fit="letterbox",
)
