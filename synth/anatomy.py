"""DigitAnatomy: normal and abnormal images with exact truth, each a pure function of its name."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from synth.anomalies import ANOMALIES, OBSTACLES, foreign_labels
from synth.book import GlyphBook
from synth.compose import Layout, compose, draw_layout, sample_keys, tile_sizes
from synth.config import SPLITS, AnatomyConfig
from synth.draws import Draws, chain
from synth.errors import SynthError
from synth.glyphs import open_source
from synth.scene import CellRecord, Change, Scene

KINDS = ("normal", *ANOMALIES)
"""Every kind of image, the normal one first."""

_BATCH = 256


@dataclass(frozen=True)
class Sample:
    """One image with its truth.

    Attributes:
        image: (height, width) uint8, 0 background, 255 ink.
        mask: (height, width) bool, every pixel of ink that should not be there or is missing.
        label: 0 normal, 1 abnormal.
        kind: one of ``KINDS``.
        split: one of ``SPLITS``.
        index: number of the sample within its split and kind.
        cells: what was done, and where; empty for a normal image.
    """

    image: np.ndarray
    mask: np.ndarray
    label: int
    kind: str
    split: str
    index: int
    cells: tuple[CellRecord, ...]


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
        self.source = open_source(self.config.digits, self.config.digits_root)
        self._sizes = tile_sizes(self.config.cell)
        self._books: dict[tuple[str, tuple[int, ...]], GlyphBook] = {}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that this anatomy can show, the normal one first."""
        return tuple(kind for kind in KINDS if not self.obstacle(kind))

    def obstacle(self, kind: str) -> str | None:
        """Why this anatomy cannot show a kind; None if it can."""
        return OBSTACLES[kind](self.config) if kind in OBSTACLES else None

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
        image = self._normals(split, kind, self._check(split, kind, [index]))[2][0]
        return Sample(image, np.zeros(image.shape, bool), 0, "normal", split, index, ())

    def samples(self, split: str, kind: str, indices: Iterable[int]) -> list[Sample]:
        """Make several samples, the same as one by one and faster.

        Raises:
            SynthError: see :meth:``sample``.
        """
        numbers = self._check(split, kind, indices)
        _, _, images = normals = self._normals(split, kind, numbers)
        changes = self._alter(split, kind, numbers, *normals)
        out = []
        for image, index, done in zip(images, numbers, changes, strict=True):
            mask = np.zeros(image.shape, bool)
            for change in done:
                self._paste(mask, change.index, change.mask)
            cells = tuple(self._record(change) for change in done)
            out.append(Sample(image, mask, int(kind != "normal"), kind, split, index, cells))
        return out

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
            ids, layout, images = self._normals(split, kind, some)
            self._alter(split, kind, some, ids, layout, images)
            out[start : start + _BATCH] = images
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
        if kind not in KINDS:
            raise SynthError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        if reason := self.obstacle(kind):
            raise SynthError(f"kind {kind!r} cannot be made: {reason}")
        numbers = [int(index) for index in indices]
        if any(not 0 <= index < 1 << 62 for index in numbers):
            raise SynthError(f"an index must not be negative or above 2**62, got {numbers}")
        return numbers

    def _book(self, split: str, labels: tuple[int, ...]) -> GlyphBook:
        key = split, tuple(sorted(set(labels)))
        if key not in self._books:
            self._books[key] = GlyphBook(self.source, split, key[1], self._sizes)
        return self._books[key]

    def _normals(
        self, split: str, kind: str, numbers: list[int]
    ) -> tuple[np.ndarray, Layout, np.ndarray]:
        """Keys (n,), placements and images of the samples before anything is done to them."""
        keys = sample_keys(chain(self.config.seed, split, kind), numbers)
        book = self._book(split, self.config.labels)
        layout = draw_layout(keys, self.config, book)
        return keys, layout, compose(layout, self.config, book)

    def _alter(
        self,
        split: str,
        kind: str,
        numbers: list[int],
        keys: np.ndarray,
        layout: Layout,
        images: np.ndarray,
    ) -> list[list[Change]]:
        """Apply the anomaly to the images in place; return what was changed in each."""
        if kind == "normal":
            return [[] for _ in numbers]
        book = self._book(split, self.config.labels)
        labels = foreign_labels(self.config) if kind == "novel" else ()
        foreign = {label: self._book(split, (label,)) for label in labels}
        out = []
        for row, image in enumerate(images):
            scene = Scene(self.config, image.copy(), book, layout, row, foreign)
            changes = ANOMALIES[kind](scene, Draws(int(keys[row])))
            for change in changes:
                self._paste(image, change.index, change.pixels)
            out.append(sorted(changes, key=lambda change: change.index))
        return out

    def _paste(self, target: np.ndarray, index: int, pixels: np.ndarray) -> None:
        row, col = divmod(index, self.config.cols)
        side = self.config.cell
        target[row * side : (row + 1) * side, col * side : (col + 1) * side] = pixels

    def _record(self, change: Change) -> CellRecord:
        row, col = divmod(change.index, self.config.cols)
        before = self.config.labels[change.index]
        return CellRecord(row, col, change.action, before, change.after, change.details)
