"""Several data sets as one: one model, its normals from several populations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from simsid.data.datasets import LabelledImages, RadiographData
from simsid.data.preprocess import Preprocessing
from simsid.errors import DataError

POPULATION = "population"  # attribute of labelled films: the set that they are of
SEPARATOR = ","

Load = Callable[[str, str | None, Preprocessing | None], RadiographData]


def split_names(dataset: str) -> tuple[str, ...]:
    """The data sets that ``--dataset`` names: 'zhanglab,nih' names two."""
    return tuple(name.strip() for name in dataset.split(SEPARATOR))


def load_joined(dataset: str, data_root: str | None, load: Load) -> RadiographData:
    """Load each set, prepared as the first one is, and join them.

    Args:
        dataset: names, separated by commas.
        data_root: 'NAME=FOLDER' for each of them, separated by commas.
        load: loads one set from its name, its folder and the preprocessing to use (None: its own).

    Raises:
        DataError: a set is named twice or has no folder, or the sets cannot be joined.
    """
    names = split_names(dataset)
    roots = roots_of(names, data_root)
    first = load(names[0], roots[names[0]], None)
    others = [load(name, roots[name], first.preprocessing) for name in names[1:]]
    return join([first, *others])


def join(sets: Sequence[RadiographData]) -> RadiographData:
    """Each part of every set, one after the other; each film's population is its set.

    Raises:
        DataError: the images differ in size.
    """
    names = tuple(data.name for data in sets)
    sizes = {data.image_size for data in sets}
    if len(sizes) != 1:
        told = ", ".join(f"{d.name} {d.image_size[0]}x{d.image_size[1]}" for d in sets)
        raise DataError(f"sets of unequal image sizes cannot be joined ({told}): set --image-size")
    facts: dict[str, Any] = {
        "populations": {data.name: data.facts for data in sets},
        "calibration_from": "; ".join(
            f"{data.name}: {data.facts['calibration_from']}" for data in sets
        ),
        "name": SEPARATOR.join(names),
    }
    for key in ("split", "view"):
        values = {data.facts.get(key) for data in sets}
        facts[key] = values.pop() if len(values) == 1 else None
    for key in ("train", "calibration", "contaminated"):
        facts[key] = sum(data.facts.get(key, 0) for data in sets)
    return RadiographData(
        name=SEPARATOR.join(names),
        train=np.concatenate([data.train for data in sets]),
        calibration=np.concatenate([data.calibration for data in sets]),
        validation=_join_labelled({data.name: data.validation for data in sets}),
        test=_join_labelled({data.name: data.test for data in sets}),
        facts=facts,
        preprocessing=sets[0].preprocessing,
        populations=names,
        train_populations=_index([len(data.train) for data in sets]),
        calibration_populations=_index([len(data.calibration) for data in sets]),
        notes=tuple(f"{data.name}: {note}" for data in sets for note in data.notes),
        unreadable=tuple(line for data in sets for line in data.unreadable),
    )


def _index(counts: Sequence[int]) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def roots_of(names: Sequence[str], data_root: str | None) -> dict[str, str]:
    """The folder of each set, from 'NAME=FOLDER,NAME=FOLDER'.

    Raises:
        DataError: a set is named twice or has no folder, or another one is named.
    """
    if len(set(names)) != len(names):
        raise DataError(f"--dataset names a set twice, leave one: {SEPARATOR.join(names)}")
    pairs = [pair.partition("=") for pair in (data_root or "").split(SEPARATOR) if pair]
    roots = {name.strip(): root.strip() for name, _, root in pairs}
    missing = [name for name in names if not roots.get(name)]
    strange = [name for name in roots if name not in names]
    if missing or strange:
        example = SEPARATOR.join(f"{name}=FOLDER" for name in names)
        raise DataError(
            f"several data sets need a folder each, as --data-root {example}: "
            + (f"none is given for {', '.join(missing)}" if missing else f"'{strange[0]}' is not one of them")
        )  # fmt: skip
    return roots


def _join_labelled(parts: Mapping[str, LabelledImages | None]) -> LabelledImages | None:
    there = {name: part for name, part in parts.items() if part is not None and len(part)}
    if not there:
        return None
    keys = sorted({key for part in there.values() for key in part.attributes})
    attributes = {
        key: np.concatenate(
            [part.attributes.get(key, np.full(len(part), "")) for part in there.values()]
        )
        for key in keys
    }
    attributes[POPULATION] = np.concatenate(
        [np.full(len(part), name) for name, part in there.items()]
    )
    masks = known = None
    if any(part.masks is not None for part in there.values()):
        masks = np.concatenate(
            [
                np.zeros(part.images.shape, bool) if part.masks is None else part.masks
                for part in there.values()
            ]
        )
        known = np.concatenate([_known(part) for part in there.values()])
    boxes = None
    if any(part.boxes is not None for part in there.values()):
        none = np.zeros((0, 4), np.float32)
        boxes = tuple(box for part in there.values() for box in (part.boxes or (none,) * len(part)))

    def together(key: str) -> np.ndarray:
        return np.concatenate([getattr(part, key) for part in there.values()])

    return LabelledImages(
        images=together("images"),
        labels=together("labels"),
        kinds=together("kinds"),
        masks=masks,
        names=np.concatenate(
            [np.array([f"{name}/{each}" for each in part.names]) for name, part in there.items()]
        ),
        attributes=attributes,
        boxes=boxes,
        masks_known=known,
    )


def _known(part: LabelledImages) -> np.ndarray:
    """Normals of a set without masks are known to be normal in every pixel."""
    return part.labels == 0 if part.masks is None else part.has_pixel_truth
