"""Augmentation of patches: the same structure a little larger, smaller, elsewhere, slanted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from simsid.models.patches import image_to_patches, patches_to_image


def jitter_patches(
    images: Float[Tensor, "batch 1 height width"],
    grid_size: tuple[int, int],
    scale: float,
    shift: float,
    shear: float = 0.0,
) -> Float[Tensor, "batch 1 height width"]:
    """Move each patch on its own by a small random affine map; no flips: anatomy has a side.

    Args:
        images: in [0, 1].
        grid_size: rows and columns of patches.
        scale: largest change of the log size; height and width may differ by a third of it.
        shift: largest displacement, as a share of half the patch.
        shear: largest horizontal shear.
    """
    patches = image_to_patches(images, grid_size)
    flat = patches.flatten(0, 1)
    size = torch.exp(_uniform(flat, 1) * scale)[:, 0]
    aspect = torch.exp(_uniform(flat, 1) * scale * 0.3)[:, 0]
    theta = flat.new_zeros(len(flat), 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = size, size * aspect
    theta[:, 0, 1] = _uniform(flat, 1)[:, 0] * shear
    theta[:, :, 2] = _uniform(flat, 2) * shift
    grid = F.affine_grid(theta, list(flat.shape), align_corners=False)
    moved = F.grid_sample(flat, grid, padding_mode="border", align_corners=False)
    return patches_to_image(moved.unflatten(0, patches.shape[:2]), grid_size)


def _uniform(like: Tensor, columns: int) -> Tensor:
    """Uniform in [-1, 1)."""
    return torch.rand(len(like), columns, device=like.device) * 2 - 1
