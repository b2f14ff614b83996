"""Generator 2: a hand, a size and a place for the image; more kinds, starts and populations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from synth.book import GlyphBook
from synth.compose import Layout, compose, sample_keys, tile_sizes
from synth.config import AnatomyConfig
from synth.draws import Draws, chain, chain_words, field
from synth.factors import placed
from synth.generators.base import Batch
from synth.generators.film import Exposures, Film
from synth.generators.hands import Hands
from synth.generators.kinds import KINDS, TOGETHER, Kind, WholeScene
from synth.glyphs import open_source
from synth.glyphs.styled import StyledGlyphs
from synth.population import POPULATIONS, Population
from synth.scene import Change, paste

_SMALLEST = 8
_IMAGE_WORD = 200  # number of the random word that is the whole image's
_ALL = tuple(range(10))


@dataclass(frozen=True)
class Drawn:
    """What was drawn for the images of a batch.

    Attributes:
        split: of the batch.
        hand, start: (n,) numbers.
        layout: where the digits lie.
        how: how the films were exposed.
    """

    split: str
    hand: np.ndarray
    start: np.ndarray
    layout: Layout
    how: Exposures


class SecondGenerator:
    """See :class:``synth.generators.Generator``."""

    words: ClassVar[dict[str, str]] = {name: kind.words for name, kind in KINDS.items()}
    together = TOGETHER

    def __init__(self, config: AnatomyConfig) -> None:
        self.config = config
        self._population = config.population or POPULATIONS["home"]
        self._dials = self._population.at(config.strength)
        names, shares = _mixture(config, self._population)
        self._source_names = names
        self._shares = np.cumsum([round(share * (1 << 16)) for share in shares])
        sources = [open_source(name, config.digits_root) for name in names]
        self.source = StyledGlyphs(sources, self._dials["thickness"], self._dials["slant"])
        self._sizes = population_sizes(config.cell, self._dials["size"])
        self._film = Film(self._dials, config.shape)
        self._configs = [
            replace(config, order="".join(str((label + start) % 10) for label in config.labels))
            for start in range(config.starts)
        ]
        self._labels = np.array([each.labels for each in self._configs])
        self._books: dict[str, tuple[GlyphBook, Hands]] = {}

    @property
    def families(self) -> dict[str, str]:
        """See :class:``synth.generators.Generator``."""
        return {name: kind.family for name, kind in KINDS.items()}

    def obstacle(self, kind: str) -> str | None:
        """See :class:``synth.generators.Generator``."""
        for config in self._configs:
            if reason := KINDS[kind].obstacle(config):
                return reason
        if kind == "otherhand" and any(
            len(self._book(split)[1].hands) < 2 for split in ("train", "val", "test")
        ):
            return "the source has too few glyphs for two hands; use one with more"
        return None

    def make(self, split: str, kind: str, numbers: Sequence[int], altered: bool = True) -> Batch:
        """See :class:``synth.generators.Generator``."""
        keys = sample_keys(chain(self.config.seed, 2, split, kind), numbers)
        book, hands = self._book(split)
        drawn = self._draw(split, keys, hands)
        images = compose(drawn.layout, self.config, book)
        changes: list[list[Change]] = [[] for _ in numbers]
        if altered and kind != "normal":
            changes = self._alter(KINDS[kind], keys, drawn, images)
        if self._film.is_plain:
            return Batch(images, changes, drawn)
        films = self._film.develop(images, drawn.how)
        return Batch(films, changes, drawn, self._film.covered(drawn.how))

    def factors(self, batch: Batch, row: int) -> dict[str, Any]:
        """See :class:``synth.generators.Generator``."""
        drawn: Drawn = batch.drawn
        book, hands = self._book(drawn.split)
        hand = hands.hands[int(drawn.hand[row])]
        height, width = self.config.shape
        top, bottom, left, right = drawn.how.hidden[row].tolist()
        seen = (height - top - bottom) * (width - left - right)
        return {
            "population": self._population.name,
            "hand": f"{self._name_of(hand.source)}/{hand.name}",
            "start": int(drawn.start[row]),
            **placed(drawn.layout, book, self.config.cell, row),
            "exposure": round(int(drawn.how.lift[row]) / 255, 4),
            "contrast": round(int(drawn.how.gain[row]) / 1024, 4),
            **{name: round(self._dials[name], 4) for name in ("noise", "blur", "frame")},
            "collimation": round(1 - seen / (height * width), 4),
        }

    def labels(self, batch: Batch, row: int) -> tuple[int, ...]:
        """See :class:``synth.generators.Generator``."""
        return self._configs[int(batch.drawn.start[row])].labels

    def _name_of(self, number: int) -> str:
        return self._source_names[number].replace("\\", "/").rpartition("/")[2]

    def _book(self, split: str) -> tuple[GlyphBook, Hands]:
        if split not in self._books:
            book = GlyphBook(self.source, split, _ALL, self._sizes)
            self._books[split] = book, Hands(self.source, split, book)
        return self._books[split]

    def _draw(self, split: str, keys: np.ndarray, hands: Hands) -> Drawn:
        """The image's own word first; then a word for each cell."""
        config, count = self.config, len(self._sizes)
        mine = chain_words(keys[:, None], np.arange(_IMAGE_WORD, _IMAGE_WORD + 2, dtype=np.uint64))
        source = np.searchsorted(self._shares, field(mine[:, 0], 0, int(self._shares[-1])), "right")
        first = np.cumsum([0, *hands.per_source])[source]
        hand = first + field(mine[:, 0], 16, np.array(hands.per_source)[source])
        start = field(mine[:, 0], 32, config.starts)
        cells = np.arange(1, config.num_cells + 1, dtype=np.uint64)
        raw = chain_words(keys[:, None], cells)
        ids = hands.pick(hand[:, None], self._labels[start], raw)
        inner = min(1, (count - 1) // 2)
        size = inner + field(mine[:, 0], 48, count - 2 * inner)
        sizes = size[:, None] + field(raw, 16, 2 * inner + 1) - inner
        return Drawn(
            split, hand, start, self._place(ids, sizes, raw, mine[:, 1]), self._film.expose(keys)
        )

    def _place(
        self, ids: np.ndarray, sizes: np.ndarray, raw: np.ndarray, mine: np.ndarray
    ) -> Layout:
        """Corners: the middle of the cell, moved by the spacing, by the image, by the cell."""
        config, cell = self.config, self.config.cell
        room = cell - np.array(self._sizes)[sizes]
        reach, jitter = cell // 10, max(1, cell // 24)
        index = np.arange(config.num_cells)
        corners = []
        for axis, (number, total) in enumerate(
            ((index // config.cols, config.rows), (index % config.cols, config.cols))
        ):
            inward = np.sign(total - 1 - 2 * number)
            pull = round(self._dials["spacing"] * 1024) * inward * (room // 2) // 1024
            whole = field(mine, 16 * axis, 2 * reach + 1)[:, None] - reach
            own = field(raw, 32 + 16 * axis, 2 * jitter + 1) - jitter
            corners.append(np.clip((room + 1) // 2 + pull + whole + own, 1, room - 1))
        return Layout(ids, sizes, corners[0], corners[1])

    def _alter(
        self, kind: Kind, keys: np.ndarray, drawn: Drawn, images: np.ndarray
    ) -> list[list[Change]]:
        """Apply the anomaly to the images in place; return what was changed in each."""
        book, hands = self._book(drawn.split)
        out = []
        for row, image in enumerate(images):
            config = self._configs[int(drawn.start[row])]
            scene = WholeScene(
                config, image.copy(), book, drawn.layout, row, {}, hands, int(drawn.hand[row])
            )
            changes = kind.alter(scene, Draws(int(keys[row])))
            for change in changes:
                paste(image, config, change.index, change.pixels)
            out.append(sorted(changes, key=lambda change: change.index))
        return out


def population_sizes(cell: int, factor: float) -> tuple[int, ...]:
    """Sides of the digits in pixels, from the smallest to the largest.

    Args:
        cell: side of a cell in pixels.
        factor: of the sizes that generator 1 has.
    """
    scaled = (round(size * factor) for size in tile_sizes(cell))
    return tuple(sorted({min(max(size, _SMALLEST), cell - 3) for size in scaled}))


def _mixture(config: AnatomyConfig, population: Population) -> tuple[list[str], list[float]]:
    """Glyph sources and their shares of the images, at the configured strength."""
    strength = config.strength if population.hands else 0.0
    total = sum(share for _, share in population.hands) or 1.0
    shares = {config.digits: 1 - strength}
    for name, share in population.hands:
        shares[name] = shares.get(name, 0.0) + strength * share / total
    used = {name: share for name, share in shares.items() if share > 0}
    return list(used), list(used.values())
