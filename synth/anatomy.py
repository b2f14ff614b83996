"""DigitAnatomy: normal and abnormal images with exact truth, each a pure function of its name."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from synth.anomalies import ANOMALIES
from synth.config import SPLITS, AnatomyConfig
from synth.errors import SynthError
from synth.generators import open_generator
from synth.generators.base import Batch
from synth.places import Place, places_of
from synth.scene import CellRecord, paste

KINDS = ("normal", *ANOMALIES)
"""Every kind of image of generator 1, the normal one first."""

_BATCH = 256


@dataclass(frozen=True)
class Sample:
    """One image with its truth.

    Attributes:
        image: (height, width) uint8, 0 background, 255 ink.
        mask: (height, width) bool, every pixel of ink that should not be there or is missing; of
            a logical anomaly, the ink of every place that would mend it.
        label: 0 normal, 1 abnormal.
        kind: 'normal' or a kind of the generator.
        split: one of ``SPLITS``.
        index: number of the sample within its split and kind.
        cells: what was done, and where; empty for a normal image.
        places: the regions of the mask that stand for one defect each.
        factors: all that was drawn, see ``synth.factors.COLUMNS``.
    """

    image: np.ndarray
    mask: np.ndarray
    label: int
    kind: str
    split: str
    index: int
    cells: tuple[CellRecord, ...]
    places: tuple[Place, ...] = ()
    factors: dict[str, Any] = field(default_factory=dict)


class DigitAnatomy:
    """The synthetic anatomy of one configuration; opens its glyph source.

    Sample ``index`` of a split and kind depends on (seed, split, kind, index) and the parameters
    alone, in whatever order and process it is asked for.

    Args:
        config: the parameters; None takes the defaults.

    Raises:
        SynthError: the glyph source cannot be read.
    """

    def __init__(self, config: AnatomyConfig | None = None) -> None:
        self.config = config or AnatomyConfig()
        self._generator = open_generator(self.config)
        self.source = self._generator.source

    @property
    def families(self) -> dict[str, str]:
        """Every abnormal kind of this anatomy's generator: 'structural' or 'logical'."""
        return self._generator.families

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that this anatomy can show, the normal one first."""
        known = ("normal", *self.families)
        return tuple(kind for kind in known if not self.obstacle(kind))

    @property
    def words(self) -> dict[str, str]:
        """Every abnormal kind of this anatomy's generator in a few words."""
        return self._generator.words

    def obstacle(self, kind: str) -> str | None:
        """Why this anatomy cannot show a kind; None if it can."""
        return None if kind == "normal" else self._generator.obstacle(kind)

    def sample(self, split: str, kind: str, index: int) -> Sample:
        """Make one sample.

        Raises:
            SynthError: the split or kind is unknown or cannot be shown, or the index is negative.
        """
        return self.samples(split, kind, [index])[0]

    def twin(self, split: str, kind: str, index: int) -> Sample:
        """Make the normal image that the sample is before anything is done to it.

        Raises:
            SynthError: see :meth:``sample``.
        """
        batch = self._generator.make(split, kind, self._check(split, kind, [index]), altered=False)
        return self._sample(batch, 0, split, "normal", index)

    def samples(self, split: str, kind: str, indices: Iterable[int]) -> list[Sample]:
        """Make several samples, the same as one by one and faster.

        Raises:
            SynthError: see :meth:``sample``.
        """
        numbers = self._check(split, kind, indices)
        batch = self._generator.make(split, kind, numbers)
        return [self._sample(batch, row, split, kind, index) for row, index in enumerate(numbers)]

    def images(self, split: str, kind: str, indices: Iterable[int]) -> np.ndarray:
        """Make images only: the pixels of :meth:``sample``, composed in batches.

        Returns:
            (n, height, width) uint8.

        Raises:
            SynthError: see :meth:``sample``.
        """
        numbers = self._check(split, kind, indices)
        out = np.empty((len(numbers), *self.config.shape), np.uint8)
        for start in range(0, len(numbers), _BATCH):
            some = numbers[start : start + _BATCH]
            out[start : start + _BATCH] = self._generator.make(split, kind, some).images
        return out

    def train(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Make the training set.

        The first k images hold floor(k x contamination) abnormal ones for every k, evenly spread
        and taking turns among the kinds, so a longer set extends a shorter one.

        Returns:
            Images (n, height, width) uint8, and (n,) bool, True where abnormal.

        Raises:
            SynthError: n is negative, or no kind can contaminate.
        """
        plan = self.train_plan(n)
        images = np.empty((n, *self.config.shape), np.uint8)
        kinds = np.array([kind for kind, _ in plan], dtype="U32")
        for kind in self.kinds:
            rows = np.flatnonzero(kinds == kind)
            images[rows] = self.images("train", kind, [plan[row][1] for row in rows])
        return images, kinds != "normal"

    def train_plan(self, n: int, kinds: tuple[str, ...] | None = None) -> list[tuple[str, int]]:
        """Kind and index of each of the first n training images.

        Args:
            n: number of images.
            kinds: the abnormal ones that contaminate; None takes all that can be shown.

        Raises:
            SynthError: n is negative, or ``kinds`` is empty and images are to be contaminated.
        """
        if n < 0:
            raise SynthError(f"the number of training images must not be negative, got {n}")
        abnormal = self.kinds[1:] if kinds is None else kinds
        if self.config.contamination and not abnormal:
            raise SynthError("contamination needs at least one abnormal kind to contaminate with")
        share = round(self.config.contamination * (1 << 20))
        plan, done = [], 0
        for number in range(1, n + 1):
            if number * share >> 20 > done:
                plan.append((abnormal[done % len(abnormal)], done))
                done += 1
            else:
                plan.append(("normal", number - 1))
        return plan

    def _check(self, split: str, kind: str, indices: Iterable[int]) -> list[int]:
        if split not in SPLITS:
            raise SynthError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
        self.require_kind(kind)
        numbers = [int(index) for index in indices]
        if any(not 0 <= index < 1 << 62 for index in numbers):
            raise SynthError(f"an index must not be negative or above 2**62, got {numbers}")
        return numbers

    def require_kind(self, kind: str) -> None:
        """Refuse a kind that this anatomy does not know or cannot show.

        Raises:
            SynthError: it is one.
        """
        known = ("normal", *self.families)
        if kind not in known:
            more = " (generator 2 knows more: --generator 2)" if self.config.generator == 1 else ""
            raise SynthError(f"unknown kind {kind!r}; choose from {', '.join(known)}{more}")
        if reason := self.obstacle(kind):
            raise SynthError(f"kind {kind!r} cannot be made: {reason}; leave it out")

    def _sample(self, batch: Batch, row: int, split: str, kind: str, index: int) -> Sample:
        changes, config = batch.changes[row], self.config
        mask = np.zeros(config.shape, bool)
        for change in changes:
            paste(mask, config, change.index, change.mask)
        if batch.hidden is not None:
            top, bottom, left, right = batch.hidden[row].tolist()
            field = np.zeros_like(mask)
            field[top : config.shape[0] - bottom, left : config.shape[1] - right] = True
            mask &= field
        labels = self._generator.labels(batch, row)
        cells = tuple(
            CellRecord(*divmod(c.index, config.cols), c.action, labels[c.index], c.after, c.details)
            for c in changes
        )
        abnormal = kind != "normal"
        factors = {
            "family": self.families[kind] if abnormal else "normal",
            "strength": round(1 - config.difficulty, 6) if abnormal else 0.0,
            "changed": " ".join(f"r{cell.row + 1}c{cell.col + 1}" for cell in cells),
            **self._generator.factors(batch, row),
        }
        places = places_of(changes, mask, config, kind in self._generator.together)
        image = batch.images[row]
        return Sample(image, mask, int(abnormal), kind, split, index, cells, places, factors)
