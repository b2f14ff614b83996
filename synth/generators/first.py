"""Generator 1: every cell for itself, four kinds. Its pixels never change."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from synth.anomalies import ANOMALIES, OBSTACLES, foreign_labels
from synth.book import GlyphBook
from synth.compose import Layout, compose, draw_layout, sample_keys, tile_sizes
from synth.config import AnatomyConfig
from synth.draws import Draws, chain
from synth.factors import placed
from synth.generators.base import LOGICAL, STRUCTURAL, Batch
from synth.glyphs import open_source
from synth.population import HOME, NEUTRAL
from synth.scene import Change, Scene, paste

_WORDS = {
    "novel": "a digit from outside the order",
    "missing": "a digit erased",
    "disordered": "digits that changed places",
    "flipped": "a digit mirrored left-right or upside down, where that can be seen",
}


class FirstGenerator:
    """See :class:``synth.generators.Generator``."""

    words = _WORDS
    together: frozenset[str] = frozenset()

    def __init__(self, config: AnatomyConfig) -> None:
        self.config = config
        self.source = open_source(config.digits, config.digits_root)
        self._sizes = tile_sizes(config.cell)
        self._books: dict[tuple[str, tuple[int, ...]], GlyphBook] = {}

    @property
    def families(self) -> dict[str, str]:
        """Of every registered kind: only digits that changed places are wrong as a whole."""
        return {kind: LOGICAL if kind == "disordered" else STRUCTURAL for kind in ANOMALIES}

    def obstacle(self, kind: str) -> str | None:
        """See :class:``synth.generators.Generator``."""
        return OBSTACLES[kind](self.config) if kind in OBSTACLES else None

    def make(self, split: str, kind: str, numbers: Sequence[int], altered: bool = True) -> Batch:
        """See :class:``synth.generators.Generator``."""
        keys = sample_keys(chain(self.config.seed, split, kind), numbers)
        book = self._book(split, self.config.labels)
        layout = draw_layout(keys, self.config, book)
        images = compose(layout, self.config, book)
        changes: list[list[Change]] = [[] for _ in numbers]
        if altered and kind != "normal":
            changes = self._alter(split, kind, keys, layout, images)
        return Batch(images, changes, (layout, book))

    def factors(self, batch: Batch, row: int) -> dict[str, Any]:
        """See :class:``synth.generators.Generator``."""
        layout, book = batch.drawn
        return {
            "population": HOME,
            "hand": self.config.digits_name,
            "start": 0,
            **placed(layout, book, self.config.cell, row),
            **{name: NEUTRAL[name] for name in ("exposure", "contrast", "noise", "blur")},
            "frame": 0.0,
            "collimation": 0.0,
        }

    def labels(self, batch: Batch, row: int) -> tuple[int, ...]:
        """See :class:``synth.generators.Generator``."""
        return self.config.labels

    def _book(self, split: str, labels: tuple[int, ...]) -> GlyphBook:
        key = split, tuple(sorted(set(labels)))
        if key not in self._books:
            self._books[key] = GlyphBook(self.source, split, key[1], self._sizes)
        return self._books[key]

    def _alter(
        self, split: str, kind: str, keys: np.ndarray, layout: Layout, images: np.ndarray
    ) -> list[list[Change]]:
        """Apply the anomaly to the images in place; return what was changed in each."""
        book = self._book(split, self.config.labels)
        labels = foreign_labels(self.config) if kind == "novel" else ()
        foreign = {label: self._book(split, (label,)) for label in labels}
        out = []
        for row, image in enumerate(images):
            scene = Scene(self.config, image.copy(), book, layout, row, foreign)
            changes = ANOMALIES[kind](scene, Draws(int(keys[row])))
            for change in changes:
                paste(image, self.config, change.index, change.pixels)
            out.append(sorted(changes, key=lambda change: change.index))
        return out
