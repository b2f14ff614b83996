"""One walk through folders for every command: each file below a folder once, nobody's files never.

Files and folders that systems and programs leave behind hold nobody's films: hidden ones
(``.ipynb_checkpoints``, ``.DS_Store``, ``._film.png``), ``Thumbs.db``, ``desktop.ini``,
``__MACOSX`` and their like, and what editors and downloads have not finished.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_SYSTEM = frozenset(
    {
        *(".ds_store", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini"),
        *("icon\r", "dicomdir"),
        *("__macosx", "__pycache__", "lost+found", "network trash folder", "temporary items"),
        *("$recycle.bin", "recycler", "system volume information", "found.000"),
        *("@eadir", "@tmp", "#recycle", "#snapshot"),
    }
)
_UNFINISHED = (
    "~", ".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", ".swp", ".bak"
)  # fmt: skip

Identity = str | tuple[int, int]


def is_system_name(name: str) -> bool:
    """Whether only systems give this name: not even who names such a file means it."""
    return name.startswith("._") or name.casefold() in _SYSTEM


def is_left_behind(name: str) -> bool:
    """Whether a file or folder of this name is hidden, a system's, or unfinished."""
    hidden = name.startswith((".", "~$")) or name.casefold().endswith(_UNFINISHED)
    return hidden or is_system_name(name)


def is_visible(path: Path, root: Path) -> bool:
    """Whether no part of the path below the root is left behind by a system or a program."""
    return not any(is_left_behind(part) for part in path.relative_to(root).parts)


def folders_in(folder: Path) -> list[Path]:
    """The visible folders directly in a folder, sorted; links that lead back above it are not."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if not is_left_behind(path.name) and path.is_dir())
    above = os.path.realpath(folder)
    return sorted(
        (path for path in found if not _holds(os.path.realpath(path), above)),
        key=lambda path: path.name,
    )


def files_below(root: Path, hard_links_apart: bool = False) -> list[Path]:
    """Visible files in a folder and below it, each once, sorted by their parts.

    Links are followed, and every folder is entered once: by its real path if that lies below the
    root, else by the first link to it. A link to a folder that holds the root is not followed:
    what lies above is no part of the root. Of several paths to one file a real one is given if
    there is one. A link that leads nowhere counts as a file, so that its reader says so.

    Args:
        hard_links_apart: whether each name of a file with several is a file of its own.

    Raises:
        OSError: a folder cannot be listed; it is named.
    """
    if not root.is_dir():
        return []
    walk = _Walk(root)
    ordered = [*sorted(walk.real, key=_parts), *sorted(walk.linked, key=_parts)]
    return sorted(once_each(ordered, hard_links_apart), key=_parts)


def once_each(paths: Iterable[Path], hard_links_apart: bool = False) -> list[Path]:
    """Of several paths to one file the first, in order."""
    first: dict[Identity, Path] = {}
    for identity, path in identities(paths, hard_links_apart):
        first.setdefault(identity, path)
    return list(first.values())


def identities(
    paths: Iterable[Path], hard_links_apart: bool = False
) -> Iterator[tuple[Identity, Path]]:
    """Each path with what is equal for all paths to its file: links and hard links alike."""
    folders: dict[Path, str] = {}
    for path in paths:
        if path.parent not in folders:
            folders[path.parent] = os.path.realpath(path.parent)
        yield _identity(path, folders[path.parent], hard_links_apart), path


def _identity(path: Path, folder: str, hard_links_apart: bool) -> Identity:
    try:
        status = os.stat(path)
    except OSError:  # it leads nowhere, or into a circle
        return os.path.join(folder, path.name)
    if status.st_nlink > 1 and status.st_ino and not hard_links_apart:
        return status.st_dev, status.st_ino
    return os.path.realpath(path) if path.is_symlink() else os.path.join(folder, path.name)


def _parts(path: Path) -> tuple[str, ...]:
    return path.parts


class _Walk:
    """Files found by real paths and by links, each folder entered once."""

    def __init__(self, root: Path) -> None:
        self.real: list[Path] = []
        self.linked: list[Path] = []
        self._root = os.path.realpath(root)
        self._entered: set[str] = set()
        self._links: list[Path] = []
        self._enter(root, self._root, self.real)
        while self._links:  # real folders come first, so that a file keeps its real path
            links, self._links = self._links, []
            for link in links:
                target = os.path.realpath(link)
                if not _holds(target, self._root):
                    self._enter(link, target, self.linked)

    def _enter(self, start: Path, real: str, files: list[Path]) -> None:
        stack = [(start, real)]
        while stack:
            folder, real = stack.pop()
            if real in self._entered:
                continue
            self._entered.add(real)
            with os.scandir(folder) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
            for entry in ordered:
                if is_left_behind(entry.name):
                    continue
                path = folder / entry.name
                if not os.path.isdir(path):  # unlike the entry's own, it bears circles
                    (self.linked if entry.is_symlink() else files).append(path)
                elif entry.is_symlink():
                    self._links.append(path)
                else:
                    stack.append((path, os.path.join(real, entry.name)))


def _holds(folder: str, inner: str) -> bool:
    return inner == folder or inner.startswith(folder.rstrip(os.sep) + os.sep)
