"""Files of anomaly maps: where each goes, and how an earlier one is told from a film."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from simsid.data.own_files import KEY, MAP, MAP_WORDS, says_map
from simsid.errors import SimsidError
from simsid.files import write_bytes
from simsid.map_scale import overlay
from simsid.outputs import check_overwritten
from simsid.scoring import ScoredFilm


@dataclass(frozen=True)
class MapFiles:
    """Where anomaly maps go: ``<folder>/<path below base>.map.png``, and ``.map.npy`` if asked."""

    folder: Path
    base: Path
    arrays: bool

    def picture_of(self, film: Path) -> Path:
        """Where a film's map goes."""
        relative = Path(os.path.abspath(film)).relative_to(self.base)
        return self.folder / relative.parent / (relative.name + MAP)

    def check(self, films: Sequence[Path], overwrite: bool) -> None:
        """Refuse to write over what is no map, and over a film whatever the user says.

        Raises:
            SimsidError: a file of somebody else has a map's name.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise SimsidError(f"--maps must be a folder, {self.folder} is a file")
        for film in films:
            picture = self.picture_of(film)
            for path in (picture, picture.with_suffix(".npy")):
                if overwrite:
                    check_overwritten(path, "--maps", films)
                elif os.path.lexists(path) and not says_map(path):
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
        said.add_text(KEY, MAP_WORDS)
        picture = io.BytesIO()
        drawn = overlay(scored.image, scored.shown_map, scored.scale)
        Image.fromarray(drawn).save(picture, "PNG", pnginfo=said)
        write_bytes(target, picture.getvalue())
        if self.arrays:
            array = io.BytesIO()
            np.save(array, scored.anomaly_map)
            write_bytes(target.with_suffix(".npy"), array.getvalue())
