"""Where the rows of an archive go: a folder of tables of equal length, whole or resumable after a kill.

Rows reach the disk as they are made, in the CSV that is open. A Parquet shard is that CSV written
anew when it is full, under its name only when it is whole; then the CSV goes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from simsid.archive.shard_files import (
    ABOUT,
    MADE_BY,
    SHARD_COLUMNS,
    SHARD_VERSIONS,
    columns_at,
    csv_at,
    from_parquet,
    numbered,
    parquet_at,
)
from simsid.errors import SimsidError
from simsid.files import naming, write_text
from simsid.outputs import check_is_folder, check_no_input, json_object
from simsid.scoring.table import Row, TableWriter, columns_of, read_table

if TYPE_CHECKING:
    from typing_extensions import Self

_TEXTS = frozenset(
    {
        "id",
        "file",
        "state",
        "population",
        "looks_like",
        "judged_as",
        "diffuse",
        "status",
        "message",
        "model",
        "verdict",
    }
)
_COUNTS = frozenset({"num_normals", "found_of"})

Format = Literal["csv", "parquet"]


@dataclass(frozen=True)
class ShardPlan:
    """What makes rows and shards what they are: a run is resumed with the same plan alone.

    Attributes:
        model: what the rows were made with. rows: in each shard but the last.
        batch_size: films in one pass, by which arithmetic rounds. format: of whole shards.
    """

    model: str
    rows: int
    batch_size: int
    format: Format


class ShardFolder:
    """A folder of shards, ``part-00000.csv`` or ``.parquet`` and so on.

    Args:
        folder: is made where there is none.
    """

    def __init__(self, folder: Path, plan: ShardPlan) -> None:
        self.folder, self.plan = folder, plan
        self._number, self._rows = 0, 0
        self._columns: Sequence[str] = SHARD_COLUMNS  # of every shard
        self._short: list[Row] = []  # rows of a whole last shard that has room for more
        self._table: TableWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._table is not None:
            self._table.close()

    def begin(self) -> None:
        """Start a new run; shards of an earlier one go."""
        for path in self._own():
            path.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"made_by": MADE_BY, **asdict(self.plan)}
        write_text(self.folder / ABOUT, json.dumps(about, indent=2) + "\n")

    def resume(self) -> Iterator[Row]:
        """Rows of an earlier run, in order; after the last one new rows can be added.

        They have the columns of the first shard, which an earlier version may have made; so have
        those that are added.

        Raises:
            SimsidError: it had another plan, or a shard is damaged, missing or of another version
                than the first.
        """
        about = json_object(self.folder / ABOUT)
        if about.pop("made_by", None) != MADE_BY:
            self.begin()
            return
        ours = asdict(self.plan)
        for name, value in ours.items():
            if about.get(name) != value:
                raise SimsidError(
                    f"{self.folder} was made with {name} {about.get(name)}, not {value}: give the "
                    "same options and model, or choose another --out"
                )
        for draft in self.folder.glob(".part-*"):
            draft.unlink()
        self._columns = columns_at(self.folder, 0)
        last = self.plan.rows
        while True:
            rows, end = self._read(self._number)
            if rows is None:
                break
            if last < self.plan.rows:
                raise SimsidError(
                    f"{self.folder}: shard {self._number - 1} ends too early: choose another --out"
                )
            last = len(rows)
            yield from rows
            if end is not None:  # it is open yet
                self._refuse_gap(self._number + 1)
                self._open(end, last)
                return
            self._number += 1
            self._short = rows if last < self.plan.rows else []
        self._refuse_gap(self._number)

    def _refuse_gap(self, count: int) -> None:
        if len(list(self._own())) > count:
            raise SimsidError(f"{self.folder} lacks shard {count}: choose another --out")

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows, to as many shards as they fill; on the disk when this returns.

        Raises:
            OSError: the disk is full, or a file cannot be written; it is named.
        """
        while rows:
            if self._table is None:
                self._open_last()
            assert self._table is not None
            room = self.plan.rows - self._rows
            now, rows = rows[:room], rows[room:]
            self._table.append(now)
            self._rows += len(now)
            if self._rows == self.plan.rows:
                self.finish()

    def finish(self) -> None:
        """Close the shard that is open, and give it its format."""
        if self._table is None:
            return
        self._table.close()
        self._table = None
        if self.plan.format == "parquet":
            _to_parquet(csv_at(self.folder, self._number), parquet_at(self.folder, self._number))
        self._number += 1

    def _open(self, end: int, rows: int) -> None:
        self._table = TableWriter(csv_at(self.folder, self._number), end, self._columns)
        self._rows = rows
        if rows == self.plan.rows:
            self.finish()

    def _open_last(self) -> None:
        """A new shard, or the last one if it was written whole and short: films came behind it since."""
        rows, self._short = self._short, []
        self._number -= bool(rows)
        self._open(0, 0)
        if rows:
            assert self._table is not None
            self._table.append(rows)
            self._rows = len(rows)
            parquet_at(
                self.folder, self._number
            ).unlink()  # if killed before, it stands and the table goes

    def _read(self, number: int) -> tuple[list[Row] | None, int | None]:
        """(rows, bytes) of a shard that may grow, (rows, None) of a whole one, or no rows."""
        table, whole = csv_at(self.folder, number), parquet_at(self.folder, number)
        if whole.exists():
            table.unlink(missing_ok=True)  # killed between the two
            return from_parquet(whole, self._columns), None
        if not table.exists():
            return None, None
        rows, end = read_table(table, self._columns)
        full_csv = self.plan.format == "csv" and len(rows) >= self.plan.rows
        return rows, None if full_csv else end

    def _own(self) -> Iterator[Path]:
        return iter(numbered(self.folder))


def check_shards(folder: Path, overwrite: bool, resume: bool, inputs: Sequence[Path] = ()) -> None:
    """Refuse ``--out`` where it is no new folder, or that of an earlier run which may go on or go.

    Args:
        inputs: what is read, which may be none of its shards.

    Raises:
        SimsidError: see there; or there is nothing to go on with.
    """
    check_is_folder(folder, "--out")
    for shard in folder.glob("part-*"):
        check_no_input(shard, "--out", inputs)
    if not folder.exists() or not any(folder.iterdir()):
        return
    if json_object(folder / ABOUT).get("made_by") != MADE_BY:
        raise SimsidError(
            f"--out {folder} holds files that are no shards of scores: nothing was changed. Choose "
            "another folder"
        )
    if not overwrite and not resume:
        raise SimsidError(
            f"--out {folder} holds shards of an earlier run: add --resume to finish it, "
            "--overwrite to begin anew, or choose another folder"
        )


def _to_parquet(table: Path, whole: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    names = columns_of(table, SHARD_VERSIONS)
    rows, _ = read_table(table, names)
    columns = {}
    for name in names:
        values = [row[name] for row in rows]
        if name in _TEXTS:
            columns[name] = pyarrow.array(values, pyarrow.string())
        else:
            kind = pyarrow.int64() if name in _COUNTS else pyarrow.float64()
            made = int if name in _COUNTS else float
            columns[name] = pyarrow.array([made(v) if v != "" else None for v in values], kind)
    draft = whole.with_name("." + whole.name)
    with naming(draft):
        parquet.write_table(pyarrow.table(columns), draft)
    with open(draft, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(draft, whole)
    table.unlink()
