"""The files of a folder of shards, and how their rows are read again.

``shards.json``  what the rows were made with, and the options that go on with them
``part-00000.csv`` or ``.parquet``  and so on: tables of equal length, but for the last one
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from simsid.errors import SimsidError
from simsid.outputs import json_object
from simsid.scoring.table import COLUMNS, VERSIONS, Row, columns_of, read_table

SHARD_COLUMNS = ("id", *COLUMNS)
SHARD_VERSIONS = tuple(("id", *columns) for columns in VERSIONS)  # this one's, earlier ones'
ABOUT = "shards.json"
MADE_BY = "simsid.score"
_SHARD = re.compile(r"part-(\d{5,})\.(?:csv|parquet)", re.ASCII)


def numbered(folder: Path) -> dict[Path, int]:
    """Every shard and its number; copies that somebody made under other names are none."""
    named = ((path, _SHARD.fullmatch(path.name)) for path in folder.glob("part-*"))
    return {path: int(match[1]) for path, match in named if match}


def csv_at(folder: Path, number: int) -> Path:
    """Where a shard is while it grows, and stays in CSV."""
    return folder / f"part-{number:05d}.csv"


def parquet_at(folder: Path, number: int) -> Path:
    """Where a whole shard is in Parquet."""
    return folder / f"part-{number:05d}.parquet"


def columns_at(folder: Path, number: int) -> Sequence[str]:
    """The columns of a shard, in whichever format it is; this version's where there is none yet.

    Raises:
        SimsidError: it is damaged.
    """
    whole = parquet_at(folder, number)
    if not whole.exists():
        return columns_of(csv_at(folder, number), SHARD_VERSIONS)
    import pyarrow
    from pyarrow import parquet

    try:
        names = tuple(parquet.read_schema(whole).names)
    except (pyarrow.ArrowException, OSError) as error:
        raise SimsidError(f"{whole} is damaged ({error}): choose another --out") from error
    return names if names in SHARD_VERSIONS else SHARD_COLUMNS


def from_parquet(whole: Path, columns: Sequence[str]) -> list[Row]:
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


def is_shard_folder(folder: Path) -> bool:
    """Whether ``simsid.score --shard-rows`` wrote this folder."""
    return folder.is_dir() and json_object(folder / ABOUT).get("made_by") == MADE_BY


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
    for number in range(max(numbered(folder).values(), default=-1) + 1):
        whole, table = parquet_at(folder, number), csv_at(folder, number)
        if whole.exists():
            require_parquet()
            rows = from_parquet(whole, columns_at(folder, number))
        elif table.exists():
            rows, _ = read_table(table, columns_at(folder, number))
        else:
            raise SimsidError(f"{folder} lacks shard {number}: score the films again")
        yield from ({name: str(value) for name, value in row.items()} for row in rows)
