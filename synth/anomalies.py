"""The anomalies: each a function from a normal scene to the cells it changes, and a registry.

A new kind is one function under ``@register("name")``. It may use nothing random but ``draws``, and
must draw the same number of times at every difficulty, so that turning the dial makes the same
sample harder and not another one.
"""

from collections.abc import Callable

import numpy as np

from synth.book import INK
from synth.config import DIAL, AnatomyConfig
from synth.draws import Draws
from synth.errors import SynthError
from synth.flips import ALLOWED, AXES, VISIBLE, differences
from synth.scene import Change, Scene, either_ink, lost_ink

Alter = Callable[[Scene, Draws], list[Change]]
Obstacle = Callable[[AnatomyConfig], str | None]
ANOMALIES: dict[str, Alter] = {}
OBSTACLES: dict[str, Obstacle] = {}
MAX_CELLS = 3

# Sixteen directions, (y, x) in 1/1024: cosine and sine of multiples of 22.5 degrees.
_COMPASS = (1024, 946, 724, 392, 0, -392, -724, -946)
_DIRECTIONS = tuple(
    zip(_COMPASS + tuple(-c for c in _COMPASS),
        (0, 392, 724, 946, 1024, 946, 724, 392, 0, -392, -724, -946, -1024, -946, -724, -392),
        strict=True)
)  # fmt: skip


def register(kind: str, obstacle: Obstacle | None = None) -> Callable[[Alter], Alter]:
    """Add an anomaly to the registry.

    Args:
        kind: its name.
        obstacle: says why a given anatomy cannot show it, or None if it can; without it, every
            anatomy can.

    Returns:
        A decorator for the function that alters a scene.
    """

    def add(function: Alter) -> Alter:
        ANOMALIES[kind] = function
        if obstacle is not None:
            OBSTACLES[kind] = obstacle
        return function

    return add


def foreign_labels(config: AnatomyConfig) -> tuple[int, ...]:
    """Digits that the order does not hold."""
    return tuple(label for label in range(10) if label not in config.labels)


def _count(draws: Draws, scene: Scene) -> int:
    """One to three cells; each beyond the first is given up with a probability of difficulty."""
    wanted = 1 + draws.below(MAX_CELLS)
    kept = sum(draws.below(DIAL) >= scene.config.dial for _ in range(MAX_CELLS - 1))
    return min(wanted, 1 + kept, scene.config.num_cells)


def _cells(draws: Draws, scene: Scene) -> list[int]:
    count = _count(draws, scene)
    return draws.shuffled(range(scene.config.num_cells))[:count]


def _nothing_foreign(config: AnatomyConfig) -> str | None:
    if foreign_labels(config):
        return None
    return "the order holds all ten digits, so no digit is novel; leave out a digit or the kind"


@register("novel", _nothing_foreign)
def novel(scene: Scene, draws: Draws) -> list[Change]:
    """Put a digit from outside the order in place of the right one.

    Difficulty lets the right digit show through: at 1 the foreign one is a ghost of about a third
    of its ink over the right one with nine tenths of its own.
    """
    choices, changes = foreign_labels(scene.config), []
    for index in _cells(draws, scene):
        label = choices[draws.below(len(choices))]
        opacity = 256 - scene.config.dial * (150 + draws.below(32)) // DIAL
        # The right digit always loses some ink: a ghost that lies within it would not show.
        kept = min(2 * (256 - opacity), 232)
        before = scene.pixels(index)
        other = scene.foreign_cell(label, draws).astype(np.int64)
        after = (np.maximum(before.astype(np.int64) * kept, other * opacity) // 256).astype(
            np.uint8
        )
        mask = either_ink(before, after)
        details = {"opacity": opacity / 256}
        changes.append(Change(index, after, mask, "replaced", label, details))
    return changes


@register("missing")
def missing(scene: Scene, draws: Draws) -> list[Change]:
    """Erase digits: wholly at difficulty 0, at 1 from one side about a third of the ink."""
    changes = []
    for index in _cells(draws, scene):
        share = 1000 - scene.config.dial * (600 + draws.below(101)) // DIAL
        direction = _DIRECTIONS[draws.below(len(_DIRECTIONS))]
        before = scene.pixels(index)
        after = np.zeros_like(before) if share == 1000 else _erase(before, direction, share)
        mask = lost_ink(before, after)
        erased = int(mask.sum()) / int((before >= INK).sum())
        label = None if share == 1000 else scene.config.labels[index]
        details = {"erased": round(erased, 4)}
        changes.append(Change(index, after, mask, "erased", label, details))
    return changes


