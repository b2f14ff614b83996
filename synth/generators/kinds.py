"""The kinds of generator 2: those of generator 1, and cells that are wrong only beside the others.

As in ``synth.anomalies``, a kind draws the same number of times at every difficulty, so that the
dial makes the same sample harder and not another one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from synth.anomalies import ANOMALIES, OBSTACLES
from synth.book import INK
from synth.config import DIAL, AnatomyConfig
from synth.draws import Draws
from synth.generators.base import LOGICAL, STRUCTURAL
from synth.generators.hands import Hands
from synth.generators.turn import turned_tile
from synth.scene import Change, Scene, either_ink

Obstacle = Callable[[AnatomyConfig], str | None]


@dataclass(frozen=True)
class WholeScene(Scene):
    """A normal image of one hand, to be altered.

    Attributes:
        hands: whose glyphs the book holds.
        hand: number of this image's.
    """

    hands: Hands
    hand: int

    def glyph(self, label: int, draws: Draws, hand: int | None = None) -> int:
        """A glyph of a digit, by this image's hand or another."""
        raw = np.array([draws.below(1 << 64)], np.uint64)
        chosen = np.array([self.hand if hand is None else hand])
        return int(self.hands.pick(chosen, np.array([label]), raw)[0])

    def middle(self, index: int) -> tuple[int, int]:
        """(y, x) of twice the middle of the cell's digit, in pixels of the cell."""
        size = self.book.sizes[self.layout.sizes[self.row, index]]
        top, left = self.layout.top[self.row, index], self.layout.left[self.row, index]
        return 2 * int(top) + size, 2 * int(left) + size

    def size(self, index: int) -> int:
        """Side of the cell's digit in pixels."""
        return self.book.sizes[self.layout.sizes[self.row, index]]

    def drawn(self, glyph: int, size: int, middle: tuple[int, int]) -> np.ndarray:
        """A cell that shows one glyph, moved as far inside as it must be.

        Args:
            glyph: its id.
            size: side of its tile in pixels, at most the cell's.
            middle: (y, x) of twice its middle.

        Returns:
            (cell, cell) uint8.
        """
        cell = self.config.cell
        pixels = np.zeros((cell, cell), np.uint8)
        top, left = (min(max((value - size) // 2, 0), cell - size) for value in middle)
        pixels[top : top + size, left : left + size] = self.book.scaled(np.array([glyph]), size)[0]
        return pixels

    def foreign_cell(self, label: int, draws: Draws) -> np.ndarray:
        """A digit from outside the order, by this image's hand, of an average size and place."""
        cell = self.config.cell
        size = self.book.sizes[len(self.book.sizes) // 2]
        return self.drawn(self.glyph(label, draws), size, (cell, cell))


WholeAlter = Callable[[WholeScene, Draws], list[Change]]


def _possible(config: AnatomyConfig) -> str | None:
    return None


@dataclass(frozen=True)
class Kind:
    """A kind of anomaly.

    Attributes:
        family: 'structural' or 'logical'.
        alter: from a normal scene to the cells that it changes.
        obstacle: why an anatomy cannot show it, or None.
        words: what it is, for the card.
    """

    family: str
    alter: WholeAlter
    obstacle: Obstacle
    words: str


KINDS: dict[str, Kind] = {
    name: Kind(family, ANOMALIES[name], OBSTACLES.get(name, _possible), words)
    for name, family, words in (
        ("novel", STRUCTURAL, "a digit from outside the order"),
        ("missing", STRUCTURAL, "a digit erased"),
        (
            "flipped",
            STRUCTURAL,
            "a digit mirrored left-right or upside down, where that can be seen",
        ),
        ("disordered", LOGICAL, "digits that changed places"),
    )
}
TOGETHER = frozenset({"repeated", "advanced"})
"""Kinds of which one mended cell mends its row."""


def _register(
    name: str, words: str, obstacle: Obstacle = _possible
) -> Callable[[WholeAlter], WholeAlter]:
    def add(alter: WholeAlter) -> WholeAlter:
        KINDS[name] = Kind(LOGICAL, alter, obstacle, words)
        return alter

    return add


def _between(scene: Scene, blatant: int, subtle: int) -> int:
    """A whole number from one end of the dial to the other."""
    return blatant + (subtle - blatant) * scene.config.dial // DIAL


def _rows(config: AnatomyConfig) -> list[list[int]]:
    """Cells of each row that holds different digits only."""
    rows = [list(range(r * config.cols, (r + 1) * config.cols)) for r in range(config.rows)]
    return [row for row in rows if len({config.labels[i] for i in row}) == config.cols > 1]


def _no_row(config: AnatomyConfig) -> str | None:
    if _rows(config):
        return None
    return "no row holds two or more digits that all differ; use another order or grid"


@_register("repeated", "the same digit again in a row of different ones", _no_row)
def repeated(scene: WholeScene, draws: Draws) -> list[Change]:
    """A digit gives way to a copy of its neighbour in the row; when blatant, the whole row does.

    Either of the equal digits could be the wrong one: the place is all of them, and one is enough.
    """
    rows = _rows(scene.config)
    row = rows[draws.below(len(rows))]
    subtle = draws.below(DIAL) < scene.config.dial
    keeps = draws.below(len(row))
    right = draws.below(2) == 1
    glyphs = [scene.glyph(scene.config.labels[row[keeps]], draws) for _ in row]
    neighbour = keeps + (1 if (right and keeps + 1 < len(row)) or keeps == 0 else -1)
    label, changes = scene.config.labels[row[keeps]], []
    for place, index in enumerate(row):
        if place == keeps:
            changes.append(_equal(scene, index))
        elif not subtle or place == neighbour:
            changes.append(_rewritten(scene, index, glyphs[place], label))
    return changes


def _equal(scene: Scene, index: int) -> Change:
    """A cell that stays as it is and is part of the truth."""
    pixels, label = scene.pixels(index).copy(), scene.config.labels[index]
    return Change(index, pixels, pixels >= INK, "equalled", label)


def _rewritten(scene: WholeScene, index: int, glyph: int, label: int) -> Change:
    """Another digit of the same hand, size and place."""
    before = scene.pixels(index)
    after = scene.drawn(glyph, scene.size(index), scene.middle(index))
    mask = either_ink(before, after)
    return Change(index, after, mask, "replaced", label, saturation=int((after >= INK).sum()))


@_register("advanced", "the right digits of a row in a wrong order, moved on by one", _no_row)
def advanced(scene: WholeScene, draws: Draws) -> list[Change]:
    """Each digit of a row takes the next cell, the last one the first; when blatant, in all rows.

    Moving one digit from end to end would mend a row: the place is the row, and one is enough.
    """
    rows = _rows(scene.config)
    row = rows[draws.below(len(rows))]
    subtle = draws.below(DIAL) < scene.config.dial
    changes = []
    for cells in [row] if subtle else rows:
        for index, origin in zip(cells, cells[-1:] + cells[:-1], strict=True):
            before, after = scene.pixels(index), scene.pixels(origin).copy()
            details = {
                "from_row": origin // scene.config.cols,
                "from_col": origin % scene.config.cols,
            }
            mask, label = either_ink(before, after), scene.config.labels[origin]
            enough = int((after >= INK).sum())
            changes.append(Change(index, after, mask, "moved", label, details, enough))
    return changes


def _one(scene: Scene, draws: Draws) -> int:
    return draws.below(scene.config.num_cells)


def _own(scene: Scene, index: int, after: np.ndarray, action: str, **details: object) -> Change:
    """A cell that shows its own digit otherwise than the rest."""
    before, label = scene.pixels(index), scene.config.labels[index]
    return Change(index, after, either_ink(before, after), action, label, details)


@_register("otherhand", "a digit by another hand than the rest")
def otherhand(scene: WholeScene, draws: Draws) -> list[Change]:
    """The right digit by the hand that differs most, or with difficulty by one that differs less."""
    index = _one(scene, draws)
    others = scene.hands.others(scene.hand)
    most = len(others) - 1
    # The near half is left out even when subtle: hands that touch have glyphs in common.
    rank = most - draws.below(DIAL) * min(most, 2) // DIAL
    rank -= scene.config.dial * (rank // 2) // DIAL
    hand = others[rank]
    glyph = scene.glyph(scene.config.labels[index], draws, hand)
    after = scene.drawn(glyph, scene.size(index), scene.middle(index))
    other = scene.hands.hands[hand]
    return [_own(scene, index, after, "rewritten", hand=other.name, source=other.source)]


def _resized(scene: WholeScene, index: int, share: int, action: str) -> list[Change]:
    glyph, size = int(scene.ids()[index]), scene.size(index)
    new = min(max(size * share // 1000, 4), scene.config.cell - 1)
    after = scene.drawn(glyph, new, scene.middle(index))
    return [_own(scene, index, after, action, ratio=round(new / size, 4))]


@_register("large", "a digit larger than the rest")
def large(scene: WholeScene, draws: Draws) -> list[Change]:
    """One digit enlarged, by half when blatant and by a fifth when subtle, within its cell."""
    index, more = _one(scene, draws), draws.below(60)
    return _resized(scene, index, _between(scene, 1500, 1180) + more, "enlarged")


@_register("small", "a digit smaller than the rest")
def small(scene: WholeScene, draws: Draws) -> list[Change]:
    """One digit reduced, to half when blatant and by a fifth when subtle."""
    index, less = _one(scene, draws), draws.below(60)
    return _resized(scene, index, _between(scene, 500, 820) - less, "reduced")


@_register("turned", "a digit turned beside the rest")
def turned(scene: WholeScene, draws: Draws) -> list[Change]:
    """One digit turned about its middle, by 40 degrees when blatant and by 14 when subtle."""
    index, side, more = _one(scene, draws), 2 * draws.below(2) - 1, draws.below(6)
    degrees = side * (_between(scene, 40, 14) + more)
    after = turned_tile(scene.pixels(index), degrees, scene.middle(index))
    return [_own(scene, index, after, "turned", degrees=degrees)]


@_register("shifted", "a digit out of line with the rest")
def shifted(scene: WholeScene, draws: Draws) -> list[Change]:
    """One digit moved towards the far edge of its cell, all the way or with difficulty a third."""
    index, along = _one(scene, draws), draws.below(3)
    cell, size = scene.config.cell, scene.size(index)
    way = [(cell - size if value < cell else 0) * 2 + size - value for value in scene.middle(index)]
    share = _between(scene, 1024, 400)
    y, x = ((along != other) * step * share // 1024 // 2 * 2 for other, step in enumerate(way))
    middle = scene.middle(index)
    after = scene.drawn(int(scene.ids()[index]), size, (middle[0] + y, middle[1] + x))
    return [_own(scene, index, after, "shifted", y=y // 2, x=x // 2)]


@_register("faint", "a digit fainter than the rest")
def faint(scene: WholeScene, draws: Draws) -> list[Change]:
    """One digit with a third of its ink when blatant, three quarters when subtle."""
    index, more = _one(scene, draws), draws.below(20)
    ink = _between(scene, 70, 180) + more
    after = (scene.pixels(index).astype(np.int64) * ink // 256).astype(np.uint8)
    return [_own(scene, index, after, "faded", ink=ink / 256)]


@_register("extra", "one digit too many: a small one beside the right one")
def extra(scene: WholeScene, draws: Draws) -> list[Change]:
    """A second digit in a corner of a cell, of half the cell's side, or with difficulty a quarter."""
    index, label = _one(scene, draws), draws.below(10)
    glyph, corner, cell = scene.glyph(label, draws), draws.below(4), scene.config.cell
    size = max(_between(scene, cell // 2, cell // 4), 6)
    ends = (size + 1, 2 * cell - size - 1)
    more = scene.drawn(glyph, size, (ends[corner // 2], ends[corner % 2]))
    before = scene.pixels(index)
    after = np.maximum(before, more)
    mask = (more >= INK) & (after > before)
    if not mask.any():  # wholly within the ink of the right digit
        mask = more >= INK
    return [Change(index, after, mask, "added", label, {"size": size})]
