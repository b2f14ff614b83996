"""The border between what callers give and tensors: images and regions are checked once, here."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def region_index(region: tuple[int, int], grid_size: tuple[int, int]) -> int:
    """Where a region (row, column) stands among all of a grid.

    Raises:
        ValueError: the grid has no such region.
    """
    (row, col), (rows, cols) = region, grid_size
    if not (0 <= row < rows and 0 <= col < cols):
        raise ValueError(f"region {region} lies outside the grid of {rows}x{cols}")
    return row * cols + col


def as_batch(
    images: np.ndarray | Tensor, image_size: tuple[int, int]
) -> Float[Tensor, "batch 1 height width"]:
    """Check images and bring them to (batch, 1, height, width) float32.

    Args:
        images: (batch, 1, height, width) or (batch, height, width), float in [0, 1] or uint8.
        image_size: (height, width) that they must have.

    Raises:
        ValueError: wrong number of axes, wrong size, out of [0, 1] or not finite.
    """
    images = torch.as_tensor(images)
    if images.dtype == torch.uint8:
        images = images.float() / 255.0
    images = images.float()
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or images.shape[1] != 1 or len(images) == 0:
        raise ValueError(f"expected images (batch, 1, height, width), got {tuple(images.shape)}")
    if tuple(images.shape[2:]) != tuple(image_size):
        raise ValueError(
            f"the model takes images of {image_size[0]}x{image_size[1]} px, "
            f"got {images.shape[2]}x{images.shape[3]} px"
        )
    low, high = images.aminmax()
    if not (torch.isfinite(low) and torch.isfinite(high) and low >= 0 and high <= 1):
        raise ValueError(f"image values must lie in [0, 1], got {low:.3g} to {high:.3g}")
    return images