def _erase(cell: np.ndarray, direction: tuple[int, int], share: int) -> np.ndarray:
    """Blank everything beyond a straight line that leaves ``share`` thousandths of ink behind it."""
    y, x = np.indices(cell.shape)
    depth = y * direction[0] + x * direction[1]
    inked = np.sort(depth[cell >= INK])
    last = max(len(inked) * share // 1000, 1) - 1
    return np.where(depth <= inked[last], 0, cell).astype(np.uint8)


def _all_equal(config: AnatomyConfig) -> str | None:
    if len(set(config.labels)) > 1:
        return None
    return "all cells hold the same digit, so an exchange does not show; use an order of several digits"


@register("disordered", _all_equal)
def disordered(scene: Scene, draws: Draws) -> list[Change]:
    """Exchange two digits or rotate three, anywhere; with difficulty swap two neighbours.

    Digits move with their pixels; cells with equal digits are never exchanged.
    """
    config, labels = scene.config, scene.config.labels
    subtle = draws.below(DIAL) < config.dial
    wanted = 2 + draws.below(2)
    order = draws.shuffled(range(config.num_cells))
    pairs = _neighbours(config)
    pair = pairs[draws.below(len(pairs))]
    cycle: list[int] = []
    for index in order:
        if labels[index] not in [labels[chosen] for chosen in cycle]:
            cycle.append(index)
    cycle = list(pair) if subtle else cycle[:wanted]
    changes = []
    for index, origin in zip(cycle, cycle[1:] + cycle[:1], strict=True):
        before, after = scene.pixels(index), scene.pixels(origin).copy()
        details = {"from_row": origin // config.cols, "from_col": origin % config.cols}
        mask = either_ink(before, after)
        changes.append(Change(index, after, mask, "moved", labels[origin], details))
    return changes


def _neighbours(config: AnatomyConfig) -> list[tuple[int, int]]:
    """Pairs of cells that share an edge and hold different digits."""
    labels, cols = config.labels, config.cols
    pairs = []
    for index in range(config.num_cells):
        if (index + 1) % cols and labels[index] != labels[index + 1]:
            pairs.append((index, index + 1))
        if index + cols < config.num_cells and labels[index] != labels[index + cols]:
            pairs.append((index, index + cols))
    return pairs


def _nothing_to_flip(config: AnatomyConfig) -> str | None:
    if any(ALLOWED[label] for label in config.labels):
        return None
    return "0, 1 and 8 may look the same when flipped; add one of 2-7 or 9 to the order"


@register("flipped", _nothing_to_flip)
def flipped(scene: Scene, draws: Draws) -> list[Change]:
    """Mirror digits where they stand, left-right or upside down, never without a visible effect.

    Difficulty prefers flips that change little: at 0 all visible ones are equally likely, at 1
    the one nearest to its digit is taken.
    """
    count = _count(draws, scene)
    ranks = [draws.below(DIAL) for _ in range(MAX_CELLS)]
    options = visible_flips(scene)
    changes = []
    for rank in ranks[:count]:
        if not options:
            break
        place = rank * len(options) * (DIAL - scene.config.dial) // DIAL**2
        gap, index, axis = options[place]
        options = [option for option in options if option[1] != index]
        before = scene.pixels(index)
        after = np.zeros_like(before)
        spot = scene.tile_slices(index)
        after[spot] = before[spot][:, ::-1] if axis == "horizontal" else before[spot][::-1]
        details = {"axis": axis, "difference": gap / 1000}
        label = scene.config.labels[index]
        mask = either_ink(before, after)
        changes.append(Change(index, after, mask, "flipped", label, details))
    return changes


def visible_flips(scene: Scene) -> list[tuple[int, int, str]]:
    """All flips that can be seen, the least different first.

    Should no glyph of the image pass the threshold, its most different allowed flip is offered if
    it passes half of it.

    Returns:
        (difference in thousandths, cell, axis) each.

    Raises:
        SynthError: no flip passes even half of the threshold.
    """
    gaps = differences(scene.book, scene.ids())
    options = sorted(
        (int(gaps[index, AXES.index(axis)]), index, axis)
        for index, label in enumerate(scene.config.labels)
        for axis in ALLOWED[label]
    )
    visible = [option for option in options if option[0] >= VISIBLE] or options[-1:]
    if visible[0][0] < VISIBLE // 2:
        raise SynthError(
            "kind 'flipped': one image has no digit that changes its look when mirrored; "
            "use an order with more different digits, or other glyphs"
        )
    return visible
