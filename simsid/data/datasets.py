"""What a data set is to the rest of the kit: four disjoint parts, decoded and sized."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool

from simsid.data.preprocess import Preprocessing


@dataclass(frozen=True)
class PlacedTruth:
    """Truth that need not be found whole: of two equal digits, either may be the wrong one.

    Attributes:
        families: (n,) 'normal', 'structural' or 'logical'.
        regions: (n, height, width), 0 outside, k in the k-th region of an image, from 1.
        saturations: of each image's regions, the pixels of it that are enough.
    """

    families: np.ndarray
    regions: np.ndarray
    saturations: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class LabelledImages:
    """Images with truth, for evaluation only.

    Attributes:
        images: (n, height, width) uint8.
        labels: (n,) 0 normal, 1 abnormal.
        kinds: (n,) 'normal' or the kind of anomaly.
        masks: (n, height, width) bool, or None where the data set has no pixel truth.
        names: (n,) a name for each image, for tables.
        attributes: for each attribute that the data set tells (view, sex, age, ...), (n,) text,
            '' where unknown.
        boxes: for each image, (k, 4) left, top, right, bottom of its findings in pixels of
            ``images``; None where the data set has no boxes.
        masks_known: (n,) bool, whose pixel truth is known; the masks of all others say nothing.
            None: that of normals, and of abnormal images whose mask marks something.
        placed: the truth by region, of DigitAnatomy 2; None of any other set.
    """

    images: np.ndarray
    labels: np.ndarray
    kinds: np.ndarray
    masks: np.ndarray | None
    names: np.ndarray
    attributes: dict[str, np.ndarray] = field(default_factory=dict)
    boxes: tuple[np.ndarray, ...] | None = None
    masks_known: np.ndarray | None = None
    placed: PlacedTruth | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def has_pixel_truth(self) -> Bool[np.ndarray, " n"]:
        """Which images' masks are the truth; unknown truth is not 'all normal'."""
        if self.masks is None:
            return np.zeros(len(self), bool)
        if self.masks_known is not None:
            return self.masks_known
        return (self.labels == 0) | self.masks.any((1, 2))


@dataclass(frozen=True)
class RadiographData:
    """Train and calibration hold normals only; validation is optional; test is read once.

    Attributes:
        name: 'digitanatomy', 'folder', ...
        train, calibration: (n, height, width) uint8 normals.
        validation, test: labelled, or None.
        facts: how it was made or where it was read from; goes into the model folder.
        preprocessing: what was done to the films; goes into the model folder, so that every door
            does the same. None: images are at their native size.
        populations: names of the sets that were joined; one name where nothing was.
        train_populations, calibration_populations: which of them each normal is of, (n,) from 0;
            None: all are of one.
        notes: what a user should know of how the films were chosen, a sentence each; names files.
        unreadable: films that were left out because they cannot be read: path, code and remedy.
    """

    name: str
    train: np.ndarray
    calibration: np.ndarray
    validation: LabelledImages | None = None
    test: LabelledImages | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    preprocessing: Preprocessing | None = None
    populations: tuple[str, ...] = ()
    train_populations: np.ndarray | None = None
    calibration_populations: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def image_size(self) -> tuple[int, int]:
        return tuple(self.train.shape[1:])

    @property
    def fingerprint(self) -> str:
        """Short hash of every pixel and label: equal data, equal fingerprint."""
        digest = hashlib.sha256()
        for part in (self.train, self.calibration):
            _add(digest, part)
        for labelled in (self.validation, self.test):
            if labelled is not None:
                _add(digest, labelled.images)
                _add(digest, labelled.labels)
        return digest.hexdigest()[:16]


def _add(digest: Any, array: np.ndarray) -> None:
    digest.update(f"{array.dtype}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())


def split_calibration(
    normals: np.ndarray, share: float = 0.1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a share of the training normals for calibration; the same for every training seed.

    Returns:
        train and calibration, both in their original order.
    """
    held_out = max(1, round(share * len(normals)))
    chosen = np.zeros(len(normals), bool)
    chosen[np.random.default_rng(seed).permutation(len(normals))[:held_out]] = True
    return normals[~chosen], normals[chosen]
