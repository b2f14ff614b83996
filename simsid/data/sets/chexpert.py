"""Stanford CheXpert: frontal films, PA and AP, with findings mined from reports, some uncertain.

::

    CheXpert-v1.0-small/train.csv   CheXpert-v1.0-small/valid.csv
    CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg …   …/valid/…

(or CheXpert-v1.0, or the full set's folders 'CheXpert-v1.0 batch 2 (train 1)' with patients in
them). Tables name films by paths that begin with the set's own folder.

Uncertain labels (-1): a film is normal when 'No Finding' is 1, no disease is 1 and nothing is -1;
it is abnormal when one of the talk's 12 diseases is 1 for certain. Other films, those with merely
uncertain findings among them, are left out. Support devices are no disease here; the attribute
'support_devices' says where they are, since they are a shortcut.

Splits: ``talk`` (default): PA films; valid.csv's to validate (the talk's 14 + 19: there are 33 PA
films in it), 250 + 250 drawn from train.csv to test, at most 4,999 normals to train. ``report``:
1,024, 50 + 50, 100 + 100 of both views. Films vary in aspect ratio; they are letterboxed.

Source: Irvin et al., AAAI 2019; seeds' talk, slide 'Public Benchmarks'.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from simsid.data.film import NORMAL_KIND, Film
from simsid.data.film_set import REPORT, FilmSet
from simsid.data.sets.layout import find_root, kind_of, read_table
from simsid.data.sets.splits import Plan
from simsid.errors import DataError

TREE = "train.csv, valid.csv, train/patient00001/study1/view1_frontal.jpg (of CheXpert-v1.0-small)"
DISEASES = (
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
    "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Pleural Other", "Fracture",
)  # fmt: skip
_NO_FINDING, _DEVICES = "No Finding", "Support Devices"
_COLUMNS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", _NO_FINDING, *DISEASES, _DEVICES)
_PATH_PARTS = 4  # side, patient, study, file
_SETS = ("CheXpert-v1.0-small", "CheXpert-v1.0", "CheXpert-v1.0 batch 1 (validate & csv)")


def read_films(root: Path) -> list[Film]:
    """Every frontal film that is surely normal or surely abnormal.

    Raises:
        DataError: wrong root, or a damaged table.
    """
    folder = find_root(root, TREE, ("train.csv", "valid.csv"), _SETS)
    batches = sorted((folder if folder == root else root).glob("CheXpert-v1.0 batch *"))
    films = []
    for table, part in (("train.csv", "train"), ("valid.csv", "validation")):
        for row in read_table(folder / table, _COLUMNS):
            kind = _kind(row)
            if row["Frontal/Lateral"] == "Frontal" and kind is not None:
                films.append(_film(row, kind, part, folder, batches))
    return films


def _kind(row: dict[str, str]) -> str | None:
    """'normal', a disease, 'multiple', or None for neither."""
    labels = {name: _label(row[name]) for name in (_NO_FINDING, *DISEASES, _DEVICES)}
    certain = [name for name in DISEASES if labels[name] == 1]
    if certain:
        return kind_of(certain)
    uncertain = any(label == -1 for label in labels.values())
    return NORMAL_KIND if labels[_NO_FINDING] == 1 and not uncertain else None


def _label(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # not mentioned
        return None


def _film(row: dict[str, str], kind: str, part: str, folder: Path, batches: list[Path]) -> Film:
    place = PurePosixPath(row["Path"])  # CheXpert-v1.0-small/train/patient00001/study1/…
    if len(place.parts) < _PATH_PARTS:
        raise DataError(
            f"Path '{place}' must look like train/patient00001/study1/view1_frontal.jpg: download the "
            "table anew, or choose --dataset folder"
        )
    side, patient, rest = place.parts[-4], place.parts[-3], place.parts[-2:]
    path = folder / side / patient / Path(*rest)
    for batch in batches:
        if not path.exists() and (batch / patient).is_dir():
            path = batch / patient / Path(*rest)
    return Film(
        path=path,
        kind=kind,
        part=part,
        patient=patient,
        attributes={
            "view": row["AP/PA"],
            "sex": {"Male": "M", "Female": "F"}.get(row["Sex"], ""),
            "age": row["Age"],
            "support_devices": "yes" if _label(row[_DEVICES]) == 1 else "no",
            "findings": "|".join(name for name in DISEASES if _label(row[name]) == 1),
        },
    )


SET = FilmSet(
    read=read_films,
    splits={"talk": Plan(train=4999, test=(250, 250), view="PA"), "report": REPORT},
    fit="letterbox",
)
