"""Chest phantoms: pictures laid out like a frontal chest film, drawn by formulas. No patient's film.

They show what a page does with a film where no film may be shown. They are no test set: nothing
measured on them says anything of films.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from synth.errors import SynthError

SIDE = 256
KINDS = ("normal", "opacity", "nodule", "effusion", "patchy")
"""What can be drawn: a plain phantom, one change of its left or right lung each, and one of both."""

_Picture = np.ndarray


def chest_phantom(
    kind: str, rng: np.random.Generator, side: int = SIDE
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one phantom.

    Args:
        kind: one of ``KINDS``.
        rng: decides the body's proportions, exposure, noise, and where a change lies.
        side: of the square picture in pixels, at least 32.

    Returns:
        (side, side) uint8, bones and soft tissue light; and (side, side) bool, what was changed.

    Raises:
        SynthError: there is no such kind, or the side is too small.
    """
    if kind not in KINDS:
        raise SynthError(f"unknown kind of phantom {kind!r}; choose from {', '.join(KINDS)}")
    if side < 32:
        raise SynthError(f"side must be at least 32, got {side}")
    y, x = np.mgrid[0:side, 0:side] / (side - 1.0)
    body = _body(x, y, rng)
    lungs = [_lung(x, y, rng, at) for at in (-1, 1)]  # the left of the picture first
    air = np.maximum(*lungs)
    heart = _heart(x, y, rng)
    middle = np.maximum(heart, _bump(x - 0.5, 0.06))
    attenuation = 0.62 * body - 0.42 * air * (1 - 0.85 * middle) + 0.13 * middle * body
    attenuation += _spine(x, y) + 0.05 * _ribs(x, y, rng) * body
    attenuation += 0.07 * _clavicles(x, y) * body + 0.05 * air * _vessels(x, y, rng)
    one = lungs[int(rng.integers(2))]
    free = (air if kind in _OF_BOTH else one) * (1 - middle)
    change = _CHANGES[kind](x, y, free, rng)
    attenuation += 0.34 * change * body
    tissue = gaussian_filter(rng.standard_normal((side, side)), side / 90) * side / 40
    picture = gaussian_filter(attenuation + 0.012 * tissue * body, side / 300)
    picture = rng.uniform(0.92, 1.08) * picture + 0.012 * rng.standard_normal((side, side))
    return np.round(255 * picture.clip(0, 1)).astype(np.uint8), change > 0.3


def _soft(inside: _Picture, width: float) -> _Picture:
    """0 to 1 over an edge of this width, in shares of the side."""
    return 1 / (1 + np.exp(-np.clip(inside / width, -40, 40)))


def _ellipse(
    x: _Picture, y: _Picture, cx: float, cy: float, rx: float, ry: float, edge: float = 0.03
) -> _Picture:
    distance = 1 - np.hypot((x - cx) / rx, (y - cy) / ry)
    return _soft(distance, edge)


def _bump(distance: _Picture, width: float) -> _Picture:
    return np.exp(-np.square(distance / width))


def _body(x: _Picture, y: _Picture, rng: np.random.Generator) -> _Picture:
    """Neck, shoulders that slope, and a trunk."""
    half = rng.uniform(0.42, 0.46)
    shoulder = 0.13 + half * np.minimum(1, np.maximum(0, (y + 0.02) / 0.2)) ** 0.6
    trunk = np.minimum(shoulder, 0.13 + half)
    return _soft(trunk - 0.1 - np.abs(x - 0.5), 0.006)


def _lung(x: _Picture, y: _Picture, rng: np.random.Generator, at: int) -> _Picture:
    """A narrow top, a wide base on a dome; the one behind the heart is narrower."""
    centre = 0.5 + at * rng.uniform(0.2, 0.22)
    top, base = 0.1, 0.83 - 0.03 * (at < 0) + rng.uniform(-0.02, 0.02)
    grown = np.clip((y - top) / (base - top), 0, 1)
    tip = np.sqrt(1 - np.square(1 - np.clip(grown / 0.25, 0, 1)))
    wide = 0.165 * (0.7 + 0.3 * grown) * tip
    sides = wide - np.abs(x - centre - at * 0.015 * grown)
    dome = base - 0.07 + 0.08 * np.square((x - centre) / 0.16) - y
    return _soft(np.minimum(sides, dome), 0.008) * _soft(y - top, 0.004)


def _heart(x: _Picture, y: _Picture, rng: np.random.Generator) -> _Picture:
    """An egg that leans to the right of the picture, below an aortic knob."""
    across, down = x - 0.54, y - 0.62 - rng.uniform(-0.02, 0.02)
    egg = _ellipse(across + 0.35 * down, down - 0.45 * across, 0.0, 0.0, 0.13, 0.14, 0.1)
    return np.maximum(egg, _ellipse(x, y, 0.54, 0.36, 0.05, 0.06, 0.2))


