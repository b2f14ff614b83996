"""What another hospital changes in a film, and by how much.

All take (n, height, width) float32 in [0, 1] and give the same, clipped. They change films as the
model takes them: after its window and resizing, which might undo part of a change made before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from scipy.ndimage import gaussian_filter

Films = Float[np.ndarray, "n height width"]
Change = Callable[[Films, float, np.random.Generator], Films]

_LEVELS = 255


@dataclass(frozen=True)
class Perturbation:
    """A change, its strengths, and how a strength is written."""

    change: Change
    strengths: tuple[float, ...]
    text: str


def perturb(
    images: np.ndarray, perturbation: Perturbation, strength: float, seed: int = 0
) -> np.ndarray:
    """Change (n, height, width) uint8 images; the same seed gives the same pixels, as uint8."""
    films = images.astype(np.float32) / _LEVELS
    changed = perturbation.change(films, strength, np.random.default_rng(seed))
    return np.round(changed.clip(0, 1) * _LEVELS).astype(np.uint8)


def scale(films: Films, factor: float, rng: np.random.Generator) -> Films:
    """Larger (factor above 1) or smaller about the centre; edges go on where nothing was."""
    return _affine(films, np.full(len(films), 1 / factor), np.zeros((len(films), 2)))


def shift(films: Films, share: float, rng: np.random.Generator) -> Films:
    """Moved by a share of the side, each film in its own direction."""
    angle = rng.uniform(0, 2 * np.pi, len(films))
    move = 2 * share * np.stack([np.cos(angle), np.sin(angle)], 1)
    return _affine(films, np.ones(len(films)), move)


def crop(films: Films, share: float, rng: np.random.Generator) -> Films:
    """One side cut off, each film its own, and the rest stretched to the old size."""
    height, width = films.shape[1:]
    rows, cols = round(share * height), round(share * width)
    pieces = (np.s_[rows:], np.s_[: height - rows], np.s_[:, cols:], np.s_[:, : width - cols])
    sides = rng.integers(len(pieces), size=len(films))
    return np.stack([_resize(f[pieces[s]][None], (height, width))[0]
                     for f, s in zip(films, sides, strict=True)])  # fmt: skip


def exposure(films: Films, amount: float, rng: np.random.Generator) -> Films:
    """Lighter (amount above 0) or darker, in grey levels of [0, 1]."""
    return films + amount


def gamma(films: Films, exponent: float, rng: np.random.Generator) -> Films:
    """Grey levels to a power: below 1 lifts the dark ones."""
    return films**exponent


def contrast(films: Films, factor: float, rng: np.random.Generator) -> Films:
    """Distance of each grey level from the film's mean, times a factor."""
    mean = films.mean((1, 2), keepdims=True)
    return mean + factor * (films - mean)


def blur(films: Films, sigma: float, rng: np.random.Generator) -> Films:
    """Gaussian, sigma in pixels of the model's image."""
    return gaussian_filter(films, (0, sigma, sigma), mode="nearest")


def sharpen(films: Films, amount: float, rng: np.random.Generator) -> Films:
    """Unsharp mask of one pixel, as a scanner's edge enhancement."""
    return films + amount * (films - gaussian_filter(films, (0, 1, 1), mode="nearest"))


def noise(films: Films, deviation: float, rng: np.random.Generator) -> Films:
    """Independent Gaussian noise, deviation in grey levels of [0, 1]."""
    return films + rng.normal(0, deviation, films.shape).astype(np.float32)


def coarsen(films: Films, factor: float, rng: np.random.Generator) -> Films:
    """Down by a factor and up again."""
    height, width = films.shape[1:]
    small = (max(1, round(height / factor)), max(1, round(width / factor)))
    return _resize(_resize(films, small), (height, width))


PERTURBATIONS: dict[str, Perturbation] = {
    "scale": Perturbation(scale, (0.8, 0.9, 1.1, 1.2), "x {:g}"),
    "shift": Perturbation(shift, (0.03, 0.06, 0.1), "{:.0%}"),
    "crop": Perturbation(crop, (0.05, 0.1, 0.15), "{:.0%} of a side"),
    "exposure": Perturbation(exposure, (-0.1, -0.05, 0.05, 0.1), "{:+g}"),
    "gamma": Perturbation(gamma, (0.7, 0.85, 1.2, 1.5), "{:g}"),
    "contrast": Perturbation(contrast, (0.6, 0.8, 1.25), "x {:g}"),
    "blur": Perturbation(blur, (0.5, 1.0, 1.5), "{:g} px"),
    "sharpening": Perturbation(sharpen, (0.5, 1.0, 2.0), "{:g}"),
    "noise": Perturbation(noise, (0.01, 0.03, 0.06), "SD {:g}"),
    "resolution": Perturbation(coarsen, (1.5, 2.0, 3.0), "/ {:g}"),
}


def _affine(films: Films, factors: np.ndarray, moves: np.ndarray) -> Films:
    theta = np.zeros((len(films), 2, 3), np.float32)
    theta[:, 0, 0] = theta[:, 1, 1] = factors
    theta[:, :, 2] = moves
    batch = torch.from_numpy(np.ascontiguousarray(films))[:, None]
    grid = F.affine_grid(torch.from_numpy(theta), list(batch.shape), align_corners=False)
    return F.grid_sample(batch, grid, padding_mode="border", align_corners=False)[:, 0].numpy()


def _resize(films: Films, size: tuple[int, int]) -> Films:
    batch = torch.from_numpy(np.ascontiguousarray(films))[:, None]
    sized = F.interpolate(batch, size=size, mode="bilinear", antialias=True, align_corners=False)
    return sized[:, 0].numpy()
