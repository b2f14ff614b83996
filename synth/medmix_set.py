"""A labelled test set with masks from a folder of normal films, for those who have no labels."""

import os
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from synth.config import SPLITS, require_int
from synth.encode import Encoded, mask_pixels, pixel_digest, png
from synth.errors import SynthError
from synth.generate import Progress, unfinished, write_splits
from synth.layouts import LAYOUTS
from synth.manifest import MARKER, MEDMIX, file_digest, list_files, whole_digest, write_manifest
from synth.medmix import MOST_LESIONS, MedMixConfig, medmix
from synth.medmix_card import write_medmix_card
from synth.version import __version__
from synth.walk import files_below

KINDS = ("good", *(f"lesions-{count}" for count in range(1, MOST_LESIONS + 1)))
_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
_SMALLEST, _MOST_PIXELS = 32, 50_000_000
_DONORS = 16  # films that are held at a time to cut from


@dataclass(frozen=True)
class MedMixSet:
    """Parameters of a set.

    Attributes:
        films: folder of normal films; those in folders below it count too.
        train: number of films that stay as they are and go to train/good.
        normal_share: share of the other films that stay normal, above 0 and below 1.
        seed: decides which films, and all else that is random.
        layout: a name in ``LAYOUTS``.
        lesions: what is pasted.

    Raises:
        SynthError: a value cannot be used.
    """

    films: Path
    train: int = 0
    normal_share: float = 0.5
    seed: int = 0
    layout: str = "mvtec"
    lesions: MedMixConfig = field(default_factory=MedMixConfig)

    def __post_init__(self) -> None:
        require_int("train", self.train, 0, 10_000_000)
        require_int("seed", self.seed, 0, (1 << 63) - 1)
        if not 0 < self.normal_share < 1:
            raise SynthError(f"normal-share must lie between 0 and 1, got {self.normal_share!r}")
        if self.layout not in LAYOUTS:
            raise SynthError(f"layout must be one of {', '.join(LAYOUTS)}, got {self.layout!r}")


@dataclass(frozen=True)
class _Entry:
    """One film of the set: what it is called there, how many lesions it gets, where it is."""

    id: str
    split: str
    count: int
    path: Path
    number: int


def generate_medmix(
    out: Path,
    config: MedMixSet,
    overwrite: bool = False,
    progress: Progress = lambda samples, total: samples,
) -> dict:
    """Write the set into a folder.

    Every film is used once: no abnormal one has its normal twin in the set. Lesions are cut from
    films of the same split.

    Args:
        out, overwrite, progress: see :func:``synth.generate.generate``.
        config: the set's parameters.

    Returns:
        The manifest.

    Raises:
        SynthError: the folder of films has none or too few, or one cannot be read; or ``out``
            cannot be used.
    """
    LAYOUTS[config.layout].check()
    entries = _plan(find_films(config.films, skip=out), config)
    with unfinished(out, overwrite):
        samples = iter(progress(_samples(entries, config), len(entries)))
        records = write_splits(out, config.layout, [entry.split for entry in entries], samples)
        digest = whole_digest(records)
        card = write_medmix_card(config.layout, config.seed, records, __version__, digest)
        (out / "README.md").write_text(card, encoding="utf-8", newline="\n")
        parameters = asdict(config) | {"films": config.films.name}
        manifest = {
            "generator": MEDMIX,
            "version": __version__,
            "parameters": parameters,
            "pixels_sha256": digest,
            "files": {name: file_digest(out / name) for name in list_files(out) if name != MARKER},
            "samples": records,
        }
        write_manifest(out, manifest)
    return manifest


