"""Random changes to small images, all drawn from one ``rng``."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

Images = Float[Tensor, "batch 1 height width"]
PerImage = Float[Tensor, "batch 1 1 1"]


def uniform(count: int, low: float, high: float, rng: Generator) -> Float[Tensor, " batch"]:
    """A number for each image, ``low`` to ``high``."""
    return torch.rand(count, generator=rng) * (high - low) + low


def each(count: int, low: float, high: float, rng: Generator) -> PerImage:
    """The same, shaped to multiply images."""
    return uniform(count, low, high, rng).view(-1, 1, 1, 1)


def each_log(count: int, low: float, high: float, rng: Generator) -> PerImage:
    """The same, even on a logarithmic scale."""
    return torch.exp(each(count, math.log(low), math.log(high), rng))


def chance(count: int, share: float, rng: Generator) -> PerImage:
    """1 for this share of the images, else 0."""
    return (each(count, 0, 1, rng) < share).float()


def coin(share: float, rng: Generator) -> bool:
    """True with the probability ``share``, for the whole batch."""
    return bool(torch.rand(1, generator=rng) < share)


def axes(images: Images) -> tuple[Float[Tensor, "height width"], Float[Tensor, "height width"]]:
    """Rows and columns of the pixels, 0 to 1."""
    sides = [torch.linspace(0, 1, side) for side in images.shape[2:]]
    rows, cols = torch.meshgrid(sides, indexing="ij")
    return rows, cols


def warp(
    images: Images,
    rng: Generator,
    angle: Float[Tensor, " batch"],
    width: Float[Tensor, " batch"],
    height: Float[Tensor, " batch"],
    shift: float,
    outside: str = "border",
) -> Images:
    """Look at a turned window of each image.

    Args:
        angle: of the window, radians.
        width, height: of the window, as shares of the image's; a negative width mirrors.
        shift: how far the window may stray from the middle, as a share of half the image.
        outside: 'border' or 'zeros', what lies beyond the image.
    """
    move = [uniform(len(images), -shift, shift, rng) for _ in range(2)]
    matrix = torch.stack(
        [
            torch.stack([width * angle.cos(), -height * angle.sin(), move[0]], 1),
            torch.stack([width * angle.sin(), height * angle.cos(), move[1]], 1),
        ],
        1,
    )
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode=outside, align_corners=False)


def expose(images: Images, rng: Generator) -> Images:
    """Another gamma, 0.5 to 2, contrast and brightness; clipped at white."""
    count = len(images)
    images = images.clamp(0, 1) ** each_log(count, 0.5, 2, rng)
    images = images * each(count, 0.6, 1, rng) + each(count, 0, 0.2, rng)
    return (images * each(count, 0.9, 1.3, rng)).clamp(0, 1)


def hurt(images: Images, rng: Generator) -> Images:
    """Up to two opacities, or pieces of another image in the wrong place."""
    count, (y, x) = len(images), axes(images)
    for _ in range(2):
        vertical = (y - each(count, 0.1, 0.9, rng)) / each(count, 0.06, 0.3, rng)
        across = (x - each(count, 0.1, 0.9, rng)) / each(count, 0.06, 0.3, rng)
        inside = 1 - vertical.square() - across.square()
        mask = torch.sigmoid(inside * each(count, 1, 8, rng)) * each(count, 0.2, 1, rng)
        mask = mask * chance(count, 0.6, rng)
        rows = int(torch.randint(images.shape[2], (1,), generator=rng))
        other = images[torch.randperm(count, generator=rng)].roll(rows, 2)
        piece, grey = chance(count, 0.3, rng), each(count, 0.3, 1, rng)
        images = images * (1 - mask) + (piece * other + (1 - piece) * grey) * mask
    return images


def soften(images: Images, rng: Generator) -> Images:
    """Blur some batches, add grain to others."""
    fate = float(torch.rand(1, generator=rng))
    if fate < 0.3:
        return F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
    if fate < 0.5:
        grain = torch.randn(images.shape, generator=rng) * 0.04
        return (images + grain).clamp(0, 1)
    return images


def random_phase(amplitude: Float[Tensor, "batch 1 height width"], rng: Generator) -> Images:
    """Noise of this amplitude spectrum, at medium grey and contrast."""
    noise = torch.fft.fft2(torch.randn(amplitude.shape, generator=rng))
    images = torch.fft.ifft2(amplitude * noise / noise.abs().clamp_min(1e-6)).real
    images = images - images.mean((2, 3), keepdim=True)
    images = images / images.std((2, 3), keepdim=True).clamp_min(1e-6)
    return (images * 0.22 + 0.5).clamp(0, 1)
