"""The table of scores: rows reach the disk as they are made, and a stopped table can be finished."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from simsid.cells import as_cell, as_path, text_of
from simsid.errors import SimsidError
from simsid.locked_folder import lock_of_file
from simsid.outputs import check_file

if TYPE_CHECKING:
    from typing_extensions import Self

COLUMNS = (
    *("file", "state", "score", "percentile", "p_value", "threshold"),
    *("threshold_low", "threshold_high", "false_alarm_rate", "rate_low", "rate_high"),
    *("num_normals", "population", "looks_like", "judged_as", "found_share", "found_of", "diffuse"),
    *(
        "status",
        "message",
        "model",
        "verdict",
    ),  # 'verdict' goes with the next version: read 'state'
)
_FORMER = (
    *("file", "score", "percentile", "p_value", "verdict"),
    *("false_alarm_rate", "rate_low", "rate_high", "num_normals", "population"),
    *("status", "message", "model"),
)
_WITHOUT_CHOICE = tuple(name for name in COLUMNS if name not in ("looks_like", "judged_as"))
VERSIONS = (COLUMNS, _WITHOUT_CHOICE)  # what is read and finished: by this version, by earlier ones
_EARLIER = (*VERSIONS, _FORMER, _FORMER[:-1])  # what may be written over
_STREAMS = ("/dev/fd/", "/dev/stdout", "/dev/stderr", "/proc/")

Row = dict[str, Any]


def file_key(path: Path) -> str:
    """How the table names a file: no formula, see ``as_path``."""
    return as_path(path_as_text(path))


def path_as_text(path: Path) -> str:
    """A path with slashes; bytes that are no text as escapes."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()


def check_table(path: Path, overwrite: bool, resume: bool) -> None:
    """Refuse ``--out`` where it names something else than a score table, a new file or a stream.

    Raises:
        SimsidError: see there; or there is no table to go on with.
    """
    if _is_stream(path):
        if resume:
            raise SimsidError(f"--resume needs a table that can be read again, not {path}")
        return
    check_file(path, "--out", "a score table", is_score_table, overwrite and not resume)


