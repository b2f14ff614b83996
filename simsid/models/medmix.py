"""MedMix for a batch in training: lesions cut from other films, altered, and pasted in.

The same operations as ``synth.medmix``, which makes labelled test sets with NumPy, film by film.
There are two since the generator needs no torch, networks know no generator, and training wants a
whole batch at once on its own device; a test holds their numbers and their looks together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class MedMixRange:
    """What lesions may be; each draws its own, uniformly. Numbers as in ``synth.MedMixConfig``.

    Attributes:
        size: smallest and largest radius, as shares of the film's shorter side; uniform in the log.
        stretch: largest change of the log aspect ratio.
        corners: the outline's power, from 2 (an ellipse) up (nearly a rectangle).
        edge: share of the radius over which a lesion fades out.
        contrast: largest change of the patch's contrast, as a share. brightness: and of its mean, in
            grey levels of [0, 1]. noise: largest standard deviation.
        curved: share of lesions whose intensities go through a curve; inverted: of those, falling.
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


MOST_LESIONS = 3


def medmix(
    films: Float[Tensor, "batch 1 height width"],
    counts: Int[Tensor, " batch"],
    largest: MedMixRange | None = None,
) -> tuple[Float[Tensor, "batch 1 height width"], Bool[Tensor, "batch 1 height width"]]:
    """Paste ``counts`` lesions, 0 to 3, into each film; random numbers are torch's.

    Args:
        films: normals in [0, 1]; each film's patches come from one other film of the batch.

    Returns:
        The films with lesions, and where something was pasted.

    Source: section 3.2 of 'Self-supervised Multi-class Pre-training for Unsupervised Anomaly
    Detection and Segmentation in Medical Images' (MSACL).
    """
    largest = largest or MedMixRange()
    mixed, where = films, torch.zeros_like(films, dtype=torch.bool)
    for number in range(MOST_LESIONS):
        share, patch = _lesion(mixed, films, largest)
        share = share * (counts > number).reshape(-1, 1, 1, 1)
        mixed, where = mixed + share * (patch - mixed), where | (share > 0)
    return mixed, where


def _lesion(
    target: Tensor, films: Tensor, largest: MedMixRange
) -> tuple[Float[Tensor, "batch 1 h w"], Float[Tensor, "batch 1 h w"]]:
    """Share of the lesion in each pixel, and the film it is cut from, altered."""
    count, _, height, width = films.shape
    side = min(height, width)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, 1, 1, 1, device=films.device) * (high - low) + low

    radius = 2 * uniform(*map(math.log, largest.size)).exp()  # in half sides
    stretch = (uniform(-largest.stretch, largest.stretch) / 2).exp()
    tall, wide = height / side, width / side
    reach = (tall - radius).clamp_min(0), (wide - radius).clamp_min(0)
    centre = [uniform(-1.0, 1.0) * most for most in reach]
    origin = [uniform(-1.0, 1.0) * most for most in reach]
    rows = torch.linspace(-tall, tall, height, device=films.device).reshape(-1, 1) - centre[0]
    cols = torch.linspace(-wide, wide, width, device=films.device) - centre[1]
    angle, power = uniform(0.0, math.pi), uniform(*largest.corners)
    across = (rows * angle.cos() - cols * angle.sin()).abs() / (radius * stretch)
    along = (rows * angle.sin() + cols * angle.cos()).abs() / (radius / stretch)
    distance = (across**power + along**power) ** (1 / power)
    share = ((1 - distance) / largest.edge).clamp(0, 1)

    donors = films.roll(int(torch.randint(1, max(2, count), ())), 0)
    theta = torch.eye(2, 3, device=films.device).repeat(count, 1, 1)
    theta[:, 0, 2] = ((origin[1] - centre[1]) / wide).flatten()
    theta[:, 1, 2] = ((origin[0] - centre[0]) / tall).flatten()
    grid = F.affine_grid(theta, list(films.shape), align_corners=False)
    patch = F.grid_sample(donors, grid, padding_mode="border", align_corners=False)

    area = share.sum((2, 3), keepdim=True).clamp_min(1e-6)
    ends = (uniform(0.0, 1.0) < largest.inverted).float()
    bends = uniform(0.0, 1.0), uniform(0.0, 1.0)
    curve = _curve(patch, (ends, *bends, 1 - ends))
    patch = torch.where(uniform(0.0, 1.0) < largest.curved, curve, patch)
    mean = (share * patch).sum((2, 3), keepdim=True) / area
    patch = mean + (1 + uniform(-largest.contrast, largest.contrast)) * (patch - mean)
    patch = patch + uniform(-largest.brightness, largest.brightness)
    patch = (patch + uniform(0.0, largest.noise) * torch.randn_like(patch)).clamp(0, 1)
    change = (share * (patch - target).abs()).sum((2, 3), keepdim=True) / area
    level = (share * target).sum((2, 3), keepdim=True) / area
    lift = torch.where(level < 0.5, 1.0, -1.0) * largest.brightness
    return share, torch.where(change < largest.visible, patch + lift, patch).clamp(0, 1)


def _curve(values: Tensor, heights: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """A cubic Bézier curve of intensities over evenly spaced points. Source: Zhou et al., 2019."""
    rest, (start, first, second, end) = 1 - values, heights
    inner = 3 * rest * values * (rest * first + values * second)
    return rest**3 * start + inner + values**3 * end
