"""Files that are whole or not there at all, and what an option that takes a path makes of it."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def path_text(text: str | None) -> str | None:
    """The type of every option that takes a path: ``~`` is the user's home, as in a shell."""
    return None if text is None else os.path.expanduser(str(text))


def roots_text(text: str | None) -> str | None:
    """The same for ``DIR`` and for ``name=DIR,name=DIR``."""
    if text is None:
        return None
    return re.sub(r"(^|[=,])(~[^/,=]*)", lambda at: at[1] + os.path.expanduser(at[2]), text)


def real_path(path: str | Path) -> Path:
    """Absolute and without links; one that leads in a circle is left as it is, and never raises."""
    return Path(os.path.realpath(path))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An error of the system inside the block names ``path`` where it names no file itself.

    A full disk is told when bytes are written, and the system does not say of which file.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def atomic_text(path: Path) -> Iterator[TextIO]:
    """A text file that takes its name only when the block ends well; newlines as written.

    Of a link the target is written and the link stays; a pipe or a device is written to. What
    UTF-8 cannot say, such as an odd byte in a file name, is written as an escape.

    Raises:
        OSError: the folder cannot be written or is full; an older file of that name stays.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with naming(path), _open(target) as file:
            yield file
        return
    try:
        handle, draft = tempfile.mkstemp(prefix=".draft-", dir=target.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        with naming(path), _open(handle) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, _mode_of(target))
        os.replace(draft, target)
    except BaseException:
        os.unlink(draft)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic_text(path) as file:
        file.write(text)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file anew; of a link its target.

    Another name of the file that was there (a hard link) keeps what it holds.

    Raises:
        OSError: the folder cannot be written or is full; the error names ``path``.
    """
    target = Path(os.path.realpath(path))
    with naming(path):
        if target.is_file():
            target.unlink()
        target.write_bytes(data)


def _open(file: Path | int) -> TextIO:
    return open(file, "w", encoding="utf-8", errors="backslashreplace", newline="")


def _mode_of(target: Path) -> int:
    """That of the file which is replaced; of a new one what the user's mask asks for."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
