"""Which files a list of paths, folders and globs means, and which of them are films."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from simsid.data.images import IMAGE_SUFFIXES
from simsid.data.signature import is_image_by_content
from simsid.files import real_path
from synth.walk import Identity, files_below, identities, is_system_name, once_each

_KINDS = "PNG, JPEG, TIFF, BMP and other pictures, NumPy (.npy) and DICOM"


def find_images(patterns: Sequence[str], skip: Path | None = None) -> list[Path]:
    """Files in order, each once, however many links lead to it.

    A folder means every image in it and below, by suffix or by its first bytes, in alphabetical
    order; a glob (``**`` too) means what it matches; anything else is taken as a file even if it is
    missing, so that whoever reads it can say so. What systems leave behind is never taken, see
    ``synth.walk``; a hidden file or folder only when it is named.

    Args:
        skip: a folder whose files are left out, such as the one that results go to.

    Raises:
        OSError: a folder cannot be listed; it is named.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        for path in _expand(pattern):
            if skip is None or not real_path(path).is_relative_to(real_path(skip)):
                found[path] = None
    return once_each(found)


def first_named(paths: Iterable[Path], named: set[Identity]) -> Iterator[Path]:
    """Those that lead to no file or folder of ``named``, by whatever link; it grows by them."""
    for identity, path in identities(paths):
        if identity not in named:
            named.add(identity)
            yield path


def images_below(folder: Path) -> list[Path]:
    """Every image in a folder and below, by suffix or by its first bytes, sorted, each once.

    Raises:
        OSError: a folder cannot be listed; it is named.
    """
    return [path for path in files_below(folder) if is_image(path)]


def why_none(patterns: Sequence[str]) -> str:
    """Why no image is found at these paths, folders and globs; a line for an error."""
    return f"no image found: {'; '.join(map(_why_none, patterns))}"


def _why_none(pattern: str) -> str:
    path = Path(pattern)
    if path.is_dir():
        return f"{pattern} holds no image; it reads {_KINDS}"
    if path.exists():
        return f"{pattern} is no image; it reads {_KINDS}"
    if glob.has_magic(pattern):
        return f"no file matches {pattern}; check the pattern"
    return f"{pattern} does not exist; check the path"


def is_image(path: Path) -> bool:
    """Whether a file is one by its suffix, or else by its first bytes."""
    return path.suffix.lower() in IMAGE_SUFFIXES or is_image_by_content(path)


def common_folder(paths: Sequence[Path]) -> Path:
    """The deepest folder that holds all of them, absolute."""
    folders = [str(Path(os.path.abspath(path)).parent) for path in paths]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:  # drives of their own, on Windows
        return Path(os.path.abspath(os.sep))


def folder_named(source: Path) -> Path:
    """The folder that a path names, that holds the file that it names, or that a glob looks into."""
    if source.is_dir():
        return source
    if source.exists() or source.is_symlink() or not glob.has_magic(str(source)):
        return source.parent
    return Path(*source.parts[: _first_magic(source)])


def _first_magic(pattern: Path) -> int:
    return next(index for index, part in enumerate(pattern.parts) if glob.has_magic(part))


def _expand(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        return images_below(path)
    if path.exists() or path.is_symlink() or not glob.has_magic(pattern):
        return [] if is_system_name(path.name) else [path]
    fixed = _first_magic(path)
    head, wanted = Path(*path.parts[:fixed]), path.parts[fixed:]
    if "**" in wanted:
        return list(_deep(head, wanted))
    matches = sorted(Path(match) for match in glob.glob(pattern))
    seen = [match for match in matches if not any(map(is_system_name, match.parts[fixed:]))]
    return [file for match in seen for file in (images_below(match) if match.is_dir() else [match])]


def _deep(head: Path, wanted: Sequence[str]) -> Iterator[Path]:
    """Files that a glob with ``**`` matches, or images in folders that it matches."""
    for file in files_below(head):
        parts = file.relative_to(head).parts
        folders = (parts[:n] for n in range(1, len(parts)))
        if _matches(parts, wanted) or (
            any(_matches(folder, wanted) for folder in folders) and is_image(file)
        ):
            yield file


def _matches(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_matches(parts[n:], wanted[1:]) for n in range(len(parts) + 1))
    return bool(parts) and fnmatch(parts[0], wanted[0]) and _matches(parts[1:], wanted[1:])
