"""Hands: the glyphs of a source divided by how they lean and how thick they are.

Real handwriting does not say who wrote a digit, and the stroke model has no writers. So slant and
thickness are measured in the pixels, and a hand is a third of each digit's slants, and of those
a third of the thicknesses.
"""

from dataclasses import dataclass

import numpy as np

from synth.book import INK, GlyphBook
from synth.draws import field
from synth.glyphs.styled import StyledGlyphs

_LEANS = {1: ("any",), 2: ("upright", "slanted"), 3: ("upright", "middle", "slanted")}
_WEIGHTS = {1: ("any",), 3: ("thin", "medium", "thick")}
_EACH = 2  # glyphs that every digit needs of every hand for three by three


@dataclass(frozen=True)
class Hand:
    """One hand.

    Attributes:
        source: number of the glyph source.
        lean, weight: its place among the source's hands; larger leans more to the right and is
            thicker.
        name: 'lean-weight'.
    """

    source: int
    lean: int
    weight: int
    name: str


class Hands:
    """Which glyphs of a book every hand wrote.

    Args:
        source: that the book was made of.
        split: of the book.
        book: holds all ten digits, or some.

    Attributes:
        hands: all of them, source by source.
        per_source: number of hands of each source.
    """

    def __init__(self, source: StyledGlyphs, split: str, book: GlyphBook) -> None:
        self.hands: list[Hand] = []
        self.per_source: list[int] = []
        labels = sorted(book.counts)
        counts = {label: source.counts(split, label) for label in labels}
        for number in range(len(source.sources)):
            fewest = min(counts[label][number] for label in labels)
            leans, weights = _division(fewest)
            self.per_source.append(leans * weights)
            self.hands += [
                Hand(number, lean, weight, f"{_LEANS[leans][lean]}-{_WEIGHTS[weights][weight]}")
                for lean in range(leans)
                for weight in range(weights)
            ]
        self._starts = np.zeros((10, len(self.hands)), np.int64)
        self._counts = np.zeros_like(self._starts)
        parts: list[np.ndarray] = []
        used = 0
        for label in labels:
            glyphs = source.glyphs(split, label)
            for hand, rows in enumerate(_groups(glyphs, counts[label], self.per_source)):
                self._starts[label, hand], self._counts[label, hand] = used, len(rows)
                parts.append(book.starts[label] + rows)
                used += len(rows)
        self._ids = np.concatenate(parts)

    def pick(self, hand: np.ndarray, labels: np.ndarray, raw: np.ndarray) -> np.ndarray:
        """Glyphs at random.

        Args:
            hand: numbers of hands.
            labels: digits.
            raw: random words, of which the lowest 16 bits count.

        Returns:
            Ids of the book, of the common shape.
        """
        return self._ids[self._starts[labels, hand] + field(raw, 0, self._counts[labels, hand])]

    def others(self, hand: int) -> list[int]:
        """The other hands, those that differ least first; another source differs most."""
        mine = self.hands[hand]

        def gap(number: int) -> tuple[int, int, int]:
            other = self.hands[number]
            lean, weight = abs(other.lean - mine.lean), abs(other.weight - mine.weight)
            return int(other.source != mine.source), lean + weight, number

        return sorted((n for n in range(len(self.hands)) if n != hand), key=gap)


def _division(fewest: int) -> tuple[int, int]:
    """How many leans, and thicknesses of each, so many glyphs of a digit can be divided into."""
    if fewest >= 9 * _EACH:
        return 3, 3
    return (2, 1) if fewest >= 2 * _EACH else (1, 1)


def _groups(glyphs: np.ndarray, counts: list[int], per_source: list[int]) -> list[np.ndarray]:
    """Rows of one digit's glyphs by hand."""
    groups: list[np.ndarray] = []
    begin = 0
    for count, hands in zip(counts, per_source, strict=True):
        rows = np.arange(begin, begin + count)
        lean, weight = lean_and_weight(glyphs[rows])
        leans, weights = {9: (3, 3), 2: (2, 1), 1: (1, 1)}[hands]
        for part in np.array_split(rows[np.argsort(lean, kind="stable")], leans):
            ordered = part[np.argsort(weight[part - begin], kind="stable")]
            groups += np.array_split(ordered, weights)
        begin += count
    return groups


def lean_and_weight(glyphs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure glyphs in whole numbers.

    Args:
        glyphs: (n, height, width) uint8.

    Returns:
        (n,) lean, in 1/1024 of a width to the right per height, from second moments; (n,)
        thickness, in 1/1024 of a pixel of ink per step of its outline.
    """
    ink = glyphs.astype(np.int64)
    y, x = (np.arange(side) for side in ink.shape[1:])
    rows, columns = ink.sum(axis=2), ink.sum(axis=1)
    mass = rows.sum(axis=1)
    down, right = rows @ y, columns @ x
    both = (ink @ x) @ y
    tall = rows @ (y * y)
    lean = -1024 * (both * mass - down * right) // np.maximum(tall * mass - down * down, 1)
    solid = glyphs >= INK
    outline = (solid[:, 1:] != solid[:, :-1]).sum(axis=(1, 2))
    outline += (solid[:, :, 1:] != solid[:, :, :-1]).sum(axis=(1, 2))
    return lean, solid.sum(axis=(1, 2)) * 1024 // np.maximum(outline, 1)
