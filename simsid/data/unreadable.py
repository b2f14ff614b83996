"""Films that cannot be read: all are named, and a few of many are gone on without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simsid.errors import DataError, ImageError
from simsid.shares import in_percent

MOST_UNREADABLE = 0.02  # see docs/decisions/0016
OPTION = "--skip-unreadable"
_NAMED = 3
_REMEDIES = {
    "missing": "restore it, or remove what points to it",
    "unreadable": "make it readable for you",
    "empty": "copy it again",
    "truncated": "copy or export it again",
    "damaged": "copy or export it again",
    "inconsistent": "export it again",
    "not_an_image": "remove or replace it",
    "no_pixel_data": "remove it: it holds no picture",
    "animated": "export one image of it",
    "multi_frame": "export one frame of it",
    "missing_codec": "install what the message names, or export it uncompressed",
    "unsupported": "export it as DICOM, PNG or TIFF in shades of grey",
    "too_large": "export it smaller",
}
_REMEDY = "remove or replace it"


@dataclass(frozen=True)
class UnreadableFilm:
    """A film that failed: where it is, the error's stable code, and what the error says."""

    path: Path
    code: str
    message: str

    @classmethod
    def because(cls, path: Path, error: ImageError) -> UnreadableFilm:
        """Of an error that was raised on reading."""
        return cls(path, error.code, str(error))

    def __str__(self) -> str:
        remedy = _REMEDIES.get(self.code, _REMEDY)
        return f"{self.path}: {self.code}: {self.message}; {remedy}"


def unreadable_lines(films: Sequence[object]) -> list[str]:
    """What is said of films that are gone on without: how many, and each of them."""
    if not films:
        return []
    return [
        f"films that cannot be read and are left out: {len(films)}",
        *(f"  {film}" for film in films),
    ]


class UnreadableFilmsError(DataError):
    """Films that cannot be read, too many or of too much weight; ``films`` has all of them."""

    def __init__(self, films: Sequence[UnreadableFilm], total: int, why: str) -> None:
        self.films = sorted(films, key=lambda film: film.path)
        shown = "; ".join(str(film) for film in self.films[:_NAMED])
        more = len(self.films) - _NAMED
        also = f"; and {more} more" if more > 0 else ""
        super().__init__(
            f"{len(self.films)} of {total} films cannot be read, and {why}: remove or replace "
            f"them ({shown}{also})"
        )


def refuse_many(failed: Sequence[UnreadableFilm], total: int, skip: bool) -> None:
    """Raise ``UnreadableFilmsError`` unless these are few enough to go on without.

    Args:
        total: films that were read, these included.
        skip: whether any may be left out.
    """
    if failed and not skip:
        raise UnreadableFilmsError(
            failed,
            total,
            f"without {OPTION} none is left out (it allows {in_percent(MOST_UNREADABLE)})",
        )
    if len(failed) > MOST_UNREADABLE * total:
        raise UnreadableFilmsError(
            failed, total, f"at most {in_percent(MOST_UNREADABLE)} of them may be left out"
        )
