"""What every data set's reader needs: its root, its tables, its films by name."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from simsid.data.film import NORMAL_KIND
from simsid.data.find import images_below
from simsid.data.own_files import without_own
from simsid.errors import DataError
from synth.walk import is_visible

MULTIPLE = "multiple"
_SHOWN = 8
_LONGEST_FIELD = 10_000_000  # a report's whole text may stand in one field


def find_root(root: Path, tree: str, holds: Sequence[str], below: Sequence[str] = ()) -> Path:
    """The folder that holds every one of ``holds``: the root, or one that archives unpack to.

    Args:
        tree: what is expected, for the message.
        holds: glob patterns relative to the folder.
        below: folders under the root to look into as well.

    Raises:
        DataError: there is none; the message shows the tree expected and what was found.
    """
    if not root.is_dir():
        raise DataError(f"no folder at {root}: check --data-root (expected {tree})")
    for folder in (root, *(root / name for name in below)):
        if folder.is_dir() and all(any(folder.glob(pattern)) for pattern in holds):
            return folder
    raise wrong_root(root, tree)


def wrong_root(root: Path, tree: str) -> DataError:
    """The error to raise: what was expected under the root, and what is there."""
    names = sorted(
        path.name + "/" * path.is_dir() for path in root.iterdir() if is_visible(path, root)
    )
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    found = ", ".join(names[:_SHOWN]) or "nothing"
    return DataError(f"--data-root {root}: expected {tree}; found {found}{more}")


def find_table(root: Path, patterns: Sequence[str], tree: str) -> Path:
    """The one file that matches; earlier patterns go first.

    Raises:
        DataError: none matches, or several.
    """
    for pattern in patterns:
        found = sorted(path for path in root.glob(pattern) if is_visible(path, root))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found[:_SHOWN])
            raise DataError(
                f"{root} holds several tables and needs one: {names}; move the others away"
            )
    raise wrong_root(root, tree)


def read_table(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Rows of a csv file, also a gzipped one, with stripped text in every field.

    A byte order mark, Windows newlines and quoted lists are taken as they come; a field that a
    short row lacks is ''.

    Args:
        columns: that must be there.

    Raises:
        DataError: not there, not text, empty, or without one of the columns.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with _open(path) as file:
            reader = csv.DictReader(file, restval="")
            names = [(name or "").strip() for name in reader.fieldnames or []]
            absent = [name for name in columns if name not in names]
            if absent:
                shown = ", ".join(name for name in names[:_SHOWN]) or "none: it is empty"
                raise DataError(
                    f"{path.name} lacks the column '{absent[0]}'; it has {shown}: download the table anew"
                )
            reader.fieldnames = names
            rows = 0
            for row in reader:
                rows += 1
                yield {key: value.strip() for key, value in row.items() if isinstance(value, str)}
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: complete the set") from error
    except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is not a readable csv file: {error}; download it anew") from error
    if not rows:
        raise DataError(f"{path} has a header and no rows: download it anew")


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def read_names(path: Path) -> set[str]:
    """File names, one a line, as NIH's official lists have them."""
    return set(path.read_text(encoding="utf-8-sig").split())


def films_below(folder: Path) -> list[Path]:
    """Every film in a folder and below, sorted, each once; none where there is no such folder.

    What the kit itself wrote there, such as maps, is no film.
    """
    return without_own(images_below(folder))


def films_by_name(folder: Path) -> dict[str, Path]:
    """Every film below a folder by its file name; of equal names the first in order."""
    return {path.name: path for path in reversed(films_below(folder))}


def year(text: str) -> int | None:
    """The year that a date or a number such as '20140915' or '1953.0' begins with."""
    return int(text[:4]) if text[:4].isdigit() else None


def kind_of(findings: Iterable[str]) -> str:
    """What a film is called: 'normal', its one finding, or 'multiple'."""
    found = sorted({finding.strip() for finding in findings} - {""})
    if not found:
        return NORMAL_KIND
    return found[0] if len(found) == 1 else MULTIPLE