def find_films(folder: Path, skip: Path | None = None) -> list[Path]:
    """Pictures in a folder and below it, by suffix, sorted.

    Args:
        folder: where to look.
        skip: a folder whose pictures do not count.

    Raises:
        SynthError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise SynthError(f"{folder}: no such folder; check --films")
    found = [
        path
        for path in files_below(folder)
        if path.suffix.lower() in _SUFFIXES
        and (
            skip is None or Path(os.path.realpath(skip)) not in Path(os.path.realpath(path)).parents
        )
        and path.is_file()
    ]
    if not found:
        raise SynthError(f"{folder}: holds no films; expected {', '.join(_SUFFIXES)} "
                         "(convert DICOM first)")  # fmt: skip
    return found


def read_film(path: Path) -> np.ndarray:
    """Read a film, grey and upright.

    Values of 16 bits are divided by 256, or by 16 when all of them are below 4096.

    Returns:
        (height, width) uint8.

    Raises:
        SynthError: the film is damaged, has a side below 32 px, or more than 50 megapixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                height, width = image.height, image.width
                if min(height, width) < _SMALLEST or height * width > _MOST_PIXELS:
                    raise SynthError(
                        f"{path}: has {width} x {height} pixels; a film has at least {_SMALLEST} "
                        f"a side and at most {_MOST_PIXELS:,} in all: take it out"
                    )
                image = ImageOps.exif_transpose(image)
                if image.mode.startswith("I"):
                    values = np.asarray(image).astype(np.int64).clip(0, 65535)
                    return (values >> (8 if values.max() > 4095 else 4)).astype(np.uint8)
                return np.asarray(image.convert("L"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, SynthError):
            raise
        raise SynthError(f"{path}: cannot be read as a picture ({error}); take it out") from error


def _plan(paths: list[Path], config: MedMixSet) -> list[_Entry]:
    """Which film goes where; a film's place depends on the seed and on how many there are."""
    left = len(paths) - config.train
    if left < 2 * len(KINDS):
        raise SynthError(
            f"{config.films}: holds {len(paths)} films and needs {config.train + 2 * len(KINDS)}: "
            f"{config.train} for --train and {2 * len(KINDS)} to test with; add films, or lower --train"
        )
    order = np.random.default_rng([config.seed, 0]).permutation(len(paths))
    normals = min(max(1, round(left * config.normal_share)), left - MOST_LESIONS)
    counts = [0] * normals + [1 + number % MOST_LESIONS for number in range(left - normals)]
    places = [("train", 0)] * config.train + [("test", count) for count in sorted(counts)]
    entries, seen = [], dict.fromkeys(places, 0)
    for (split, count), number in zip(places, order.tolist(), strict=True):
        name = f"{split}/{KINDS[count]}/{seen[split, count]:04d}"
        seen[split, count] += 1
        entries.append(_Entry(name, split, count, paths[number], number))
    return sorted(entries, key=lambda entry: SPLITS.index(entry.split))


def _samples(entries: list[_Entry], config: MedMixSet) -> Iterator[Encoded]:
    """Read, mix and encode each film; a film's lesions depend on the seed and on itself alone."""
    test = [entry for entry in entries if entry.split == "test"]
    pool = test[:: max(1, len(test) // _DONORS)][:_DONORS]
    donors = [(entry.number, read_film(entry.path)) for entry in pool]
    for entry in entries:
        film, others = read_film(entry.path), [pair for pair in donors if pair[0] != entry.number]
        rng = np.random.default_rng([config.seed, 1, entry.number])
        image, mask, lesions = medmix(
            film, [other for _, other in others], entry.count, rng, config.lesions
        )
        cells = [
            asdict(lesion) | {"donor": others[lesion.donor][0], "action": "pasted"}
            for lesion in lesions
        ]
        record = {
            "id": entry.id,
            "split": entry.split,
            "kind": "normal" if entry.count == 0 else KINDS[entry.count],
            "label": int(entry.count > 0),
            "index": entry.number,
            "image_sha256": pixel_digest(image),
            "mask_sha256": pixel_digest(mask_pixels(mask)),
            "cells": cells,
        }
        yield Encoded(entry.id, entry.split, png(image), png(mask_pixels(mask)), record)
