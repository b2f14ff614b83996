"""Images to a grid of patches and back, and the eight neighbours of each patch."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

NUM_NEIGHBOURS = 8


def image_to_patches(
    images: Float[Tensor, "batch channels height width"], grid_size: tuple[int, int]
) -> Float[Tensor, "batch patches channels patch_height patch_width"]:
    """Cut each image into rows x cols non-overlapping patches, in reading order.

    Raises:
        ValueError: the image is not divisible by the grid.

    Source: algorithm 4.1 of the SimSID report.
    """
    rows, cols = grid_size
    batch, channels, height, width = images.shape
    if height % rows or width % cols:
        raise ValueError(
            f"an image of {height}x{width} px cannot be cut into {rows}x{cols} patches"
        )
    patch_height, patch_width = height // rows, width // cols
    cut = images.reshape(batch, channels, rows, patch_height, cols, patch_width)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(
        batch, rows * cols, channels, patch_height, patch_width
    )


def patches_to_image(
    patches: Float[Tensor, "batch patches channels patch_height patch_width"],
    grid_size: tuple[int, int],
) -> Float[Tensor, "batch channels height width"]:
    """Inverse of :func:`image_to_patches`."""
    rows, cols = grid_size
    batch, _, channels, height, width = patches.shape
    grid = patches.reshape(batch, rows, cols, channels, height, width)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, rows * height, cols * width)


def neighbourhoods(
    features: Float[Tensor, "batch patches dim"], grid_size: tuple[int, int]
) -> Float[Tensor, "batch patches 8 dim"]:
    """The eight neighbours of every patch; zeros where the grid ends.

    Source: sliding window with zero padding, SQUID talk, 'UAD as feature-space in-painting'.
    """
    rows, cols = grid_size
    batch, num_patches, dim = features.shape
    grid = features.transpose(1, 2).reshape(batch, dim, rows, cols)
    padded = F.pad(grid, (1, 1, 1, 1))
    windows = padded.unfold(2, 3, 1).unfold(3, 3, 1)  # batch, dim, rows, cols, 3, 3
    windows = windows.reshape(batch, dim, num_patches, 9).permute(0, 2, 3, 1)
    keep = [position for position in range(9) if position != 4]
    return windows[:, :, keep]
