"""What an image looks like from afar: where it is bright, and which way its edges run.

Both are blind to exposure and contrast, and both change when a film is inverted or turned.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from simsid.models.layers import centre_and_spread

SIDE = 64  # px, of the small image that everything here looks at
_CELL = 8
_DIRECTIONS = 8
_THUMBNAIL = 16
NUM_FEATURES = _THUMBNAIL**2 + (_DIRECTIONS + 1) * (SIDE // _CELL) ** 2
CLIP = 4.0  # standard deviations: one odd feature must not decide
_FLAT = 0.02  # grey-level deviation below which contrast is not stretched any further


def shrink(images: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 64 64"]:
    """Antialiased to ``SIDE`` squared, whatever the model's size."""
    if tuple(images.shape[2:]) == (SIDE, SIDE):
        return images
    size = (SIDE, SIDE)
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def describe(images: Float[Tensor, "batch 1 64 64"]) -> Float[Tensor, "batch 832"]:
    """A standardised thumbnail, histograms of signed gradient directions, and their strengths.

    The histograms are HOG's (Dalal and Triggs, 2005), with signed directions, since an inverted
    film differs from a film in nothing but their sign.

    Args:
        images: float in [0, 1].
    """
    centred, contrast = centre_and_spread(images)
    images = centred / contrast.clamp_min(_FLAT)
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    along_x = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    along_y = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    strength = torch.hypot(along_x, along_y)
    angle = torch.atan2(along_y, along_x) * (_DIRECTIONS / (2 * math.pi)) % _DIRECTIONS
    # One direction after the other: all at once would be too much for a processor's cache.
    histogram = torch.cat(
        [F.avg_pool2d(_share_of(i, angle).mul_(strength), _CELL) for i in range(_DIRECTIONS)], 1
    )
    energy = histogram.square().sum(1, keepdim=True)
    around = F.avg_pool2d(F.pad(energy, (1, 1, 1, 1), mode="replicate"), 3, 1)
    parts = (
        F.avg_pool2d(images, SIDE // _THUMBNAIL),
        histogram / (around.sqrt() + 0.05),
        F.avg_pool2d(strength, _CELL).log1p(),
    )
    return torch.cat([part.flatten(1) for part in parts], 1)


def _share_of(direction: int, angle: Tensor) -> Tensor:
    """1 where an edge runs in this direction, 0 from the neighbouring ones on.

    Args:
        angle: in steps of a direction, from 0 to ``_DIRECTIONS``; the two ends are one direction.
    """
    half = _DIRECTIONS / 2
    return (angle - direction).abs_().sub_(half).abs_().sub_(half - 1).clamp_min_(0)


def smoothness(images: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, " batch"]:
    """Correlation of neighbouring pixels: near 1 for pictures, near 0 for noise."""
    centred = images - images.mean((2, 3), keepdim=True)
    power = centred.square().mean((1, 2, 3)).clamp_min(1e-12)
    across = (centred[..., 1:] * centred[..., :-1]).mean((1, 2, 3))
    down = (centred[..., 1:, :] * centred[..., :-1, :]).mean((1, 2, 3))
    return (across + down) / (2 * power)
