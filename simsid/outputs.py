"""Where a command may write: in a new place, or over what an earlier run of it left there.

What an earlier run left is replaced where nothing is lost by it: a page about a model or data that
stay, or rows that are all made again. Maps and DICOM results give way to those of the same names. Runs,
models, data sets, shards and other rows are refused or gone on with.
Everything else is refused before work begins, in one line that names it. A command knows its own
files by their content; a folder whose content cannot tell carries a mark.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from simsid.errors import SimsidError
from simsid.files import write_text

MARK = ".simsid.json"
_HEAD = 1 << 16  # bytes that a text is known by

IsOwn = Callable[[Path], bool]


def check_file(
    path: Path, option: str, what: str, is_own: IsOwn, overwrite: bool | None = None,
    pipes: bool = True,
) -> None:  # fmt: skip
    """Refuse a file that is not this command's to write.

    A link counts as its target. A pipe or a character device is nobody's content. An empty file
    has nothing to lose.

    Args:
        option: as typed, for the message. what: the file should be, 'a score table'.
        is_own: whether a file with content is of an earlier run of the same command.
        overwrite: what the user said; None where the command has no ``--overwrite``.
        pipes: whether it may be a pipe or a device; not where it is read as well, or renamed.

    Raises:
        SimsidError: it is a folder, a disk or a socket, or a file of somebody else.
    """
    if path.is_dir():
        raise SimsidError(f"{option} must name {what}, {path} is a folder")
    if not path.exists():
        return
    status = path.stat()
    if pipes and (stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode)):
        return
    if not stat.S_ISREG(status.st_mode):
        raise SimsidError(f"{option} must name {what}, {path} is no file")
    if overwrite or status.st_size == 0 or is_own(path):
        return
    remedy = "" if overwrite is None else ", or add --overwrite"
    raise SimsidError(
        f"{option} {path} exists and is not {what} of an earlier run: nothing was changed. Choose "
        f"another name{remedy}"
    )


def check_names(folder: Path, option: str, names: Iterable[str], is_own: IsOwn) -> None:
    """Refuse a folder in which one of ``names``, which will be written, is somebody else's.

    Raises:
        SimsidError: ``folder`` is a file, or holds a foreign file or folder of that name.
    """
    check_is_folder(folder, option)
    for name in names:
        path = folder / name
        if os.path.lexists(path) and not is_own(path):
            raise SimsidError(
                f"{option} {folder} holds {name}, which no earlier run of this command wrote: "
                f"nothing was changed. Choose another {option}"
            )


def check_no_input(path: Path, option: str, inputs: Iterable[Path]) -> None:
    """Refuse to write over what the command reads, by whatever name or link it is reached.

    Raises:
        SimsidError: ``path`` is one of ``inputs``.
    """
    if not path.exists():
        return
    here = path.stat()
    for read in inputs:
        if read.exists() and os.path.samestat(read.stat(), here):
            raise SimsidError(
                f"{option} {path} is {read}, which this command reads: nothing was changed. Choose "
                "another name"
            )


def check_overwritten(path: Path, option: str, films: Iterable[Path]) -> None:
    """Refuse what ``--overwrite`` does not mean: a link to a film, and a pipe, which would be waited for.

    Raises:
        SimsidError: it is one.
    """
    if path.is_fifo():
        raise SimsidError(f"{option}: {path} is a pipe: nothing was changed. Choose another folder")
    if path.is_symlink():
        check_no_input(path, option, films)


def check_is_folder(folder: Path, option: str) -> None:
    """Refuse a file where a folder is meant.

    Raises:
        SimsidError: it is one.
    """
    if folder.exists() and not folder.is_dir():
        raise SimsidError(f"{option} must be a folder, {folder} is a file")


def mark(folder: Path, command: str) -> None:
    """Leave word in a folder that everything ``command`` writes there is its own."""
    write_text(folder / MARK, json.dumps({"made_by": command}) + "\n")


def is_marked(folder: Path, command: str) -> bool:
    """Whether an earlier run of ``command`` left word."""
    return json_object(folder / MARK).get("made_by") == command


def json_object(path: Path) -> dict[str, Any]:
    """What a JSON file holds; empty where there is none, or no object in it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def text_holds(path: Path, words: str) -> bool:
    """Whether a text file has these words near its beginning."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with open(path, "rb") as file:
            return words.encode() in file.read(_HEAD)
    except OSError:
        return False


def png_says(path: Path, key: str) -> str:
    """What a PNG's own text says under ``key``; empty where there is none. No pixel is decoded."""
    try:
        if not path.is_file():
            return ""
        with Image.open(path, formats=["PNG"]) as picture:
            return str(picture.info.get(key, ""))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""
