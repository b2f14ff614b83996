"""The report's generator: all patch features of an image through one linear layer, then upwards."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.layers import BatchNorm2d
from simsid.models.strided import ConvTranspose2d

UPSAMPLING = 16


class ReportGenerator(nn.Module):
    """Linear layer to 256 x (height / 16) x (width / 16), then four transposed convolutions.

    Teacher and student are two of these. Source: algorithm 4.8, which has 64 patches of 64
    features for 128 px: 4096 to 256 x 8 x 8.

    Raises:
        ValueError: the image is not a multiple of 16 px.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        num_patches: int,
        feature_dim: int = 64,
        channels: Sequence[int] = (256, 128, 64, 32),
    ) -> None:
        super().__init__()
        if image_size[0] % UPSAMPLING or image_size[1] % UPSAMPLING:
            raise ValueError(
                f"an image of {image_size[0]}x{image_size[1]} px cannot be generated: "
                f"choose a multiple of {UPSAMPLING} px"
            )
        self.start = (channels[0], image_size[0] // UPSAMPLING, image_size[1] // UPSAMPLING)
        self.fc = nn.Linear(
            num_patches * feature_dim, self.start[0] * self.start[1] * self.start[2]
        )
        self.levels = nn.ModuleList(
            nn.Sequential(_doubling(before, after, bias=False), BatchNorm2d(after), nn.ReLU())
            for before, after in pairwise(channels)
        )
        self.levels.append(_doubling(channels[-1], 1, bias=True))

    def forward(
        self,
        features: Float[Tensor, "batch patches feature_dim"],
        return_intermediate: bool = False,
    ) -> Float[Tensor, "batch 1 height width"] | tuple[Tensor, ...]:
        """The image (linear output, range about [0, 1]), or the outputs of all four levels."""
        x = self.fc(features.flatten(1)).unflatten(1, self.start)
        x = x.contiguous(memory_format=torch.channels_last)
        outputs = []
        for level in self.levels:
            x = level(x)
            outputs.append(x)
        outputs[-1] = outputs[-1].float()
        return tuple(outputs) if return_intermediate else outputs[-1]


def _doubling(before: int, after: int, bias: bool) -> ConvTranspose2d:
    return ConvTranspose2d(before, after, kernel_size=4, stride=2, padding=1, bias=bias)
