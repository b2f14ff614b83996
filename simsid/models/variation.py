"""What a new hospital changes: position, size, exposure, contrast, sharpness, noise.

A variation is drawn once and applied to several versions of the same films, so that a network can
learn what else tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class VariationRange:
    """Largest changes; each film draws its own, uniformly. No flips: anatomy has a side.

    Attributes:
        scale: of the log size. stretch: of the log aspect ratio. rotation: in radians.
        shift: as a share of half the film.
        gamma, contrast: of their logs. brightness: added, in grey levels of [0, 1].
        sharpness: from -sharpness (unsharp masking) to +sharpness (3x3 blur).
        noise: largest standard deviation, in grey levels of [0, 1].
    """

    scale: float = 0.15
    stretch: float = 0.1
    rotation: float = 0.06
    shift: float = 0.1
    gamma: float = 0.4
    contrast: float = 0.35
    brightness: float = 0.1
    sharpness: float = 1.2
    noise: float = 0.02


@dataclass(frozen=True)
class Variation:
    """One draw for a batch; see :func:`draw_variation`."""

    sampling: Float[Tensor, "batch height width 2"]
    gamma: Tensor
    contrast: Tensor
    brightness: Tensor
    sharpness: Tensor
    noise: Tensor

    def move(
        self, images: Float[Tensor, "batch c height width"], padding_mode: str = "border"
    ) -> Float[Tensor, "batch c height width"]:
        """Position and size only: for films and for maps that belong to them."""
        return F.grid_sample(images, self.sampling, padding_mode=padding_mode, align_corners=False)

    def expose(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        """Grey levels and sharpness only; the result may leave [0, 1] a little."""
        levels = images.clamp(1e-4, 1) ** self.gamma
        levels = (levels - 0.5) * self.contrast + 0.5 + self.brightness
        smooth = blur(levels, 3)
        levels = levels + (smooth - levels) * self.sharpness.clamp(0, 1)
        levels = levels + (levels - smooth) * (-self.sharpness).clamp_min(0)
        return levels + self.noise * torch.randn_like(levels)


def draw_variation(
    images: Float[Tensor, "batch 1 height width"], largest: VariationRange
) -> Variation:
    """Draw a variation for each film of the batch, from torch's generator."""
    count = len(images)

    def uniform(half_range: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, device=images.device) * 2 - 1) * half_range

    size, stretch = uniform(largest.scale).exp(), uniform(largest.stretch).exp()
    turn = uniform(largest.rotation).flatten()
    theta = images.new_zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = (size * stretch).flatten(), (size / stretch).flatten()
    theta[:, 0, 1], theta[:, 1, 0] = turn, -turn
    theta[:, 0, 2] = uniform(largest.shift).flatten()
    theta[:, 1, 2] = uniform(largest.shift).flatten()
    return Variation(
        F.affine_grid(theta, list(images.shape), align_corners=False),
        uniform(largest.gamma).exp(),
        uniform(largest.contrast).exp(),
        uniform(largest.brightness),
        uniform(largest.sharpness),
        uniform(largest.noise).abs(),
    )


def blur(images: Float[Tensor, "batch c height width"], side: int) -> Tensor:
    """Box blur of odd ``side`` with replicated borders."""
    pad = side // 2
    return F.avg_pool2d(F.pad(images, (pad, pad, pad, pad), mode="replicate"), side, 1)