@contextlib.contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """While it lasts no other run of this user writes the table.

    Raises:
        SimsidError: one does.
    """
    if _is_stream(path):
        yield
        return
    lock = lock_of_file(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SimsidError(
            f"another run writes --out {path}: wait for it, or choose another name"
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_score_table(path: Path) -> bool:
    """Whether the first line is the header of a table of this or an earlier version.

    A header that a kill cut short counts, where nothing follows it.
    """
    headers = [csv_line(columns) for columns in _EARLIER]
    with open(path, "rb") as file:
        head = file.read(max(map(len, headers)) + 1)
    cut_short = any(header.startswith(head) for header in headers[: len(VERSIONS)])
    return cut_short or any(head.startswith(header) for header in headers)


def earlier_rows(path: Path) -> Iterator[Row]:
    """The whole rows of a table of any version, one at a time; none of a stream or of no file.

    A last line that a kill cut short is left out, and files are named as ``read_table`` names them.
    A row has the columns that its table has: 'model' is not in those of the first versions.

    Raises:
        SimsidError: it is no CSV behind its header.
    """
    if _is_stream(path) or not path.is_file():
        return
    with open(path, "rb") as file:
        rows = csv.reader(_whole_rows(file))
        try:
            columns = next(rows, [])
            for values in filter(None, rows):
                row = dict(zip(columns, map(text_of, values), strict=False))
                yield row | {"file": as_path(row["file"])}
        except csv.Error as error:
            raise SimsidError(f"{path} is damaged ({error}): choose another --out") from error


def columns_of(path: Path, versions: Sequence[Sequence[str]] = VERSIONS) -> Sequence[str]:
    """The columns of a table that was begun, by this version or an earlier one.

    Args:
        versions: of columns, this version's first. That is what a table has that is not there, or
            of which not even the header is whole; what has none of them is taken for it, too.
    """
    headers = [csv_line(columns) for columns in versions]
    if not path.exists():
        return versions[0]
    with open(path, "rb") as file:
        head = file.read(max(map(len, headers)))
    found = (own for own, header in zip(versions, headers, strict=True) if head.startswith(header))
    return next(found, versions[0])


def read_table(path: Path, columns: Sequence[str] | None = None) -> tuple[list[Row], int]:
    """The whole rows of a table, and how many bytes they and the header take.

    A last line that a kill cut short is left out.

    Args:
        columns: that it must have; None: those of this version or of an earlier one, see
            ``columns_of``.

    Raises:
        SimsidError: the columns are others, or a line is damaged.
    """
    columns = columns_of(path) if columns is None else columns
    content = path.read_bytes() if path.exists() else b""
    content = content[: _end_of_rows(content)]
    if not content:
        return [], 0
    header = csv_line(columns)
    if not content.startswith(header):
        raise SimsidError(
            f"{path} has other columns than this version writes, or than the shards before it: "
            "score the films again, into another --out"
        )
    rows = []
    try:
        text = content[len(header) :].decode("utf-8")
        for number, values in enumerate(csv.reader(io.StringIO(text, newline="")), start=2):
            if len(values) != len(columns):
                raise ValueError(f"row {number} has {len(values)} columns")
            row = dict(zip(columns, map(text_of, values), strict=True))
            rows.append(row | {"file": as_path(row["file"])})  # earlier versions wrote '=a.png'
    except (ValueError, csv.Error) as error:
        raise SimsidError(f"{path} is damaged ({error}): choose another --out") from error
    return rows, len(content)


class TableWriter:
    """Appends rows to a table; as a context manager it closes the file.

    Nothing is changed before the first rows are there. What is written is on the disk when
    ``append`` returns. If writing fails, the rows that were whole before stay.

    Args:
        path: a new file, an earlier table, a link to one of them, a pipe or a device.
        keep: bytes of an earlier table that stay, from ``read_table``.
        columns: of each row.
    """

    def __init__(self, path: Path, keep: int = 0, columns: Sequence[str] = COLUMNS) -> None:
        self.path, self.columns = path, columns
        self._end = keep
        self._stream = _is_stream(path)
        self._file: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be added any more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows.

        Raises:
            OSError: the disk is full, or the file cannot be written; it is named.
        """
        data = b"".join(csv_line([row[name] for name in self.columns]) for row in rows)
        try:
            if self._file is None:
                self._file = self._open()
                data = data if self._end else csv_line(self.columns) + data
            self._write(self._file, data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def _open(self) -> int:
        if self._stream and writes_to_stdout(self.path):
            sys.stdout.flush()
            return os.dup(sys.stdout.fileno())
        if self._stream:
            return os.open(self.path, os.O_WRONLY | os.O_APPEND)
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        os.ftruncate(file, self._end)
        os.lseek(file, self._end, os.SEEK_SET)
        return file

    def _write(self, file: int, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(file, left) :]
            if not self._stream:
                os.fsync(file)
        except BaseException:  # part of a row may be there
            if not self._stream:
                with contextlib.suppress(OSError):
                    os.ftruncate(file, self._end)
            raise
        self._end += len(data)


def writes_to_stdout(path: Path) -> bool:
    """Whether the table goes where the process prints."""
    try:
        return path.exists() and os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):
        return False


def _is_stream(path: Path) -> bool:
    """A pipe or device, or something that the shell has opened: written to, never replaced."""
    if path.is_fifo() or path.is_char_device():
        return True
    opened = os.path.abspath(path).startswith(_STREAMS) or writes_to_stdout(path)
    return opened and path.is_file()


def csv_line(values: Sequence[object]) -> bytes:
    """A line in which no cell is a formula, see ``as_cell``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # so that both are quoted in a value
    writer.writerow(map(as_cell, values))
    return (out.getvalue()[:-2] + "\n").encode("utf-8", "backslashreplace")


def _whole_rows(lines: Iterable[bytes]) -> Iterator[str]:
    """Rows as text; a line break inside quotes ends none, and what nothing ends is left out."""
    row, quotes = [], 0
    for line in lines:
        row.append(line)
        quotes += line.count(b'"')
        if line.endswith(b"\n") and quotes % 2 == 0:
            yield b"".join(row).decode("utf-8", "backslashreplace")
            row, quotes = [], 0


def _end_of_rows(content: bytes) -> int:
    """Where the last whole row ends; a line break inside quotes ends none."""
    end = len(content)
    while end and (content[end - 1 : end] != b"\n" or content.count(b'"', 0, end) % 2):
        end = content.rfind(b"\n", 0, end - 1) + 1
    return end
