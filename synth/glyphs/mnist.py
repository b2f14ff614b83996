"""MNIST-format glyphs: idx files, found locally or downloaded."""

import gzip
import struct
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import numpy as np

from synth.errors import SynthError
from synth.glyphs.labelled import LabelledGlyphs, check_arrays, digest

_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FILES = {"train": "train", "test": "t10k"}
_SHARES = {"train": 90, "val": 10, "test": 0}
_FOLDERS = ("", "MNIST/raw", "raw")


class MnistGlyphs:
    """The idx files that torchvision keeps in ``root/MNIST/raw``, plain or gzipped.

    'test' is the official test set; the official training set is divided into train (90 %) and
    val (10 %) as every other source is. Missing files are downloaded.

    Args:
        root: folder of the files, which takes downloaded ones too.

    Raises:
        SynthError: there is no root, or a file is damaged or cannot be downloaded.
    """

    def __init__(self, root: str | None) -> None:
        if root is None:
            raise SynthError("digits 'mnist' needs digits_root, the folder of its idx files")
        folder = Path(root)
        images, labels = _load(folder, "train")
        self._test = _load(folder, "test")
        self._train = LabelledGlyphs(images, labels, str(folder), _SHARES)
        check_arrays(*self._test, where=str(folder))
        self._where = str(folder)
        test_images, test_labels = self._test
        self.fingerprint = digest(
            images, labels.astype(np.int64), test_images, test_labels.astype(np.int64)
        )

    def glyphs(self, split: str, label: int) -> np.ndarray:
        """Glyphs of one digit.

        Returns:
            (n, height, width) uint8.

        Raises:
            SynthError: there are none.
        """
        if split != "test":
            return self._train.glyphs(split, label)
        images, labels = self._test
        chosen = images[(labels == label) & (images >= 128).any(axis=(1, 2))]
        if not len(chosen):
            raise SynthError(
                f"{self._where}: no glyph of digit {label} in the test files; put whole files there"
            )
        return chosen


def _load(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    prefix = _FILES[part]
    images = _idx(_find(folder, f"{prefix}-images-idx3-ubyte"))
    labels = _idx(_find(folder, f"{prefix}-labels-idx1-ubyte"))
    return images, labels


def _find(folder: Path, name: str) -> Path:
    """Return the file, plain or gzipped, from one of the usual folders; else download it."""
    for sub in _FOLDERS:
        for candidate in (folder / sub / name, folder / sub / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    target = folder / "MNIST" / "raw" / f"{name}.gz"
    try:
        with urllib.request.urlopen(_MIRROR + target.name, timeout=20) as answer:
            content = answer.read()
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".part")
        partial.write_bytes(content)
        partial.replace(target)
    except (OSError, urllib.error.URLError) as error:
        raise SynthError(
            f"{folder}: holds no {name}[.gz], and it could not be downloaded ({error}); put the "
            "four idx files there, or use --digits strokes"
        ) from error
    return target


def _idx(path: Path) -> np.ndarray:
    """Read one idx file of unsigned bytes."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        zero, kind, dimensions = struct.unpack(">HBB", data[:4])
        shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
        if zero != 0 or kind != 0x08:
            raise ValueError("not an idx file of unsigned bytes")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise SynthError(
            f"{path}: cannot be read as an idx file ({error}); download it anew"
        ) from error
