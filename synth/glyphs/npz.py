"""Glyphs from an .npz file that holds ``images`` and ``labels``."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from synth.errors import SynthError
from synth.glyphs.labelled import LabelledGlyphs


class NpzGlyphs(LabelledGlyphs):
    """Glyphs of an .npz file.

    Args:
        path: the file, with ``images`` (n, height, width) uint8 and ``labels`` (n,) 0-9.

    Raises:
        SynthError: there is no such file, or it holds something else.
    """

    def __init__(self, path: str) -> None:
        super().__init__(*_load(Path(path)), where=str(path))


def _load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        # Never pickled: a stranger's file must not run code.
        with np.load(path, allow_pickle=False) as file:
            missing = {"images", "labels"} - set(file.files)
            if missing:
                raise SynthError(
                    f"{path}: lacks {' and '.join(sorted(missing))}; it must hold arrays "
                    "`images` and `labels`"
                )
            return file["images"], file["labels"]
    except FileNotFoundError:
        raise SynthError(f"{path}: no such file; give the path of an .npz file") from None
    except SynthError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise SynthError(
            f"{path}: cannot be read as .npz ({error}); write it with numpy.savez"
        ) from error
