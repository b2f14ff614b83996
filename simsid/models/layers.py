"""The few layers that every network here is made of."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the joined batch of all ranks, on the CPU as well as on GPUs.

    torch's SyncBatchNorm refuses CPU tensors; with one rank this *is* ``nn.BatchNorm2d``.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        if not self.training or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(x)
        return self._forward_ranks(x)

    def _forward_ranks(self, x: Tensor) -> Tensor:
        from torch.distributed.nn.functional import all_reduce  # differentiable

        values = x.float()
        count = values.numel() / values.shape[1]
        local = torch.stack([values.sum((0, 2, 3)), values.square().sum((0, 2, 3))])
        sums = all_reduce(local)
        total = count * dist.get_world_size()
        mean = sums[0] / total
        variance = (sums[1] / total - mean.square()).clamp_min(0)
        with torch.no_grad():
            unbiased = variance * total / max(total - 1, 1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (values * scale[:, None, None] + shift[:, None, None]).to(x.dtype)


def conv_block(
    in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1
) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU; the size is divided by ``stride``."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False),
        BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def upsample(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
    """Twice the size, nearest neighbour."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def standardise(
    images: Float[Tensor, "batch 1 height width"], eps: float = 1e-3
) -> Float[Tensor, "batch 1 height width"]:
    """Zero mean and unit variance for each image: exposure and contrast drop out."""
    mean = images.mean((1, 2, 3), keepdim=True)
    std = images.std((1, 2, 3), keepdim=True)
    return (images - mean) / (std + eps)
