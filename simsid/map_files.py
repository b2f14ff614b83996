"""Files of anomaly maps: where each goes, and how an earlier one is told from a film."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from simsid.data.images import IMAGE_SUFFIXES
from simsid.dicom_out import is_result
from simsid.errors import SimsidError
from simsid.files import naming
from simsid.map_scale import overlay
from simsid.outputs import png_says
from simsid.scoring import ScoredFilm

_KEY, _WORDS = "Description", "anomaly map by simsid"
_PICTURE, _ARRAY = ".map.png", ".map.npy"
_SMALLEST = 100  # bytes: a write that was killed may have left so few, which say nothing yet
_START, _END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


@dataclass(frozen=True)
class MapFiles:
    """Where anomaly maps go: ``<folder>/<path below base>.map.png``, and ``.map.npy`` if asked."""

    folder: Path
    base: Path
    arrays: bool

    def picture_of(self, film: Path) -> Path:
        """Where a film's map goes."""
        relative = Path(os.path.abspath(film)).relative_to(self.base)
        return self.folder / relative.parent / (relative.name + _PICTURE)

    def check(self, films: Iterable[Path], overwrite: bool) -> None:
        """Refuse to write over what is no map.

        Raises:
            SimsidError: a file of somebody else has a map's name.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise SimsidError(f"--maps must be a folder, {self.folder} is a file")
        for film in () if overwrite else films:
            picture = self.picture_of(film)
            for path in (picture, picture.with_suffix(".npy")):
                if os.path.lexists(path) and not _is_own(path):
                    raise SimsidError(
                        f"--maps {self.folder} holds {path.name}, which is no map of an earlier "
                        "run: nothing was changed. Choose another folder, or add --overwrite"
                    )

    def write(self, film: Path, scored: ScoredFilm) -> None:
        """Write one film's map: confined to the body as a picture, as the model gives it as array.

        Raises:
            OSError: it cannot be written; the error names it.
        """
        target = self.picture_of(film)
        target.parent.mkdir(parents=True, exist_ok=True)
        said = PngInfo()
        said.add_text(_KEY, _WORDS)
        picture = io.BytesIO()
        drawn = overlay(scored.image, scored.shown_map, scored.scale)
        Image.fromarray(drawn).save(picture, "PNG", pnginfo=said)
        with naming(target):
            target.write_bytes(picture.getvalue())
        if self.arrays:
            array = io.BytesIO()
            np.save(array, scored.anomaly_map)
            with naming(target.with_suffix(".npy")):
                target.with_suffix(".npy").write_bytes(array.getvalue())


def without_maps(files: Iterable[Path]) -> list[Path]:
    """The files that are no maps or DICOM results of an earlier run."""
    return [file for file in files if not is_map(file) and not is_result(file)]


def is_map(path: Path) -> bool:
    """Whether ``simsid.score --maps`` wrote this, by its name and what it says of itself.

    ``film.png.map.png`` is one by its name alone, as earlier versions wrote it.
    """
    if not path.name.endswith((_PICTURE, _ARRAY)):
        return False
    return Path(path.name[: -len(_PICTURE)]).suffix.lower() in IMAGE_SUFFIXES or _is_own(path)


def _is_own(path: Path) -> bool:
    """Whether a map says so itself; an array is known by the picture beside it."""
    picture = path.with_suffix(".png")
    if not picture.is_file() or not path.is_file():
        return False
    if png_says(picture, _KEY) == _WORDS:
        return True
    if picture.stat().st_size >= _SMALLEST:
        return False
    begun = picture.read_bytes()
    return begun[: len(_START)] == _START[: len(begun)] and not begun.endswith(_END)