def _spine(x: _Picture, y: _Picture) -> _Picture:
    bodies = 0.75 + 0.25 * np.cos(2 * np.pi * y * 15)
    return 0.1 * _bump(x - 0.5, 0.035) * bodies


def _ribs(x: _Picture, y: _Picture, rng: np.random.Generator) -> _Picture:
    """Nine pairs: behind, they slope down from the spine; their edges are lighter."""
    start = rng.uniform(0.06, 0.09)
    out = np.abs(x - 0.5)
    total = np.zeros_like(x)
    for number in range(9):
        line = start + 0.088 * number - 0.1 * np.sin(np.clip(out / 0.36, 0, 1) * np.pi) * 0.5
        line = line + 0.32 * np.square(out)
        total += _bump(y - line, 0.014) * (out > 0.04) * (out < 0.39)
    return total


def _clavicles(x: _Picture, y: _Picture) -> _Picture:
    out = np.abs(x - 0.5)
    line = 0.165 - 0.2 * out + 0.15 * np.square(out)
    return _bump(y - line, 0.016) * _soft(out - 0.04, 0.01) * _soft(0.36 - out, 0.01)


def _vessels(x: _Picture, y: _Picture, rng: np.random.Generator) -> _Picture:
    """Fine threads that leave the roots of the lungs and fade outwards."""
    total = np.zeros_like(x)
    for at in (-1, 1):
        root_x, root_y = 0.5 + at * 0.09, 0.45
        angle, reach = np.arctan2(y - root_y, at * (x - root_x)), np.hypot(x - root_x, y - root_y)
        for middle in rng.uniform(-1.3, 1.3, 14):
            bent = angle - middle + rng.uniform(-1, 1) * reach
            total += (
                _bump(bent * reach, 0.006) * np.exp(-reach / 0.13) * (at * (x - root_x) > -0.02)
            )
    return total.clip(0, 1.5)


def _nothing(x: _Picture, y: _Picture, lung: _Picture, rng: np.random.Generator) -> _Picture:
    return np.zeros_like(x)


def _within(
    lung: _Picture, rng: np.random.Generator, low: float, high: float
) -> tuple[float, float]:
    """A place well inside the lung, as shares, between two shares of the height."""
    rows, cols = np.nonzero(gaussian_filter(lung, len(lung) / 40) > 0.95)
    side = len(lung) - 1.0
    kept = np.flatnonzero((rows / side > low) & (rows / side < high))
    at = kept[int(rng.integers(len(kept)))]
    return float(cols[at] / side), float(rows[at] / side)


def _opacity(x: _Picture, y: _Picture, lung: _Picture, rng: np.random.Generator) -> _Picture:
    """A soft cloud of several lobes, within one lung."""
    cx, cy = _within(lung, rng, 0.35, 0.75)
    cloud = np.zeros_like(x)
    for _ in range(7):
        dx, dy = rng.normal(0, 0.035, 2)
        cloud += 0.4 * _bump(np.hypot(x - cx - dx, y - cy - dy), rng.uniform(0.03, 0.06))
    return cloud.clip(0, 1) * lung


def _nodule(x: _Picture, y: _Picture, lung: _Picture, rng: np.random.Generator) -> _Picture:
    cx, cy = _within(lung, rng, 0.25, 0.7)
    radius = rng.uniform(0.025, 0.035)
    return _ellipse(x, y, cx, cy, radius, radius, 0.15) * lung


def _patchy(x: _Picture, y: _Picture, lungs: _Picture, rng: np.random.Generator) -> _Picture:
    """Twelve soft patches of several sizes, wherever the dice put them in both lungs."""
    patches = np.zeros_like(x)
    for _ in range(12):
        cx, cy = _within(lungs, rng, 0.3, 0.75)
        patch = _bump(np.hypot(x - cx, y - cy), rng.uniform(0.03, 0.06))
        patches = np.maximum(patches, patch)
    return patches * lungs


def _effusion(x: _Picture, y: _Picture, lung: _Picture, rng: np.random.Generator) -> _Picture:
    """Fluid that fills the base and climbs along the outer wall."""
    level = rng.uniform(0.62, 0.7)
    out = np.abs(x - 0.5)
    return lung * _soft(y - level + 0.6 * np.maximum(out - 0.2, 0), 0.015)


_CHANGES: dict[str, Callable[[_Picture, _Picture, _Picture, np.random.Generator], _Picture]] = {
    "normal": _nothing,
    "opacity": _opacity,
    "nodule": _nodule,
    "effusion": _effusion,
    "patchy": _patchy,
}
_OF_BOTH = ("patchy",)
