"""What a folder's name says: which side of a set its films are on, or that it holds masks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_SIDES = (
    dict.fromkeys(("train", "training"), TRAIN)
    | dict.fromkeys(("val", "valid", "validation", "validate", "dev"), VALIDATION)
    | dict.fromkeys(("test", "tests", "testing"), TEST)
)
_MASKS = frozenset(
    {"groundtruth", "groundtruths", "gt", "mask", "masks", "segmentation", "segmentations", "seg"}
)
_LABELS = frozenset({"label", "labels"})  # masks only where images stand beside them
_IMAGES = frozenset({"img", "imgs", "image", "images"})


def side_of(name: str) -> str | None:
    """'train', 'validation' or 'test', in any spelling that is in use; None for another name."""
    return _SIDES.get(name.strip().casefold())


def fold(name: str) -> str:
    """Names that differ in capitals or in how accents are written are one."""
    return unicodedata.normalize("NFC", name).casefold()


def mask_side(name: str) -> str | None:
    """Of a folder at the root that holds masks: their side, '' if it tells none; else None."""
    letters = re.sub(r"[\W_]+", "", name.casefold())
    for masks in sorted(_MASKS | _LABELS, key=len, reverse=True):
        if letters == masks:
            return ""
        if letters.startswith(masks) and letters[len(masks) :] in _SIDES:
            return _SIDES[letters[len(masks) :]]
        if letters.endswith(masks) and letters[: -len(masks)] in _SIDES:
            return _SIDES[letters[: -len(masks)]]
    return None


def holds_masks(name: str, beside: Collection[str] = ()) -> bool:
    """Whether a folder deeper down holds masks.

    Args:
        beside: names of the folders beside it.
    """
    letters = re.sub(r"[\W_]+", "", name.casefold())
    return letters in _MASKS or (letters in _LABELS and any(map(holds_images, beside)))


def holds_images(name: str) -> bool:
    """Whether a folder's name says no more than that images are in it."""
    return name.casefold() in _IMAGES
