"""Films named by a list: one file a row, in CSV or Parquet, or one a line. Read row by row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simsid.cells import text_of
from simsid.data.sets.table_text import encoding_of
from simsid.errors import DataError

COLUMNS = ("file", "path", "file_name")  # the first one that a table has names its films
ID = "id"
_DELIMITERS = re.compile(r"[,;\t|]")
_EXCELS_MARK = re.compile(r'\s*"?sep=', re.IGNORECASE)
_LONGEST_FIELD = 10_000_000


@dataclass(frozen=True)
class ListedFilm:
    """One row of a list.

    Attributes:
        path: a relative name counts from the list's folder.
        id: what the column ``id`` says of it; '' without one.
    """

    path: Path
    id: str = ""


def files_of_table(table: Path) -> list[Path]:
    """The films that a list names, see :func:`listed_films`."""
    return [film.path for film in listed_films(table)]


def listed_films(table: Path) -> Iterator[ListedFilm]:
    """The films that a list names, in its order, in memory that does not grow with it.

    Other columns are ignored, and so are rows without a name. A film need not exist: whoever
    reads it says so.

    Args:
        table: ``.parquet``; ``.txt`` with a name in each line, or a header first; anything else is
            read as CSV, delimiter and encoding are found out.

    Raises:
        DataError: it has no such column, names no film or cannot be read, or pyarrow is absent.
    """
    readers = {".parquet": _parquet_rows, ".txt": _text_rows}
    named = False
    for name, own_id in readers.get(table.suffix.lower(), _csv_rows)(table):
        if name:
            named = True
            yield ListedFilm(table.parent / name, own_id)
    if not named:
        raise DataError(f"{table} names no film: give it a row for each")


def _csv_rows(table: Path) -> Iterator[tuple[str, str]]:
    csv.field_size_limit(_LONGEST_FIELD)
    with open(table, encoding=encoding_of(table), newline="") as file:
        first = file.readline()
        if not _EXCELS_MARK.match(first):
            file.seek(0)
        else:
            first = file.readline()
            file.seek(0)
            file.readline()
        header, mark = _header(table, first)
        rows = csv.reader(file, delimiter=mark)
        try:
            next(rows, None)
            wanted = header.index(_column(table, header))
            own = header.index(ID) if ID in header else None
            for number, row in enumerate(rows, 2):
                if any(field.strip() for field in row[len(header) :]):
                    raise DataError(
                        f"{table}: row {number} has more fields than the header, {len(header)}: "
                        "put texts that hold the delimiter into quotes"
                    )
                fields = [field.strip() for field in row] + [""] * (len(header) - len(row))
                yield fields[wanted], "" if own is None else text_of(fields[own])
        except csv.Error as error:
            raise DataError(
                f"{table} is not a readable csv file: save it as CSV ({error})"
            ) from error


def _header(table: Path, line: str) -> tuple[list[str], str]:
    """(column names, delimiter): the one that parts the line so that a column names films."""
    found = [",", *dict.fromkeys(_DELIMITERS.findall(line))]
    headers = {
        mark: [name.strip().lower() for name in next(csv.reader([line], delimiter=mark), [])]
        for mark in found
    }
    fitting = [mark for mark in found if set(headers[mark]) & set(COLUMNS)]
    mark = max(fitting or found, key=lambda each: len(headers[each]))
    names = headers[mark]
    twice = next((n for n in (*COLUMNS, ID) if names.count(n) > 1), None)
    if twice:
        raise DataError(f"{table} has several columns for '{twice}': leave one of them")
    return names, mark


def _text_rows(table: Path) -> Iterator[tuple[str, str]]:
    """A name a line; but a table, as programs save one with tabs, where the first line is its header."""
    with open(table, encoding=encoding_of(table)) as file:
        if set(_header(table, file.readline())[0]) & set(COLUMNS):
            yield from _csv_rows(table)
            return
        file.seek(0)
        for line in file:
            yield line.strip(), ""


def _parquet_rows(table: Path) -> Iterator[tuple[str, str]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{table} needs pyarrow: pip install pyarrow, or give a CSV") from None
    try:
        with parquet.ParquetFile(table) as file:
            names = file.schema_arrow.names
            columns = [_column(table, names), *([ID] if ID in names else [])]
            for part in file.iter_batches(columns=columns):
                values = [part.column(name).to_pylist() for name in columns]
                ids = values[1] if len(columns) > 1 else [None] * len(values[0])
                for name, own in zip(values[0], ids, strict=True):
                    yield str(name or ""), "" if own is None else str(own)
    except pyarrow.ArrowException as error:
        raise DataError(f"{table} is no Parquet file: write it anew") from error


def _column(table: Path, names: Sequence[str]) -> str:
    found = next((name for name in COLUMNS if name in names), None)
    if found is None:
        raise DataError(f"{table} has no column that names films: call it '{COLUMNS[0]}'")
    return found
