"""NIH ChestX-ray14: frontal films, PA and AP, with findings mined from reports.

::

    Data_Entry_2017_v2020.csv   BBox_List_2017.csv   train_val_list.txt   test_list.txt
    images_001/images/00000001_000.png …   (or images/00000001_000.png …)

'No Finding' is normal. Labels are noisy, and the view alone tells normal from abnormal better
than chance: report by view. Boxes, in pixels of the published 1024 x 1024 films, exist for some
test films.

Splits: ``official`` (default): test_list.txt to test where it is there (nothing is tested without
it), a tenth of the other films to validate, by patient; ``report``: its 1,024, 50 + 50,
100 + 100. Films are square; they are squashed to 192 x 192, which keeps their shape.

Source: Wang et al., CVPR 2017; link nihcc.app.box.com/v/ChestXray-NIHCC.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

from simsid.data.film import Film
from simsid.data.film_set import REPORT, FilmSet
from simsid.data.sets.layout import (
    films_by_name,
    find_root,
    find_table,
    kind_of,
    read_names,
    read_table,
)
from simsid.data.sets.splits import Plan
from simsid.errors import DataError

TREE = "Data_Entry_2017*.csv, BBox_List_2017.csv, test_list.txt, images_001/images/*.png or images/"
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "View Position")
_NO_FINDING = "No Finding"
_SIDE = 1024
_Box = tuple[float, float, float, float]


def read_films(root: Path) -> list[Film]:
    """Every film of the table.

    Raises:
        DataError: wrong root, or a damaged table.
    """
    root = find_root(root, TREE, ("Data_Entry_2017*.csv*",))
    table = find_table(root, ("Data_Entry_2017_v2020.csv*", "Data_Entry_2017*.csv*"), TREE)
    tests = read_names(root / "test_list.txt") if (root / "test_list.txt").exists() else set()
    places, boxes = films_by_name(root), _boxes(root)
    return [
        _film(row, places.get(row["Image Index"], root / row["Image Index"]), tests, boxes)
        for row in read_table(table, _COLUMNS)
    ]


def _film(
    row: dict[str, str], path: Path, tests: set[str], boxes: dict[str, tuple[_Box, ...]]
) -> Film:
    name = row["Image Index"]
    findings = [text for text in row["Finding Labels"].split("|") if text != _NO_FINDING]
    return Film(
        path=path,
        kind=kind_of(findings),
        part="test" if name in tests else "train",
        patient=row["Patient ID"].lstrip("0") or name,
        attributes={
            "view": row["View Position"],
            "sex": row.get("Patient Gender") or row.get("Patient Sex", ""),
            "age": _age(row.get("Patient Age", "")),
            "findings": row["Finding Labels"],
        },
        boxes=boxes.get(name, ()),
    )


def _age(text: str) -> str:
    """Whole years: '58' of '58', and of '058Y' as the first release has it; '0' of '011M'."""
    number, unit = text.rstrip("YMD"), text[-1:]
    if not number.isdigit():
        return text
    return str(int(number) // {"M": 12, "D": 366}.get(unit, 1))


def _boxes(root: Path) -> dict[str, tuple[_Box, ...]]:
    """By place: the header 'Bbox [x,y,w,h]' breaks into four columns of odd names."""
    path = root / "BBox_List_2017.csv"
    if not path.exists():
        return {}
    boxes: dict[str, list[_Box]] = defaultdict(list)
    with open(path, encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.reader(file)):
            if number == 0 or not row:
                continue
            try:
                left, top, width, height = (float(text) / _SIDE for text in row[2:6])
            except ValueError as error:
                raise DataError(
                    f"{path.name}, line {number + 1}: not a box: {row}; mend the line, or take it out"
                ) from error
            boxes[row[0].strip()].append((left, top, left + width, top + height))
    return {name: tuple(found) for name, found in boxes.items()}


SET = FilmSet(
    read=read_films,
    splits={"official": Plan(validation=(0.1, 0.1)), "report": REPORT},
)
