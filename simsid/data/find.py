"""Which files a list of paths, folders and globs means."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from simsid.data.images import IMAGE_SUFFIXES


def find_images(patterns: Sequence[str], skip: Path | None = None) -> list[Path]:
    """Files in order, each once.

    A folder means every image in it and below, by suffix, in alphabetical order; a glob (``**``
    too) means what it matches; anything else is taken as a file even if it is missing, so that
    whoever reads it can say so. A DICOM file without a suffix, as archives write them, is read when
    it is named or matched; in a folder it cannot be told from other files by its name.

    Args:
        skip: a folder whose files are left out, such as the one that results go to.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        for path in _expand(pattern):
            if skip is None or not path.resolve().is_relative_to(skip.resolve()):
                found[path] = None
    by_place: dict[str, Path] = {}
    for path in found:
        by_place.setdefault(os.path.realpath(path), path)
    return list(by_place.values())


def common_folder(paths: Sequence[Path]) -> Path:
    """The deepest folder that holds all of them, absolute."""
    folders = [str(Path(os.path.abspath(path)).parent) for path in paths]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:  # drives of their own, on Windows
        return Path(os.path.abspath(os.sep))


def _expand(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        return _images_below(path)
    if path.exists() or not glob.has_magic(pattern):
        return [path]
    matches = sorted(Path(match) for match in glob.glob(pattern, recursive=True))
    return [
        file for match in matches for file in (_images_below(match) if match.is_dir() else [match])
    ]


def _images_below(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    return sorted(path for path in files if path.is_file())
