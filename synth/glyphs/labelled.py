"""Glyphs from arrays of labelled pictures: checks, and the split into disjoint parts."""

import hashlib
from collections.abc import Mapping

import numpy as np

from synth.draws import chain, chain_array
from synth.errors import SynthError

SHARES = {"train": 50, "val": 25, "test": 25}
"""Percent of the glyphs of each digit that each part receives."""

_MAX_SIDE = 128


def check_arrays(images: np.ndarray, labels: np.ndarray, where: str) -> None:
    """Refuse arrays that are not labelled pictures.

    Args:
        images: must be (n, height, width) uint8, sides from 4 to 128 pixels.
        labels: must be (n,) whole numbers, 0-9.
        where: begins the message.

    Raises:
        SynthError: they are something else.
    """
    if images.dtype != np.uint8:
        extra = " with NaN in it" if images.dtype.kind == "f" and np.isnan(images).any() else ""
        raise SynthError(
            f"{where}: images must be uint8 (0 background, 255 ink), got {images.dtype}{extra}; "
            "scale and convert them first"
        )
    if images.ndim != 3 or not all(4 <= side <= _MAX_SIDE for side in images.shape[1:]):
        raise SynthError(
            f"{where}: images must have shape (n, h, w) with h and w from 4 to {_MAX_SIDE}, "
            f"got {images.shape}"
        )
    if labels.dtype.kind not in "iu":
        raise SynthError(f"{where}: labels must be whole numbers, got {labels.dtype}")
    if labels.shape != images.shape[:1]:
        raise SynthError(
            f"{where}: labels must have shape {images.shape[:1]} as images do, got {labels.shape}"
        )
    if labels.size and not ((labels >= 0) & (labels <= 9)).all():
        raise SynthError(f"{where}: labels must be 0-9, got {labels.min()} to {labels.max()}")


def digest(*arrays: np.ndarray) -> str:
    """sha256 of the arrays' shapes and bytes, in hexadecimal."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.shape}{array.dtype.str}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


class LabelledGlyphs:
    """Glyphs of labelled pictures, divided by ``shares`` within every digit.

    The division hashes each glyph's rank within its digit, so it depends on the file alone and
    never on the seed: a model trained with one seed meets no test glyph of another. Glyphs with
    no ink (128 or more) are left out, and so is the second of two equal pictures.

    Args:
        images: (n, height, width) uint8, 0 background, 255 ink.
        labels: (n,) whole numbers, 0-9.
        where: names the source in messages.
        shares: percent of each digit's glyphs that each part receives.

    Raises:
        SynthError: the arrays are something else.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        where: str,
        shares: Mapping[str, int] = SHARES,
    ) -> None:
        check_arrays(images, labels, where)
        self.fingerprint = digest(images, labels.astype(np.int64))
        self._where = where
        self._parts = {label: _divide(images[labels == label], shares) for label in range(10)}

    def glyphs(self, split: str, label: int) -> np.ndarray:
        """Glyphs of one digit.

        Returns:
            (n, height, width) uint8.

        Raises:
            SynthError: the part is empty.
        """
        part = self._parts[label][split]
        if not len(part):
            raise SynthError(
                f"{self._where}: too few glyphs of digit {label} for the {split} part; each digit "
                "in use needs at least 3 different ones with ink of 128 or more"
            )
        return part


def _divide(images: np.ndarray, shares: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Deal out the distinct glyphs of one digit in a hashed order; small parts get at least one."""
    inked = images[(images >= 128).any(axis=(1, 2))]
    first: dict[bytes, int] = {}
    for number, image in enumerate(inked):
        first.setdefault(image.tobytes(), number)
    distinct = inked[list(first.values())]
    order = np.argsort(chain_array(chain("split"), np.arange(len(distinct))), kind="stable")
    parts, begin = {}, 0
    for split in ("val", "test"):
        size = -(-len(distinct) * shares[split] // 100)
        parts[split] = distinct[order[begin : begin + size]]
        begin += size
    parts["train"] = distinct[order[begin:]]
    return parts
