"""VinDr-CXR: PA films of two Vietnamese hospitals as DICOM, boxes and labels by radiologists.

::

    train/<image_id>.dicom …   test/<image_id>.dicom …   (or .dcm, .png, .jpg)
    annotations/annotations_train.csv   annotations/image_labels_train.csv   (and …_test.csv)

Each training film was read by three radiologists, one row each: a film is normal when a majority
says 'No finding', abnormal when a majority does not, and left out at a tie. Its findings are those
of a majority; 'disputed' where readers agree that there is something and not on what. Boxes are
those drawn for such findings, by each reader. Test films have one consensus row.

Boxes are pixels of the published DICOM files. Where films were turned into smaller PNG files,
train_meta.csv and test_meta.csv (image_id, dim0 = height, dim1 = width) give the size that boxes
count in. Nobody is told apart here: every film counts as a patient.

Splits: ``official`` (default): the authors' test part, a tenth of the training side to validate;
``report``: 1,024, 50 + 50, 100 + 100. Films vary in aspect ratio; they are letterboxed.

Source: Nguyen et al., Scientific Data 2022, physionet.org/content/vindr-cxr.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from PIL import Image

from simsid.data.film import Film
from simsid.data.film_set import REPORT, FilmSet
from simsid.data.sets.layout import films_below, find_root, find_table, kind_of, read_table
from simsid.data.sets.splits import Plan
from simsid.errors import DataError

TREE = (
    "train/*.dicom, test/*.dicom, annotations/annotations_train.csv, "
    "annotations/image_labels_train.csv and the same of test"
)
_NO_FINDING = "No finding"
_NOT_LABELS = {"image_id", "rad_id"}
_CORNERS = ("x_min", "y_min", "x_max", "y_max")
_Box = tuple[float, float, float, float]


def read_films(root: Path) -> list[Film]:
    """Every film that readers agree on, with its boxes.

    Raises:
        DataError: wrong root, or a damaged table.
    """
    root = find_root(root, TREE, ("train", "**/image_labels_train.csv"), ("1.0.0",))
    films = []
    for part in ("train", "test"):
        if part == "train" or any(root.glob("**/image_labels_test.csv")):
            films += _read_part(root, part)
    return films


def _read_part(root: Path, part: str) -> list[Film]:
    votes = _votes(find_table(root, (f"**/image_labels_{part}.csv",), TREE))
    boxes = _boxes(root, part)
    sizes = _sizes(root, part)
    places = {path.stem: path for path in films_below(root / part)}
    films = []
    for name, readers in votes.items():
        findings = _agreed(readers)
        if findings is None:
            continue
        path = places.get(name, root / part / f"{name}.dicom")
        own = [box for finding, box in boxes.get(name, ()) if finding in findings]
        films.append(
            Film(
                path=path,
                kind=kind_of(findings),
                part=part,
                patient=name,
                attributes={"view": "PA", "findings": "|".join(sorted(findings))},
                boxes=_shares(own, sizes.get(name), path) if own and path.is_file() else (),
            )
        )
    return films


def _votes(table: Path) -> dict[str, list[set[str]]]:
    """For each film, what each reader ticked."""
    votes: dict[str, list[set[str]]] = defaultdict(list)
    for row in read_table(table, ("image_id", _NO_FINDING)):
        ticked = {name for name, text in row.items() if name not in _NOT_LABELS and _is_one(text)}
        votes[row["image_id"]].append(ticked)
    return votes


def _is_one(text: str) -> bool:
    return text in ("1", "1.0")


def _agreed(readers: list[set[str]]) -> set[str] | None:
    """Findings of the majority, none when it sees none; None at a tie."""
    normal = sum(_NO_FINDING in ticked for ticked in readers)
    if 2 * normal == len(readers):
        return None
    if 2 * normal > len(readers):
        return set()
    named = set().union(*readers) - {_NO_FINDING}
    agreed = {name for name in named if 2 * sum(name in own for own in readers) > len(readers)}
    return agreed or {"disputed"}


def _boxes(root: Path, part: str) -> dict[str, list[tuple[str, _Box]]]:
    boxes: dict[str, list[tuple[str, _Box]]] = defaultdict(list)
    table = find_table(root, (f"**/annotations_{part}.csv",), TREE)
    for row in read_table(table, ("image_id", "class_name", *_CORNERS)):
        corners = [row[name] for name in _CORNERS]
        if not all(corners):  # 'No finding' has no box
            continue
        try:
            left, top, right, bottom = map(float, corners)
        except ValueError as error:
            raise DataError(
                f"{table.name}: {row['image_id']} has no box: {corners}; mend the row, or take it out"
            ) from error
        boxes[row["image_id"]].append((row["class_name"], (left, top, right, bottom)))
    return boxes


def _sizes(root: Path, part: str) -> dict[str, tuple[float, float]]:
    """(width, height) that boxes count in, where a table tells."""
    table = root / f"{part}_meta.csv"
    if not table.exists():
        return {}
    sizes = {}
    for row in read_table(table, ("image_id", "dim0", "dim1")):
        try:
            width, height = float(row["dim1"]), float(row["dim0"])
        except ValueError as error:
            raise DataError(
                f"{table.name}: {row['image_id']} has no size; mend the row, or take it out"
            ) from error
        sizes[row["image_id"]] = width, height
    return sizes


def _shares(boxes: list[_Box], size: tuple[float, float] | None, path: Path) -> tuple[_Box, ...]:
    width, height = size or _size_of(path) or (0.0, 0.0)
    if not width or not height:  # the film cannot be read: whoever decodes it will say so
        return ()
    return tuple((a / width, b / height, c / width, d / height) for a, b, c, d in boxes)


def _size_of(path: Path) -> tuple[float, float] | None:
    """(width, height) from the header; None where there is none to read."""
    try:
        if path.suffix.lower() not in (".dcm", ".dicom"):
            with Image.open(path) as image:
                return image.size
        import pydicom  # only DICOM needs it

        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
        return float(header.Columns), float(header.Rows)
    except Exception:  # a broken header fails in many ways
        return None


SET = FilmSet(
    read=read_films,
    splits={"official": Plan(validation=(0.1, 0.1)), "report": REPORT},
    fit="letterbox",
)
