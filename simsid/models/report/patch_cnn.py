"""PatchBasedCNN: each patch on its own to one feature vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.layers import conv_block
from simsid.models.patches import image_to_patches


class PatchBasedCNN(nn.Module):
    """Four times convolution, batch normalisation, ReLU, max pooling; then one linear layer.

    Source: algorithms 4.1 and 4.2.

    Relative to the paper: the linear layer is sized from ``patch_size`` in the constructor instead
    of at the first forward pass, so that its weights are in the optimiser and in the state dict
    from the start.

    Raises:
        ValueError: a patch is too small for the pooling layers.
    """

    def __init__(
        self,
        grid_size: tuple[int, int],
        patch_size: tuple[int, int] = (16, 16),
        channels: Sequence[int] = (32, 64, 128, 256),
        feature_dim: int = 64,
    ) -> None:
        super().__init__()
        reduction = 2 ** len(channels)
        if min(patch_size) < reduction:
            raise ValueError(
                f"patches of {patch_size[0]}x{patch_size[1]} px vanish in {len(channels)} "
                f"poolings: choose a coarser grid or a larger image ({reduction} px a patch)"
            )
        self.grid_size = grid_size
        self.encoder = nn.Sequential()
        for before, after in zip((1, *channels), channels, strict=False):
            self.encoder.append(conv_block(before, after))
            self.encoder.append(nn.MaxPool2d(2))
        height, width = patch_size[0] // reduction, patch_size[1] // reduction
        self.fc = nn.Linear(channels[-1] * height * width, feature_dim)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch patches feature_dim"]:
        """The float32 feature of every patch, in reading order."""
        patches = image_to_patches(images, self.grid_size)
        x = patches.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        features = self.fc(self.encoder(x).flatten(1)).float()
        return features.unflatten(0, patches.shape[:2])
