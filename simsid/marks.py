"""What a reader says of scored films: a table of marks beside the table of scores."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simsid.cells import as_path, text_of
from simsid.errors import SimsidError
from simsid.files import write_text
from simsid.locked_folder import lock_of_file
from simsid.outputs import check_file
from simsid.scoring.table import Row, csv_line, is_score_table, read_table

NORMAL, ABNORMAL = "normal", "abnormal"
DOUBTFUL_FIRST, RANDOM, BLIND = "doubtful", "random", "blind"
COLUMNS = ("file", "mark", "order")
_HEADER = ",".join(COLUMNS)


@dataclass(frozen=True)
class Mark:
    """What a film was called, and in which order films were shown when it was first.

    Attributes:
        mark: 'normal' or 'abnormal'.
        order: 'doubtful', 'random', or 'blind': by chance, and before the reader saw score, verdict
            and map. Behind the latter two stands the seed, unless it is 0: see ``order_text``.
    """

    mark: str
    order: str

    @property
    def blind(self) -> bool:
        """Whether the film was marked before its verdict was shown."""
        return self.order.partition(" ")[0] == BLIND

    @property
    def seed(self) -> int | None:
        """Of the chance that chose the film; None where chance did not."""
        kind, _, seed = self.order.partition(" ")
        if kind not in (RANDOM, BLIND) or not (seed or "0").isdecimal():
            return None
        return int(seed or 0)


def order_text(kind: str, seed: int = 0) -> str:
    """How a table of marks calls an order by chance: 'blind', 'random 7'."""
    return f"{kind} {seed}" if seed else kind


class Marks:
    """A CSV of marks, written whole after each one.

    The file is read again before each change, so that two readers of one table lose nothing.

    Args:
        path: a new file, or marks of an earlier review, which goes on.

    Raises:
        SimsidError: the file is of somebody else, or damaged.
    """

    def __init__(self, path: Path) -> None:
        check_file(path, "--marks", "a table of marks", is_marks, pipes=False)
        self.path = path
        self.read()

    def read(self) -> dict[str, Mark]:
        """Marks by the table's name of the film.

        Raises:
            SimsidError: a line is damaged.
        """
        if not self.path.exists():
            return {}
        marks = {}
        try:
            text = self.path.read_bytes().decode("utf-8")
            for line in list(csv.reader(io.StringIO(text, newline="")))[1:]:
                file, mark, order = line
                if mark not in (NORMAL, ABNORMAL):
                    raise ValueError(f"'{mark}' is no mark")
                marks[as_path(text_of(file))] = Mark(mark, order)
        except (ValueError, csv.Error) as error:
            raise SimsidError(
                f"{self.path} is damaged ({error}): mend it, or choose another --marks"
            ) from error
        return marks

    def normals(self) -> list[Path]:
        """The films that are marked normal."""
        return [Path(file) for file, each in self.read().items() if each.mark == NORMAL]

    def by_chance(self) -> bool:
        """Whether chance alone chose the films that are marked."""
        return all(mark.seed is not None for mark in self.read().values())

    def seed(self) -> int | None:
        """The one seed by which chance chose all marked films; None where there is none."""
        seeds = {mark.seed for mark in self.read().values()}
        return seeds.pop() if len(seeds) == 1 else None

    def put(self, file: str, mark: Mark | None) -> None:
        """Mark a film, or take its mark back.

        Raises:
            OSError: the file cannot be written; the former one stays.
        """
        with lock_of_file(self.path):  # no other reader's mark is lost
            marks = self.read()
            before = marks.pop(file, None)
            if mark is not None:
                marks[file] = mark if before is None else _marked_again(before, mark)
            lines = [COLUMNS, *((name, each.mark, each.order) for name, each in marks.items())]
            write_text(self.path, b"".join(map(csv_line, lines)).decode())


def _marked_again(before: Mark, now: Mark) -> Mark:
    """As it was chosen first, by doubt or by chance; a changed mark is blind no longer."""
    if before.blind and now.mark != before.mark:
        return Mark(now.mark, order_text(RANDOM, before.seed or 0))
    return Mark(now.mark, before.order)


def is_marks(path: Path) -> bool:
    """Whether a file is a table of marks, by its first line."""
    with open(path, "rb") as file:
        return file.readline(len(_HEADER) + 2).decode("utf-8", "replace").strip() == _HEADER


def scored_rows(table: Path) -> list[Row]:
    """Rows of a score table that have a score.

    Raises:
        SimsidError: it is missing or no score table of this version, or nothing in it has a score.
    """
    if not table.exists():
        raise SimsidError(
            f"{table} does not exist: check the path, or write it with python -m simsid.score"
        )
    if not table.is_file() or not is_score_table(table):
        raise SimsidError(f"{table} is no score table: write one with simsid.score")
    try:
        rows = read_table(table)[0]
    except SimsidError:
        raise SimsidError(
            f"{table} is damaged, or of another version: score the films again"
        ) from None
    scored = [row for row in rows if row["score"] != ""]
    if not scored:
        raise SimsidError(f"{table} holds no film with a score: there is nothing to review")
    return scored


def in_order(rows: Sequence[Row], order: str, seed: int = 0) -> list[Row]:
    """The rows in the order in which they are shown.

    Args:
        order: 'doubtful' takes in turn the film nearest to its threshold and the most unusual one
            that is left; 'random' makes what is marked a sample of all films, 'blind' likewise.
        seed: of the latter two.
    """
    if order in (RANDOM, BLIND):
        return random.Random(seed).sample(rows, len(rows))
    doubtful = sorted(rows, key=lambda row: abs(excess_of(row)))
    unusual = sorted(rows, key=excess_of, reverse=True)
    shown = [row for pair in zip(doubtful, unusual, strict=True) for row in pair]
    return list({row["file"]: row for row in shown}.values())


def excess_of(row: Row) -> float:
    """How far a film's score lies above the threshold of its population; the score without one."""
    return float(row["score"]) - float(row["threshold"] or 0)
