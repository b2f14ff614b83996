"""A table as any spreadsheet program saves it: encoding and delimiter are found out."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from simsid.errors import DataError

_DELIMITERS = ",;\t|"
_MARKS = (  # longer marks first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19]")  # in no text
_EXCELS_MARK = re.compile(r'\s*"?sep=[^\r\n]*[\r\n]+', re.IGNORECASE)  # its own way to tell
_LOOKED_AT = 400
_PIECE = 1 << 20  # characters
_LONGEST_FIELD = 10_000_000


def read_text(path: Path) -> str:
    """A text in UTF-8, UTF-16 or UTF-32, with a mark or without, or else in Windows' Latin letters.

    Raises:
        DataError: it cannot be read, or is no text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; make it readable") from error
    for encoding in _encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _CONTROL.search(text):
            return text
    raise DataError(f"{path} is not a readable csv file: save it as CSV in UTF-8")


def encoding_of(path: Path) -> str:
    """Which encoding a text has, as ``read_text`` finds it, in memory that does not grow with it.

    Raises:
        DataError: it cannot be read, or is no text.
    """
    try:
        with open(path, "rb") as file:
            candidates = _encodings(file.read(_LOOKED_AT))
        for encoding in candidates:
            try:
                with open(path, encoding=encoding, newline="") as text:
                    if not any(map(_CONTROL.search, iter(lambda: text.read(_PIECE), ""))):
                        return encoding
            except UnicodeDecodeError:
                continue
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): check that it is there and yours to read"
        ) from error
    raise DataError(f"{path} is not a readable csv file: save it as CSV in UTF-8")


def _encodings(data: bytes) -> tuple[str, ...]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return (encoding,)
    start = data[:_LOOKED_AT]
    if b"\0" in start:
        odd, even = start[1::2].count(0), start[::2].count(0)
        return ("utf-16-le",) if odd > even else ("utf-16-be",)
    return "utf-8", "cp1252", "latin-1"


def read_rows(
    path: Path, name_of: Callable[[str], str], needed: Sequence[str]
) -> list[dict[str, str]]:
    """Rows by column, with stripped text in every field; rows without any text are passed over.

    Args:
        name_of: a column's name from what stands in the header.
        needed: columns that must be there; by them the delimiter is found out.

    Raises:
        DataError: no table, a column is absent or there twice, a row is longer than the header, or
            there are no rows.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    text = read_text(path)
    text = _EXCELS_MARK.sub("", text, count=1) if _EXCELS_MARK.match(text) else text
    try:
        tables = [
            list(csv.reader(io.StringIO(text, newline=""), delimiter=mark)) for mark in _DELIMITERS
        ]
    except csv.Error as error:
        raise DataError(
            f"{path} is not a readable csv file: {error}; save it as CSV in UTF-8"
        ) from error
    best: list[list[str]] = []
    header: list[str] = []
    for table in tables:
        lines = [line for line in table if any(field.strip() for field in line)]
        names = [name_of(name) for name in lines[0]] if lines else []
        fits = sum(name in names for name in needed), len(names)
        if fits > (sum(name in header for name in needed), len(header)):
            best, header = lines, names
    absent = [name for name in needed if name not in header]
    if absent:
        shown = ", ".join(best[0][:8]) if best else "none: it is empty"
        raise DataError(
            f"{path} lacks the column '{absent[0]}'; it has {shown}. Name the column so, or rename "
            "the file if it is another table"
        )
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice:
        raise DataError(f"{path} has several columns for '{twice}': leave one of them")
    if len(best) < 2:
        raise DataError(f"{path} has a header and no rows: give each film a row")
    return [_row(path, header, line, number) for number, line in enumerate(best[1:], 2)]


def _row(path: Path, header: list[str], line: list[str], number: int) -> dict[str, str]:
    if any(field.strip() for field in line[len(header) :]):
        raise DataError(
            f"{path}: row {number} has more fields than the header, {len(header)}: "
            "put texts that hold the delimiter into quotes"
        )
    fields = line + [""] * (len(header) - len(line))
    return {name: text.strip() for name, text in zip(header, fields, strict=False) if name}
