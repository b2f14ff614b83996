"""MedMix: lesions cut from other normal films, altered, and pasted into one; with the exact mask."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synth.errors import SynthError

MOST_LESIONS = 3


@dataclass(frozen=True)
class MedMixConfig:
    """What lesions may be; each draws its own, uniformly. Grey levels are in [0, 1].

    Attributes:
        size: smallest and largest radius, as shares of the film's shorter side; uniform in the
            log.
        stretch: largest change of the log aspect ratio.
        corners: the outline's power, from 2 (an ellipse) up (nearly a rectangle).
        edge: share of the radius over which a lesion fades out.
        contrast: largest change of the patch's contrast, as a share.
        brightness: largest change of the patch's mean, in grey levels.
        noise: largest standard deviation of the noise, in grey levels.
        curved: share of lesions whose intensities go through a curve.
        inverted: share of those whose curve falls.
        visible: mean change in grey levels below which a lesion is lifted or darkened to show.
    """

    size: tuple[float, float] = (0.05, 0.2)
    stretch: float = 0.5
    corners: tuple[float, float] = (2.0, 6.0)
    edge: float = 0.3
    contrast: float = 0.5
    brightness: float = 0.2
    noise: float = 0.05
    curved: float = 0.5
    inverted: float = 0.25
    visible: float = 0.05


@dataclass(frozen=True)
class Lesion:
    """What was pasted, and where.

    Attributes:
        top, left, height, width: its box in pixels.
        donor: number of the film that it was cut from.
    """

    top: int
    left: int
    height: int
    width: int
    donor: int


def medmix(
    film: np.ndarray,
    donors: Sequence[np.ndarray],
    count: int,
    rng: np.random.Generator,
    config: MedMixConfig | None = None,
) -> tuple[np.ndarray, np.ndarray, tuple[Lesion, ...]]:
    """Paste lesions into a normal film.

    Relative to the source, which does not say what its patches look like: outlines run from
    ellipses to rounded rectangles and fade out, and a lesion always shows.

    Args:
        film: (height, width) uint8.
        donors: other normal films, uint8 of any size; none of them may be the film itself.
        count: number of lesions, 0 to 3.
        rng: decides all that is random.
        config: what lesions may be; None takes the defaults.

    Returns:
        The new film (height, width) uint8, the mask (height, width) bool of every pixel that was
        pasted over (no other pixel differs), and what was pasted.

    Raises:
        SynthError: another count, or no donor.

    Source: section 3.2 of 'Self-supervised Multi-class Pre-training for Unsupervised Anomaly
    Detection and Segmentation in Medical Images' (Tian et al.); the curves are those of Models
    Genesis (Zhou et al., 2019).
    """
    config = config or MedMixConfig()
    if not 0 <= count <= MOST_LESIONS:
        raise SynthError(f"a film must have 0 to {MOST_LESIONS} lesions, not {count}")
    if count and not donors:
        raise SynthError(
            "a lesion needs another normal film to be cut from, and no donor is given: add films"
        )
    image, mask = film / 255.0, np.zeros(film.shape, bool)
    lesions = []
    for _ in range(count):
        share = _outline(film.shape, rng, config)
        rows, cols = (np.flatnonzero(share.any(axis)) for axis in (1, 0))
        box = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        share, target = share[box], image[box]
        donor = int(rng.integers(len(donors)))
        patch = _alter(_cut(donors[donor], share.shape, rng), share, target, rng, config)
        image[box] = target + share * (patch - target)
        mask[box] |= share > 0
        height, width = share.shape
        lesions.append(Lesion(int(rows[0]), int(cols[0]), height, width, donor))
    mixed = np.where(mask, np.rint(image * 255), film).astype(np.uint8)
    return mixed, mask, tuple(lesions)


def _outline(shape: tuple[int, int], rng: np.random.Generator, config: MedMixConfig) -> np.ndarray:
    """Share of the lesion in each pixel, (height, width) in [0, 1]; all of it within the film."""
    side = min(shape)
    radius = max(2.0, side * np.exp(rng.uniform(*np.log(config.size))))
    stretch = np.exp(rng.uniform(-config.stretch, config.stretch) / 2)
    centre = [rng.uniform(min(radius, n / 2), max(n - radius, n / 2)) for n in shape]
    angle, power = rng.uniform(0, np.pi), rng.uniform(*config.corners)
    rows, cols = (np.arange(n) + 0.5 - middle for n, middle in zip(shape, centre, strict=True))
    rows = rows[:, None]
    across = np.abs(rows * np.cos(angle) - cols * np.sin(angle)) / (radius * stretch)
    along = np.abs(rows * np.sin(angle) + cols * np.cos(angle)) / (radius / stretch)
    distance = (across**power + along**power) ** (1 / power)
    return np.clip((1 - distance) / config.edge, 0, 1)


def _cut(donor: np.ndarray, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A piece of another film, in [0, 1]; of a film that is too small, mirrored at its borders."""
    lack = [max(0, want - have) for want, have in zip(shape, donor.shape, strict=True)]
    if any(lack):
        donor = np.pad(donor, [(0, n) for n in lack], mode="symmetric")
    top, left = (
        int(rng.integers(have - want + 1)) for have, want in zip(donor.shape, shape, strict=True)
    )
    return donor[top : top + shape[0], left : left + shape[1]] / 255.0


def _alter(
    patch: np.ndarray,
    share: np.ndarray,
    target: np.ndarray,
    rng: np.random.Generator,
    config: MedMixConfig,
) -> np.ndarray:
    """Curve, contrast, brightness and noise; and a lift where all that would hardly show."""
    falls, bend = rng.random() < config.inverted, rng.random(2)
    if rng.random() < config.curved:
        patch = _curve(patch, (float(falls), *bend, float(not falls)))
    mean = np.average(patch, weights=share)
    patch = mean + (1 + rng.uniform(-config.contrast, config.contrast)) * (patch - mean)
    patch = patch + rng.uniform(-config.brightness, config.brightness)
    deviation = rng.uniform(0, config.noise)
    patch = np.clip(patch + deviation * rng.standard_normal(patch.shape), 0, 1)
    if np.average(np.abs(patch - target), weights=share) < config.visible:
        dark = np.average(target, weights=share) < 0.5
        patch = np.clip(patch + (config.brightness if dark else -config.brightness), 0, 1)
    return patch


def _curve(values: np.ndarray, heights: tuple[float, float, float, float]) -> np.ndarray:
    """A cubic Bézier curve of intensities over evenly spaced points."""
    rest, (start, first, second, end) = 1 - values, heights
    inner = 3 * rest * values * (rest * first + values * second)
    return rest**3 * start + inner + values**3 * end
