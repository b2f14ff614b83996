"""COVIDx CXR: films of many sources, COVID-19 positive or negative (or normal, pneumonia, COVID-19).

::

    train.txt   test.txt   [val.txt]   train/<file> …   test/<file> …   [val/<file> …]

(or train_COVIDx9B.txt and so on.) A line of a table: patient, file, label, source; the source is
absent in old versions. In versions with positive and negative, 'negative' includes pneumonias
other than COVID-19: normal here means 'no COVID-19', as in the protocol of Tian et al. Class and
source hang together closely (``python -m simsid.data check`` shows how much), so a good AUROC may
be about hospitals.

Split ``official`` (default): the authors' test part, and their validation part or else a tenth of
the training side, by patient; ``report``: its 1,024, 50 + 50, 100 + 100. Letterboxed.

Source: Wang, Lin, Wong, Scientific Reports 2020, github.com/lindawangg/COVID-Net (docs/COVIDx.md).
"""

from __future__ import annotations

from pathlib import Path

from simsid.data.film import NORMAL_KIND, Film
from simsid.data.film_set import REPORT, FilmSet
from simsid.data.sets.layout import find_root, find_table
from simsid.data.sets.splits import Plan
from simsid.errors import DataError

TREE = "train.txt, test.txt (lines: patient file label source), train/*.png, test/*.png"
_LABELS = {"negative": NORMAL_KIND, "normal": NORMAL_KIND, "positive": "COVID-19", "covid-19": "COVID-19",
           "pneumonia": "pneumonia"}  # fmt: skip
_SIDES = {"train": "train", "val": "validation", "test": "test"}


def read_films(root: Path) -> list[Film]:
    """Every film of the tables.

    Raises:
        DataError: wrong root, or a line that cannot be understood.
    """
    root = find_root(root, TREE, ("train*.txt", "test*.txt", "train", "test"))
    films = []
    for side, part in _SIDES.items():
        if side == "val" and not any(root.glob("val*.txt")):
            continue
        table = find_table(root, (f"{side}.txt", f"{side}*.txt"), TREE)
        lines = table.read_text(encoding="utf-8-sig").splitlines()
        rows = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
        if not rows:
            raise DataError(f"{table} is empty: download it anew")
        films += [_film(root / side, part, words, f"{table.name}:{at}") for at, words in rows]
    return films


def _film(folder: Path, part: str, words: list[str], place: str) -> Film:
    """The label is the last word or the last but one; file names may have spaces."""
    at = len(words) - 1 if words[-1].lower() in _LABELS else len(words) - 2
    if at < 2 or words[at].lower() not in _LABELS:
        raise DataError(f"{place}: expected 'patient file label source', not '{' '.join(words)}'")
    source = words[at + 1] if at + 1 < len(words) else ""
    return Film(
        path=folder / " ".join(words[1:at]),
        kind=_LABELS[words[at].lower()],
        part=part,
        patient=f"{source}:{words[0]}",  # sources number their patients alike
        attributes={"source": source},
    )


SET = FilmSet(
    read=read_films,
    splits={"official": Plan(validation=(0.1, 0.1), redraw=False), "report": REPORT},
    fit="letterbox",
)
