"""How a film looks as a whole: size of the thorax, crop, collimation. A lesion hardly moves it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SIDE = 12
NUM_FEATURES = SIDE**2
_FIRST_SIDE = 64
_FLAT = 0.02  # grey-level deviation below which contrast is not stretched any further
_SYMMETRY_SIDE, _REACH = 24, 4


def film_features(
    images: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch 144"]:
    """A thumbnail of 12 x 12, antialiased, standardised: exposure and contrast drop out.

    Args:
        images: float in [0, 1], any size.
    """
    small = images.float()
    for side in (_FIRST_SIDE, SIDE):  # through one size, so that a film and its small copy agree
        if tuple(small.shape[2:]) != (side, side):
            small = F.interpolate(
                small, (side, side), mode="bilinear", antialias=True, align_corners=False
            )
    small = small.flatten(1)
    contrast = small.std(1, keepdim=True).clamp_min(_FLAT)
    return (small - small.mean(1, keepdim=True)) / contrast


def mirror_symmetry(images: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, " batch"]:
    """Correlation of a film with its mirror image, about the best axis near the middle.

    Frontal films of a chest lie near 0.9, lateral ones mostly below 0.5.
    """
    side = _SYMMETRY_SIDE
    small = F.interpolate(
        images.float(), (side, side), mode="bilinear", antialias=True, align_corners=False
    )[:, 0]
    best = small.new_full((len(small),), -1.0)
    for shift in range(-_REACH, _REACH + 1):
        part = small[:, :, max(0, shift) : side + min(0, shift)]
        part = part - part.mean((1, 2), keepdim=True)
        power = part.square().mean((1, 2)).clamp_min(_FLAT**2)
        best = torch.maximum(best, (part * part.flip(2)).mean((1, 2)) / power)
    return best
