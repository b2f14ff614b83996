"""Features of places in an image: maps of a backbone, averaged locally and laid over each other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.backbones import Backbone


class PatchFeatures(nn.Module):
    """A vector for each place: every map of the backbone, 3x3 averaged, at the first map's size.

    Source: Roth et al., CVPR 2022, section 3.1.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.dim, self.stride = sum(backbone.channels), backbone.strides[0]

    def size_for(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of places in images of this size."""
        height, width = image_size
        return -(-height // self.stride), -(-width // self.stride)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch dim rows cols"]:
        maps = [
            F.avg_pool2d(m.float(), 3, 1, 1, count_include_pad=False) for m in self.backbone(images)
        ]
        size = maps[0].shape[2:]
        return torch.cat([maps[0], *(F.interpolate(m, size, mode="bilinear") for m in maps[1:])], 1)


def blur_for(sigma: float, image_size: tuple[int, int], side: int = 224) -> float:
    """A blur that is meant for images of ``side`` pixels, in pixels of these; 224 in most papers."""
    return sigma * min(image_size) / side


def smooth(
    maps: Float[Tensor, "batch 1 rows cols"], image_size: tuple[int, int], sigma: float
) -> Float[Tensor, "batch 1 height width"]:
    """Maps at the size of the image, bilinear, then blurred by a Gaussian of ``sigma`` pixels (0: not)."""
    maps = F.interpolate(maps, image_size, mode="bilinear")
    if sigma <= 0:
        return maps
    radius = max(1, min(round(3 * sigma), *image_size))
    steps = torch.arange(-radius, radius + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(-0.5 * (steps / sigma).square())
    kernel = kernel / kernel.sum()
    maps = F.conv2d(F.pad(maps, (0, 0, radius, radius), "replicate"), kernel[None, None, :, None])
    return F.conv2d(F.pad(maps, (radius, radius, 0, 0), "replicate"), kernel[None, None, None])
