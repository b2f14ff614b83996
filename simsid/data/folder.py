"""A folder of images: the MVTec AD layout, or normal and abnormal films in folders of that name.

::

    train/good/…   test/good/…   test/<kind>/…   ground_truth/<kind>/<name>_mask.png   [val/…]
    train/normal/… test/normal/… test/abnormal/… [val/normal/… val/abnormal/…]

Calibration normals: half of those in val when it has at least 40, since they come from other
patients (or hands) than training; else a tenth of train.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from simsid.data.datasets import LabelledImages, RadiographData, split_calibration
from simsid.data.images import IMAGE_SUFFIXES, read_image
from simsid.data.preprocess import Preprocessing
from simsid.errors import DataError, ImageError

NORMAL_NAMES = ("good", "normal")
MIN_TRAIN = 10
MIN_CALIBRATION = 40
DEFAULT_SIZE = 128
PATCH = 32
_LAYOUT = "expected train/good (or train/normal) with images, and test/good, test/<kind> beside it"


def read_folder(
    root: str | Path, image_size: tuple[int, int] | None = None, name: str = "folder"
) -> RadiographData:
    """Read and size every image of a data set in one of the layouts above.

    Args:
        root: the folder that holds ``train``.
        image_size: (height, width) to resize to; None keeps the native size when all training
            images share one that is a multiple of 32 px and at most 128 px, else 128 x 128.

    Raises:
        DataError: wrong layout, too few normals, or an unreadable image (named).
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"no folder at {root}: check --data-root")
    train_files = _files(_normal_folder(root / "train"))
    if len(train_files) < MIN_TRAIN:
        raise DataError(
            f"{root / 'train'} holds {len(train_files)} normal images, at least {MIN_TRAIN} are needed"
        )
    image_size = image_size or _native_size(train_files)
    train = _read_all(train_files, image_size)
    validation = _labelled(root, "val", image_size)
    if validation is not None and (validation.labels == 0).sum() >= MIN_CALIBRATION:
        validation, calibration = _take_calibration(validation)
        source = "half of the normals in val"
    else:
        train, calibration = split_calibration(train)
        source = f"a tenth of train (val holds fewer than {MIN_CALIBRATION} normals)"
    facts: dict = {
        "name": name,
        "train": len(train),
        "calibration": len(calibration),
        "calibration_from": source,
    }
    manifest = _manifest(root)
    if manifest is not None:
        facts |= manifest
    return RadiographData(
        name=name,
        train=train,
        calibration=calibration,
        validation=validation,
        test=_labelled(root, "test", image_size),
        facts=facts,
    )


def _normal_folder(parent: Path) -> Path:
    for name in NORMAL_NAMES:
        if (parent / name).is_dir():
            return parent / name
    found = sorted(p.name + "/" for p in parent.parent.iterdir() if p.is_dir())[:8]
    raise DataError(
        f"{parent.parent} has no {parent.name}/good or {parent.name}/normal: {_LAYOUT}; "
        f"found {', '.join(found) or 'no folders'}"
    )


def _files(folder: Path) -> list[Path]:
    return sorted(
        p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()
    )


def _native_size(files: list[Path]) -> tuple[int, int]:
    sizes = set()
    for path in files:
        try:
            with Image.open(path) as image:
                sizes.add((image.height, image.width))
        except Exception:  # the reader will say what is wrong with it
            sizes.add((0, 0))
    if len(sizes) == 1:
        height, width = sizes.pop()
        if 0 < max(height, width) <= DEFAULT_SIZE and height % PATCH == width % PATCH == 0:
            return height, width
    return DEFAULT_SIZE, DEFAULT_SIZE


def _read_all(files: Iterable[Path], image_size: tuple[int, int]) -> np.ndarray:
    preprocessing = Preprocessing(image_size)

    def read(path: Path) -> np.ndarray:
        try:
            image = preprocessing.apply(read_image(path))
        except ImageError as error:
            raise DataError(f"{error}; remove or replace it") from error
        return np.round(image * 255).astype(np.uint8)

    with ThreadPoolExecutor(max_workers=4) as pool:
        return np.stack(list(pool.map(read, files)))


def _labelled(root: Path, split: str, image_size: tuple[int, int]) -> LabelledImages | None:
    folder = root / split
    if not folder.is_dir():
        return None
    rows: list[tuple[Path, str]] = []
    for kind in sorted(p for p in folder.iterdir() if p.is_dir()):
        label = "normal" if kind.name in NORMAL_NAMES else kind.name
        rows += [(path, label) for path in _files(kind)]
    if not rows:
        return None
    rows.sort(key=lambda row: (row[1] != "normal", row[1], row[0]))  # normals first
    kinds = np.array([kind for _, kind in rows])
    return LabelledImages(
        images=_read_all([path for path, _ in rows], image_size),
        labels=(kinds != "normal").astype(int),
        kinds=kinds,
        masks=_masks(root, split, rows, image_size),
        names=np.array([str(path.relative_to(root)) for path, _ in rows]),
    )


def _take_calibration(validation: LabelledImages) -> tuple[LabelledImages, np.ndarray]:
    """Every second validation normal is for calibration; the rest stays labelled."""
    normals = np.flatnonzero(validation.labels == 0)
    taken = np.zeros(len(validation), bool)
    taken[normals[::2]] = True
    masks = None if validation.masks is None else validation.masks[~taken]
    rest = LabelledImages(
        validation.images[~taken],
        validation.labels[~taken],
        validation.kinds[~taken],
        masks,
        validation.names[~taken],
    )
    return rest, validation.images[taken]


def _masks(
    root: Path, split: str, rows: list[tuple[Path, str]], image_size: tuple[int, int]
) -> np.ndarray | None:
    """Pixel truth, empty for an abnormal image without any; None when there is none at all."""
    truth = root / ("ground_truth" if split == "test" else f"ground_truth_{split}")
    masks = np.zeros((len(rows), *image_size), bool)
    for index, (path, kind) in enumerate(rows):
        if kind == "normal":
            continue
        found = [truth / kind / f"{path.stem}_mask.png", truth / kind / f"{path.stem}.png"]
        file = next((candidate for candidate in found if candidate.exists()), None)
        if file is None:
            continue
        with Image.open(file) as mask:
            sized = mask.convert("L").resize(image_size[::-1], Image.Resampling.NEAREST)
            masks[index] = np.asarray(sized) > 127
    return masks if masks.any() else None


def _manifest(root: Path) -> dict | None:
    """Grid and generator of a set written by ``python -m synth generate``, if it is one."""
    try:
        content = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
        parameters = content["parameters"]["anatomy"]
        return {
            "generator_version": content["version"],
            "grid_size": [int(parameters["rows"]), int(parameters["cols"])],
            "config": parameters,
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None
