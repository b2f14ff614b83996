"""Where the films of an archive come from: files, lists, WebDataset's tar shards, ``datasets`` folders.

One after another and always in the same order, in memory that does not grow with their number. A
film is a small value that other processes can read.
"""

from __future__ import annotations

import glob
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from simsid.data.file_table import ID, listed_films
from simsid.data.find import Identity, find_images, first_named
from simsid.data.images import IMAGE_SUFFIXES, MAX_BYTES, read_bytes
from simsid.data.own_files import without_own
from simsid.errors import DataError, ImageError
from simsid.scoring.table import file_key, path_as_text

_ARROW = ("dataset_dict.json", "dataset_info.json")  # what ``datasets`` saves, with state.json


@dataclass(frozen=True)
class ArchiveFilm(ABC):
    """One film of an archive.

    Attributes:
        name: how tables call it.
        place: absolute path of the file or folder that holds it, so that any process finds it.
        id: what its list says of it, or ''.
    """

    name: str
    place: str
    id: str

    @abstractmethod
    def read(self) -> bytes:
        """The bytes of its file.

        Raises:
            ImageError: there are none that may be decoded; with its code.
        """


class FileFilm(ArchiveFilm):
    """A file."""

    def read(self) -> bytes:
        return read_bytes(self.place)


@dataclass(frozen=True)
class TarFilm(ArchiveFilm):
    """A member of a tar: ``size`` bytes from ``start`` on."""

    start: int
    size: int

    def read(self) -> bytes:
        if self.size > MAX_BYTES:
            raise ImageError("too_large", f"{self.name} is larger than {MAX_BYTES >> 20} MiB")
        try:
            with open(self.place, "rb") as file:
                file.seek(self.start)
                data = file.read(self.size)
        except OSError as error:
            raise ImageError("unreadable", f"{self.name}: {error.strerror}") from None
        if len(data) < self.size:
            raise ImageError("truncated", f"{self.name}: its tar ends too early")
        return data


@dataclass(frozen=True)
class DatasetFilm(ArchiveFilm):
    """A row of a ``datasets`` folder; ``column`` has the image."""

    column: str
    row: int

    def read(self) -> bytes:
        value = _opened(self.place, self.column)[self.row][self.column] or {}
        if value.get("bytes"):
            return bytes(value["bytes"])
        raise ImageError("empty", f"{self.name} holds no image, as bytes in the dataset itself")


def is_archive(path: str) -> bool:
    """Whether a path is a tar shard or a ``datasets`` folder: several films by one name."""
    return path.lower().endswith(".tar") or any((Path(path) / name).is_file() for name in _ARROW)


def archive_films(paths: Sequence[str], table: Path | None) -> Iterator[ArchiveFilm]:
    """All films of ``paths``, each once, and then those of a list, a row each.

    Args:
        paths: files, folders, globs; tar shards (globs of them, too) and ``datasets`` folders. One
            that several of them name counts where it is named first.

    Raises:
        DataError: a tar or a folder of datasets cannot be read, or a list: see ``listed_films``.
        OSError: a folder cannot be listed.
    """
    named: set[Identity] = set()  # of one path all films are found once already
    for path in paths:
        if any((Path(path) / name).is_file() for name in _ARROW):
            for split in first_named(_splits(Path(path)), named):
                yield from _of_split(split)
        elif path.lower().endswith(".tar"):
            for tar in first_named(_sorted_glob(path), named):
                yield from _of_tar(tar)
        else:
            found = without_own(find_images([path]))
            yield from map(_file, first_named(found, named) if len(paths) > 1 else found)
    for film in listed_films(table) if table else ():
        yield _file(film.path, film.id)


def _file(path: Path, own_id: str = "") -> FileFilm:
    return FileFilm(file_key(path), str(path.absolute()), own_id)


def _sorted_glob(path: str) -> list[Path]:
    whole = Path(path)
    if whole.is_file():
        return [whole]
    found = sorted(map(Path, glob.glob(path)))
    if not found:
        raise DataError(f"{path}: no such tar; check the path")
    return found


def _of_tar(tar: Path) -> Iterator[TarFilm]:
    """Members that are images by their suffix; the key of a sample is its id, as in WebDataset."""
    try:
        with tarfile.open(tar, "r:") as file:
            for member in file:
                path = Path(member.name)
                if member.isfile() and path.suffix.lower() in IMAGE_SUFFIXES:
                    yield TarFilm(
                        name=f"{file_key(tar)}/{path_as_text(path)}",
                        place=str(tar.absolute()),
                        id=path_as_text(path.with_suffix("")),
                        start=member.offset_data,
                        size=member.size,
                    )
                file.members = []  # type: ignore[attr-defined]  # it would keep them all
            _check_end(tar, file.offset)
    except tarfile.TarError as error:
        raise DataError(
            f"{tar} is no plain tar ({error}): unpack a compressed one first"
        ) from error
    except OSError as error:
        raise DataError(f"{tar} cannot be read: {error.strerror or error}") from error


def _check_end(tar: Path, place: int) -> None:
    """The reader stops without a word at a header that it cannot read, as if the tar ended there."""
    with open(tar, "rb") as file:
        file.seek(place)
        if any(file.read(tarfile.BLOCKSIZE)):
            raise DataError(
                f"{tar} is damaged at byte {place}, and what lies behind cannot be read: put a whole "
                "one there, and go on with --resume"
            )


def _splits(folder: Path) -> list[Path]:
    """What a ``datasets`` folder consists of: its splits, or itself."""
    if not (folder / _ARROW[0]).is_file():
        return [folder]
    return sorted(each for each in folder.iterdir() if (each / _ARROW[1]).is_file())


def _of_split(split: Path) -> Iterator[DatasetFilm]:
    data = _load(str(split))
    column, place = _image_column(split, data), str(split.absolute())
    ids = data.select_columns([ID]) if ID in data.column_names else None
    for row in range(len(data)):
        own = "" if ids is None else str(ids[row][ID])
        yield DatasetFilm(f"{file_key(split)}/{row}", place, own, column, row)


def _image_column(split: Path, data: Any) -> str:
    names = [name for name, kind in data.features.items() if type(kind).__name__ == "Image"]
    if len(names) != 1:
        raise DataError(
            f"{split} has {len(names)} columns of images ({', '.join(names) or 'none'}), not one: "
            "keep one of them, dataset.select_columns"
        )
    return names[0]


def _load(split: str) -> Any:
    try:
        from datasets import load_from_disk
    except ImportError:
        raise DataError(f"{split} needs the package datasets: pip install datasets") from None
    try:
        return load_from_disk(split)
    except Exception as error:  # the library has an exception for everything
        raise DataError(f"{split} is no folder that datasets can load: {error}") from error


@lru_cache(maxsize=4)
def _opened(split: str, column: str) -> Any:
    """The images alone, as the bytes that they are: whoever decodes them is ours."""
    from datasets import Image

    return _load(split).select_columns([column]).cast_column(column, Image(decode=False))
