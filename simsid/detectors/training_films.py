"""Which films a model was trained on: eight bytes a film, so that nobody calibrates on them unawares.

A hash tells of a film that somebody already has whether training saw the same prepared pixels. It
tells nothing else of it: pixels cannot be had back from it. A film that was cropped, resized or
stored with loss since is another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt64
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from simsid.detectors.untrusted import Entry, check_file, read_header
from simsid.errors import ModelFolderError

_NAME, _BYTES = "films", 8


@dataclass(frozen=True, eq=False)
class TrainingFilms:
    """The first eight bytes of the SHA-256 of each film's size and prepared pixels, ascending."""

    hashes: UInt64[np.ndarray, " n"]

    @classmethod
    def of(cls, images: np.ndarray) -> TrainingFilms:
        """Those of (n, height, width) prepared films, uint8 or float in [0, 1]."""
        return cls(np.unique(film_hashes(images)))

    def __len__(self) -> int:
        return len(self.hashes)

    def seen(self, images: np.ndarray) -> Bool[np.ndarray, " n"]:
        """Which of these prepared films training saw; shaped and typed as for ``of``."""
        return np.isin(film_hashes(images), self.hashes)

    def joined(self, other: TrainingFilms | None) -> TrainingFilms:
        """With those that another training saw, which this one began from."""
        if other is None:
            return self
        return TrainingFilms(np.union1d(self.hashes, other.hashes))

    def write(self, path: Path) -> None:
        """A safetensors file with one (n, 8) tensor of bytes."""
        told = self.hashes.astype(">u8").view(np.uint8).reshape(-1, _BYTES)
        save_file({_NAME: told}, path)

    @classmethod
    def read(cls, path: Path) -> TrainingFilms | None:
        """From what ``write`` made; None where there is no such file, as of models of before.

        Raises:
            ModelFolderError: it is damaged.
        """
        if not path.exists() and not path.is_symlink():
            return None
        check_file(path)
        header = read_header(path)
        shape = header.get(_NAME, Entry("", ())).shape
        if header != {_NAME: Entry("U8", shape)} or len(shape) != 2 or shape[1] != _BYTES:
            raise ModelFolderError(
                f"{path} is damaged: it is no list of films. Take it away, and nothing is known of "
                "which films training saw"
            )
        try:
            told = load_file(path)[_NAME]
        except (SafetensorError, OSError) as error:
            raise ModelFolderError(f"{path} is damaged: {error}") from error
        return cls(np.unique(np.ascontiguousarray(told).view(">u8")[:, 0].astype(np.uint64)))


def film_hashes(images: Iterable[np.ndarray]) -> UInt64[np.ndarray, " n"]:
    """Of (height, width) prepared films, uint8 or float in [0, 1]: equal for the same pixels alone."""
    return np.array([_hash(np.asarray(image)) for image in images], np.uint64)


def _hash(image: np.ndarray) -> int:
    if image.dtype != np.uint8:  # films are prepared in 256 grey levels
        image = np.round(image * 255).astype(np.uint8)
    height, width = image.shape
    digest = hashlib.sha256(f"{height} {width} ".encode() + image.tobytes())
    return int.from_bytes(digest.digest()[:_BYTES], "big")
