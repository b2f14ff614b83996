"""Patch encoder, patch decoder, discriminator: the convolutional parts of SimSID and SQUID."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.layers import conv_block, upsample
from simsid.models.patches import image_to_patches, patches_to_image
from simsid.models.strided import Conv2d


class PatchEncoder(nn.Module):
    """Each patch on its own through the same convolutions: no pixel sees a neighbouring patch.

    ``channels[0]`` is the width at ``1 / stem_stride`` of the patch size; every further entry
    halves the size once more.
    """

    def __init__(
        self,
        grid_size: tuple[int, int],
        channels: Sequence[int],
        stem_stride: int = 1,
        convs_per_level: int = 1,
    ) -> None:
        super().__init__()
        self.grid_size = grid_size
        kernel = 5 if stem_stride > 1 else 3
        levels = [_level(1, channels[0], stem_stride, convs_per_level, kernel)]
        for before, after in pairwise(channels):
            levels.append(_level(before, after, 2, convs_per_level))
        self.levels = nn.ModuleList(levels)
        self.reduction = stem_stride * 2 ** (len(channels) - 1)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch_patches channels small_height small_width"]:
        """Bottleneck features; batch and patches are joined in the first axis, image by image."""
        x = image_to_patches(images, self.grid_size).flatten(0, 1)
        x = x.contiguous(memory_format=torch.channels_last)
        for level in self.levels:
            x = level(x)
        return x


def _level(before: int, after: int, stride: int, convs: int, kernel: int = 3) -> nn.Sequential:
    blocks = [conv_block(before, after, kernel, stride)]
    blocks += [conv_block(after, after) for _ in range(convs - 1)]
    return nn.Sequential(*blocks)


def _seam_filter() -> nn.Conv2d:
    """One learned blur over the finished image: blocks of sub-pixels larger than 2 leave a grid."""
    blur = nn.Conv2d(1, 1, 5, padding=2)
    nn.init.constant_(blur.weight, 1 / 25)
    assert blur.bias is not None  # a convolution has one unless told otherwise
    nn.init.zeros_(blur.bias)
    return blur


class PatchDecoder(nn.Module):
    """Bottleneck features back to the image, patch by patch up to the last level.

    The last level works on the reassembled image, so that seams between patches can heal.
    ``read_memory(level, x)``, if given, may replace the features after each inner level: the
    decoder memories of SQUID.
    """

    def __init__(
        self,
        grid_size: tuple[int, int],
        channels: Sequence[int],
        stem_stride: int = 1,
        convs_per_level: int = 1,
    ) -> None:
        super().__init__()
        self.grid_size = grid_size
        self.levels = nn.ModuleList()
        for before, after in pairwise(channels[::-1]):
            self.levels.append(_level(before, after, 1, convs_per_level))
        last = channels[0]
        self.head = nn.Sequential(  # sub-pixel output: no convolution at full size
            conv_block(last, last),
            nn.Conv2d(last, stem_stride**2, 3, padding=1),
            nn.PixelShuffle(stem_stride),
            _seam_filter() if stem_stride > 2 else nn.Identity(),
        )

    def forward(
        self,
        x: Float[Tensor, "batch_patches channels small_height small_width"],
        memories: nn.ModuleList | None = None,
    ) -> tuple[Float[Tensor, "batch 1 height width"], list[Tensor]]:
        """The image (linear output, range about [0, 1]) and the features of each level."""
        num_patches = self.grid_size[0] * self.grid_size[1]
        features = []
        for index, level in enumerate(self.levels):
            x = level(upsample(x))
            features.append(x)  # z^i of the distillation loss
            if memories is not None and index < len(memories):
                x = memories[index](x)
        batch = x.shape[0] // num_patches
        x = patches_to_image(x.unflatten(0, (batch, num_patches)), self.grid_size)
        return self.head(x.contiguous(memory_format=torch.channels_last)).float(), features


class Discriminator(nn.Module):
    """Real film or reconstruction? One logit for each patch of the grid.

    Higher logit = looks more like a real normal film. Patches are judged on their own, so the
    same network gives a score for the image and for each region. Blocks of pixels become channels
    first, which costs nothing and spares the convolutions at full size.
    """

    def __init__(
        self, grid_size: tuple[int, int], base_channels: int = 16, block_size: int = 4
    ) -> None:
        super().__init__()
        self.grid_size = grid_size
        self.block_size = block_size
        widths = [block_size**2, 2 * base_channels, 4 * base_channels]
        blocks: list[nn.Module] = []
        for before, after in pairwise(widths):
            blocks += [Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(widths[-1], 1)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch patches"]:
        patches = image_to_patches(images, self.grid_size)
        x = F.pixel_unshuffle(patches.flatten(0, 1), self.block_size)
        x = x.contiguous(memory_format=torch.channels_last)
        pooled = self.body(x).float().mean((2, 3))
        return self.head(pooled).reshape(patches.shape[:2])
