"""RIAD: what was cut out of a film is painted in from what is left.

Source: Zavrtanik, Kristan and Skocaj, 'Reconstruction by inpainting for visual anomaly detection',
Pattern Recognition 2021; Xue et al., 'Gradient magnitude similarity deviation', 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from simsid.models.autoencoder import small_size
from simsid.models.layers import conv_block, upsample

_STEADY = 0.0026  # c of the similarity, for grey levels in [0, 1]


class InpaintingUNet(nn.Module):
    """Film with holes to whole film, with shortcuts at every size.

    The first level is at full size, or at half of it with blocks of 2 x 2 pixels as channels
    (``block_size`` 2), which costs a quarter. Linear float32 output.

    Raises:
        ValueError: the image cannot be halved as often as there are levels, or ``block_size`` is
            neither 1 nor 2.
    """

    def __init__(
        self, image_size: tuple[int, int], channels: Sequence[int], block_size: int = 1
    ) -> None:
        super().__init__()
        if block_size not in (1, 2):
            raise ValueError(f"block_size must be 1 or 2, not {block_size}")
        small_size(image_size, channels if block_size == 2 else channels[1:])
        self.block_size = block_size
        first = channels[0]
        self.first = conv_block(block_size**2, first)
        self.down = nn.ModuleList(
            nn.Sequential(conv_block(before, after, stride=2), conv_block(after, after))
            for before, after in pairwise(channels)
        )
        self.up = nn.ModuleList(
            conv_block(below + level, level) for below, level in pairwise(channels[::-1])
        )
        self.head = nn.Conv2d(first, block_size**2, 3, padding=1)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        x = F.pixel_unshuffle(images, self.block_size)
        levels = [self.first(x.contiguous(memory_format=torch.channels_last))]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up in self.up:
            x = up(torch.cat([upsample(x), levels.pop()], 1))
        return F.pixel_shuffle(self.head(x), self.block_size).float()


def disjoint_parts(
    image_size: tuple[int, int],
    cell: int,
    parts: int,
    generator: torch.Generator | None = None,
) -> UInt8[Tensor, "height width"]:
    """Which part each pixel belongs to, 0 to ``parts`` - 1: random cells, as many to each part.

    Args:
        cell: side of the square cells, in pixels; the last ones are cut off by the border.
        generator: of the draw; torch's global one without.
    """
    rows, cols = (-(-side // cell) for side in image_size)
    drawn = torch.randperm(rows * cols, generator=generator) % parts
    grid = drawn.reshape(rows, cols).repeat_interleave(cell, 0).repeat_interleave(cell, 1)
    return grid[: image_size[0], : image_size[1]].to(torch.uint8)


def inpaint(
    network: nn.Module,
    images: Float[Tensor, "batch 1 height width"],
    part_of: UInt8[Tensor, "height width"],
    parts: int,
) -> Float[Tensor, "batch 1 height width"]:
    """Every pixel as painted in where its own part, and no other, was cut out (eq. 2)."""
    holes = torch.stack([part_of == part for part in range(parts)])[:, None, None]
    cut = torch.where(holes, 0.0, images)  # parts, batch, 1, height, width
    painted = network(cut.flatten(0, 1)).unflatten(0, cut.shape[:2])
    return torch.where(holes, painted, 0.0).sum(0)


def gradient_similarity(
    one: Float[Tensor, "batch 1 height width"], other: Float[Tensor, "batch 1 height width"]
) -> Float[Tensor, "batch 1 height width"]:
    """Similarity of the Prewitt gradients' magnitudes at each pixel, 0 to 1 (eq. 4)."""
    ours, theirs = _gradient(one.float()), _gradient(other.float())
    return (2 * ours * theirs + _STEADY) / (ours.square() + theirs.square() + _STEADY)


def _gradient(images: Tensor) -> Tensor:
    column = torch.tensor([1.0, 0.0, -1.0], device=images.device)
    across = column.expand(3, 3) / 3
    kernels = torch.stack([across, across.T])[:, None]
    with torch.autocast(images.device.type, enabled=False):
        slopes = F.conv2d(F.pad(images, (1, 1, 1, 1), "replicate"), kernels)
    return (slopes.square().sum(1, keepdim=True) + 1e-12).sqrt()


def gradient_dissimilarity(
    one: Float[Tensor, "batch 1 height width"],
    other: Float[Tensor, "batch 1 height width"],
    num_scales: int = 4,
) -> Float[Tensor, "batch 1 height width"]:
    """One minus the gradient similarity, averaged over scales, each half the one before (eq. 7).

    Higher = more abnormal, 0 to 1. Its mean is the loss (eq. 5).
    """
    size = one.shape[2:]
    total = torch.zeros_like(one, dtype=torch.float32)
    for scale in range(num_scales):
        if scale:
            one, other = F.avg_pool2d(one, 2), F.avg_pool2d(other, 2)
        similarity = gradient_similarity(one, other)
        if scale:
            similarity = F.interpolate(similarity, size, mode="bilinear", align_corners=False)
        total = total + similarity
    return 1 - total / num_scales
