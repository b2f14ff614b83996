"""Structural similarity as a loss: at one scale, and at several, there as a map too."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first
_REACH, _SIGMA = 5, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def reversed_ssim(
    one: Float[Tensor, "batch 1 height width"],
    other: Float[Tensor, "batch 1 height width"],
    window: int = 7,
) -> Float[Tensor, ""]:
    """One minus the mean structural similarity of images in [0, 1]. Source: Wang et al., 2004."""

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, window, 1)

    one, other = one.float(), other.float()
    mu, nu = mean(one), mean(other)
    var_one, var_other = mean(one * one) - mu * mu, mean(other * other) - nu * nu
    covariance = mean(one * other) - mu * nu
    similarity = (2 * mu * nu + _C1) * (2 * covariance + _C2)
    return 1 - (similarity / ((mu * mu + nu * nu + _C1) * (var_one + var_other + _C2))).mean()


def ms_ssim(
    images: Float[Tensor, "batch 1 height width"], others: Float[Tensor, "batch 1 height width"]
) -> Float[Tensor, " batch"]:
    """Multi-scale structural similarity of each pair in [0, 1], at most 1: the same.

    As many of the five scales as leave a side of 11 px; their weights then sum to 1.

    Source: Wang et al., 'Multiscale structural similarity for image quality assessment', 2003.
    """
    parts = _scales(images, others)
    raw = torch.tensor(_WEIGHTS[: len(parts)])
    weights = (raw / raw.sum()).tolist()
    product = torch.ones(images.shape[0], device=images.device)
    for number, ((luminance, structure), weight) in enumerate(zip(parts, weights, strict=True)):
        last = number == len(parts) - 1
        value = (luminance * structure if last else structure).mean((1, 2, 3))
        product = product * value.clamp_min(1e-4) ** weight
    return product


def dissimilarity_map(
    images: Float[Tensor, "batch 1 height width"], others: Float[Tensor, "batch 1 height width"]
) -> Float[Tensor, "batch 1 height width"]:
    """1 - structural similarity of each pixel's surroundings, the mean over the scales."""
    size = tuple(images.shape[2:])
    maps = [
        F.interpolate(1 - luminance * structure, size=size, mode="bilinear")
        for luminance, structure in _scales(images, others)
    ]
    return torch.stack(maps).mean(0)


def _scales(images: Tensor, others: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Luminance and contrast-structure terms at each scale."""
    images, others = images.float(), others.float()
    parts = [_terms(images, others)]
    while len(parts) < len(_WEIGHTS) and min(images.shape[2:]) // 2 > 2 * _REACH:
        images, others = F.avg_pool2d(images, 2), F.avg_pool2d(others, 2)
        parts.append(_terms(images, others))
    return parts


def _terms(images: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    with torch.autocast(images.device.type, enabled=False):
        stacked = torch.cat([images, others, images**2, others**2, images * others])
        mean, other, square, other_square, product = (
            _window(stacked).unflatten(0, (5, -1)).unbind(0)
        )
    luminance = (2 * mean * other + _C1) / (mean**2 + other**2 + _C1)
    spread = square - mean**2 + other_square - other**2
    return luminance, (2 * (product - mean * other) + _C2) / (spread + _C2)


def _window(images: Tensor) -> Tensor:
    """Mean under a Gaussian window of 11 px; borders are replicated.

    As two matrix products: on CPUs ten times as fast as convolutions of one channel.
    """
    rows, cols = (_band(side, images.device) for side in images.shape[2:])
    return rows @ images @ cols.T


def _band(side: int, device: torch.device) -> Float[Tensor, "side side"]:
    """The window's weights of every pixel, for each pixel of a line."""
    steps = torch.arange(-_REACH, _REACH + 1, device=device)
    kernel = torch.exp(-0.5 * (steps / _SIGMA).square())
    at = (torch.arange(side, device=device)[:, None] + steps).clamp(0, side - 1)
    band = torch.zeros(side, side, device=device)
    return band.scatter_add_(1, at, (kernel / kernel.sum()).expand(side, -1).contiguous())
