"""The few layers that every network here is made of."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


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


class NormedConv(nn.Sequential):
    """A convolution, its batch normalisation, and what follows.

    In evaluation without gradients the normalisation is folded into the convolution, whose weights
    are laid out channels last. They are worked out anew whenever a weight or a statistic changes;
    what is saved stays as it is.
    """

    def __init__(self, conv: nn.Conv2d, norm: BatchNorm2d, *rest: nn.Module) -> None:
        super().__init__(conv, norm, *rest)
        self._folded: tuple[list[tuple[Tensor, int, int]], Tensor, Tensor] | None = None

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        conv, norm = cast(nn.Conv2d, self[0]), cast(BatchNorm2d, self[1])
        if norm.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return super().forward(x)
        x = conv._conv_forward(x, *self._fold(conv, norm))
        for layer in list(self)[2:]:
            x = layer(x)
        return x

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_folded": None}  # a copy folds its own

    def _fold(self, conv: nn.Conv2d, norm: BatchNorm2d) -> tuple[Tensor, Tensor]:
        given = [*conv.parameters(), *norm.parameters(), *norm.buffers()]
        if any(each.is_inference() for each in given):  # nothing tells whether they change
            return _folded(conv, norm)
        state = [(each, each.data_ptr(), each._version) for each in given]
        kept = self._folded  # read once: other threads score too
        if kept is None or not all(
            ours[0] is theirs[0] and ours[1:] == theirs[1:]
            for ours, theirs in zip(state, kept[0], strict=True)
        ):
            kept = self._folded = (state, *_folded(conv, norm))
        return kept[1:]


def _folded(conv: nn.Conv2d, norm: BatchNorm2d) -> tuple[Tensor, Tensor]:
    weight, bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    return weight.detach().contiguous(memory_format=torch.channels_last), bias.detach()


def conv_block(in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1) -> NormedConv:
    """Convolution, batch normalisation, ReLU; the size is divided by ``stride``."""
    return NormedConv(
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
