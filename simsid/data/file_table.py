"""Films named by a table: one file a row, in CSV or Parquet."""

from __future__ import annotations

import re
from pathlib import Path

from simsid.data.sets.table_text import read_rows, read_text
from simsid.errors import DataError

COLUMNS = ("file", "path", "file_name")  # the first one that a table has names its films


def files_of_table(table: Path) -> list[Path]:
    """The films that a table names, in its order; a relative name counts from the table's folder.

    Other columns are ignored, and so are rows without a name. A film need not exist: whoever
    reads it says so.

    Args:
        table: ``.parquet``; anything else is read as CSV, delimiter and encoding are found out.

    Raises:
        DataError: it has no such column, names no film or cannot be read, or pyarrow is absent.
    """
    parquet = table.suffix.lower() == ".parquet"
    names = _parquet_names(table) if parquet else _csv_names(table)
    if not names:
        raise DataError(f"{table} names no film: give it a row for each")
    return [table.parent / name for name in names]


def _csv_names(table: Path) -> list[str]:
    header = re.split(r"[,;\t|]", read_text(table).partition("\n")[0])
    named = _column(table, [name.strip(' \r"').lower() for name in header])
    rows = read_rows(table, lambda name: named if name.strip().lower() == named else "", (named,))
    return [row[named] for row in rows if row[named]]


def _parquet_names(table: Path) -> list[str]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{table} needs pyarrow: pip install pyarrow, or give a CSV") from None
    try:
        with parquet.ParquetFile(table) as file:
            column = _column(table, file.schema_arrow.names)
            parts = [part.column(0) for part in file.iter_batches(columns=[column])]
    except pyarrow.ArrowException as error:
        raise DataError(f"{table} is no Parquet file: write it anew") from error
    return [str(name) for part in parts for name in part.to_pylist() if name]


def _column(table: Path, names: list[str]) -> str:
    found = next((name for name in COLUMNS if name in names), None)
    if found is None:
        raise DataError(f"{table} has no column that names films: call it '{COLUMNS[0]}'")
    return found
