"""Where the rows of an archive go: a folder of tables of equal length, whole or resumable after a kill.

Rows reach the disk as they are made, in the CSV that is open. A Parquet shard is that CSV written
anew when it is full, under its name only when it is whole; then the CSV goes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from simsid.errors import SimsidError
from simsid.files import naming, write_text
from simsid.outputs import check_is_folder, check_no_input, json_object
from simsid.scoring.table import COLUMNS, VERSIONS, Row, TableWriter, columns_of, read_table

if TYPE_CHECKING:
    from typing_extensions import Self

SHARD_COLUMNS = ("id", *COLUMNS)
_VERSIONS = tuple(("id", *columns) for columns in VERSIONS)
ABOUT = "shards.json"
_SHARD = re.compile(r"part-(\d{5,})\.(?:csv|parquet)", re.ASCII)
_MADE_BY = "simsid.score"
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
        about = {"made_by": _MADE_BY, **asdict(self.plan)}
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
        if about.pop("made_by", None) != _MADE_BY:
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
        self._columns = _columns_of(self._csv(0), self._parquet(0))
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
            _to_parquet(self._csv(self._number), self._parquet(self._number))
        self._number += 1

    def _open(self, end: int, rows: int) -> None:
        self._table = TableWriter(self._csv(self._number), end, self._columns)
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
            self._parquet(self._number).unlink()  # if killed before, it stands and the table goes

    def _read(self, number: int) -> tuple[list[Row] | None, int | None]:
        """(rows, bytes) of a shard that may grow, (rows, None) of a whole one, or no rows."""
        table, whole = self._csv(number), self._parquet(number)
        if whole.exists():
            table.unlink(missing_ok=True)  # killed between the two
            return _from_parquet(whole, self._columns), None
        if not table.exists():
            return None, None
        rows, end = read_table(table, self._columns)
        full_csv = self.plan.format == "csv" and len(rows) >= self.plan.rows
        return rows, None if full_csv else end

    def _own(self) -> Iterator[Path]:
        return iter(_numbered(self.folder))

    def _csv(self, number: int) -> Path:
        return self.folder / f"part-{number:05d}.csv"

    def _parquet(self, number: int) -> Path:
        return self.folder / f"part-{number:05d}.parquet"


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
    if json_object(folder / ABOUT).get("made_by") != _MADE_BY:
        raise SimsidError(
            f"--out {folder} holds files that are no shards of scores: nothing was changed. Choose "
            "another folder"
        )
    if not overwrite and not resume:
        raise SimsidError(
            f"--out {folder} holds shards of an earlier run: add --resume to finish it, "
            "--overwrite to begin anew, or choose another folder"
        )


def model_told(folder: Path) -> str:
    """What the rows of an earlier run were made with; '' where there is none."""
    return str(json_object(folder / ABOUT).get("model", ""))


def require_parquet() -> None:
    """Whether Parquet can be written at all.

    Raises:
        SimsidError: pyarrow is absent.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise SimsidError(
            "shards in Parquet need pyarrow: pip install pyarrow, or take --shard-format csv"
        ) from None


def _to_parquet(table: Path, whole: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    names = columns_of(table, _VERSIONS)
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


def _numbered(folder: Path) -> dict[Path, int]:
    """Every shard and its number; copies that somebody made under other names are none."""
    named = ((path, _SHARD.fullmatch(path.name)) for path in folder.glob("part-*"))
    return {path: int(match[1]) for path, match in named if match}


def _columns_of(table: Path, whole: Path) -> Sequence[str]:
    """The columns of a shard, whichever of the two it is; this version's where it is none yet.

    Raises:
        SimsidError: it is damaged.
    """
    if not whole.exists():
        return columns_of(table, _VERSIONS)
    import pyarrow
    from pyarrow import parquet

    try:
        names = tuple(parquet.read_schema(whole).names)
    except (pyarrow.ArrowException, OSError) as error:
        raise SimsidError(f"{whole} is damaged ({error}): choose another --out") from error
    return names if names in _VERSIONS else SHARD_COLUMNS


def _from_parquet(whole: Path, columns: Sequence[str]) -> list[Row]:
    """The rows of a whole shard.

    Raises:
        SimsidError: it is damaged, or has other columns.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        content = parquet.read_table(whole)
    except (pyarrow.ArrowException, OSError) as error:
        raise SimsidError(f"{whole} is damaged ({error}): choose another --out") from error
    if tuple(content.column_names) != tuple(columns):
        raise SimsidError(
            f"{whole} has other columns than this version writes, or than the shards before it: "
            "score the films again, into another --out"
        )
    rows = content.to_pylist()
    return [{name: "" if value is None else value for name, value in row.items()} for row in rows]


def is_shard_folder(folder: Path) -> bool:
    """Whether ``simsid.score --shard-rows`` wrote this folder."""
    return folder.is_dir() and json_object(folder / ABOUT).get("made_by") == _MADE_BY


def options_of(folder: Path) -> str:
    """The options of ``simsid.score`` that go on with this folder's shards."""
    about = json_object(folder / ABOUT)
    told = f"--shard-rows {about.get('rows')} --shard-format {about.get('format')}"
    return f"{told} --batch-size {about.get('batch_size')}"


def read_shards(folder: Path) -> Iterator[Row]:
    """The rows of all shards in order, also of one that is not full yet; values as a CSV has them.

    Shards of an earlier version are read, too: their rows have its columns.

    Raises:
        SimsidError: a shard is missing, damaged or of a version that is read no more; it is named.
    """
    for number in range(max(_numbered(folder).values(), default=-1) + 1):
        whole, table = folder / f"part-{number:05d}.parquet", folder / f"part-{number:05d}.csv"
        if whole.exists():
            require_parquet()
            rows = _from_parquet(whole, _columns_of(table, whole))
        elif table.exists():
            rows, _ = read_table(table, columns_of(table, _VERSIONS))
        else:
            raise SimsidError(f"{folder} lacks shard {number}: score the films again")
        yield from ({name: str(value) for name, value in row.items()} for row in rows)
