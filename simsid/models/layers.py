"""The few layers that every network here is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.modules import module
from torch.nn.utils.fusion import fuse_conv_bn_weights

from simsid.models.strided import Conv2d

_LEAST_VARIANCE = 1e-12  # a film without any contrast has a gradient, too


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


class NormalisedConv(nn.Sequential):
    """Convolution without a bias, batch normalisation, layers that follow: the same as in sequence.

    Where running statistics are read and no gradient is asked for, the normalisation is multiplied into
    the weights of the convolution, which spares a pass over all it gives. Where a hook watches one of
    the two, or one has a ``forward`` of its own, they are called one after the other. The folded
    weights are no part of the state. They are made anew once one of the tensors that they come from is
    another one, or was written to, and after any training. Of writing that torch does not count
    (through ``.data`` or NumPy, or ``dist.broadcast``) nobody knows in between: call ``train()`` and
    ``eval()`` after it.
    """

    def __init__(self, conv: nn.Conv2d, norm: BatchNorm2d, *after: nn.Module) -> None:
        super().__init__(conv, norm, *after)
        self._folded: _Folded | None = None

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        conv, norm, *after = self
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, BatchNorm2d)
        asked_for_more = torch.is_grad_enabled() or torch.compiler.is_compiling()
        if norm.training or asked_for_more or _are_watched(conv, norm):
            return super().forward(x)
        folded = self._folded
        if folded is None or not folded.holds_for(conv, norm):
            folded = _Folded.of(conv, norm)
            self._folded = folded if folded.may_be_kept else None
        x = conv._conv_forward(x, folded.weight, folded.bias)
        for layer in after:
            x = layer(x)
        return x

    def train(self, mode: bool = True) -> NormalisedConv:
        self._folded = None  # optimisers that write to all weights at once do not count it
        return super().train(mode)

    def _apply(self, *args: Any, **kwargs: Any) -> NormalisedConv:
        self._folded = None  # to another device, in place
        return super()._apply(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_folded": None}


@dataclass(frozen=True, eq=False)
class _Folded:
    """A convolution and its normalisation in one.

    Attributes:
        sources: what the weights come from. written: how often each had been written to.
        may_be_kept: not where the sources were made for inference alone, for torch counts no writing to
            them, nor where the weights are no numbers, as in a ``FakeTensorMode``.
    """

    weight: Tensor
    bias: Tensor
    sources: tuple[Tensor, ...]
    written: tuple[int, ...]
    may_be_kept: bool

    @classmethod
    def of(cls, conv: nn.Conv2d, norm: BatchNorm2d) -> _Folded:
        sources = _sources(conv, norm)
        weight, mean, variance, scale, shift, _ = sources
        made, bias = fuse_conv_bn_weights(weight, None, mean, variance, norm.eps, scale, shift)
        if type(made) is not nn.Parameter or any(source.is_inference() for source in sources):
            return cls(made, bias, (), (), False)
        return cls(made, bias, sources, tuple(source._version for source in sources), True)

    def holds_for(self, conv: nn.Conv2d, norm: BatchNorm2d) -> bool:
        now = zip(_sources(conv, norm), self.sources, self.written, strict=True)
        return all(source is own and source._version == times for source, own, times in now)


def _sources(conv: nn.Conv2d, norm: BatchNorm2d) -> tuple[Tensor, ...]:
    """Those of the folded weights, and what tells that torch moved the running statistics: it does
    not count that as writing."""
    running = (norm.running_mean, norm.running_var)
    return conv.weight, *running, norm.weight, norm.bias, norm.num_batches_tracked


def _are_watched(conv: nn.Module, norm: nn.Module) -> bool:
    """Whether somebody asked to be called when one of them is, or one computes in a way of its own.

    What wraps a layer, as Accelerate's hooks do, gives it a ``forward`` of its own.
    """
    wrapped = "forward" in vars(conv) or "forward" in vars(norm)
    forwards = (type(conv).forward, type(norm).forward)
    return (
        wrapped
        or forwards != (nn.Conv2d.forward, BatchNorm2d.forward)
        or bool(
            (conv._forward_pre_hooks or conv._forward_hooks)
            or (norm._forward_pre_hooks or norm._forward_hooks)
            or (module._global_forward_pre_hooks or module._global_forward_hooks)
        )
    )


def conv_block(
    in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1
) -> NormalisedConv:
    """Convolution, batch normalisation, ReLU; the size is divided by ``stride``."""
    conv = nn.Conv2d if stride == 1 else Conv2d
    return NormalisedConv(
        conv(in_channels, out_channels, kernel, stride, kernel // 2, bias=False),
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
    centred, spread = centre_and_spread(images)
    return centred / (spread + eps)


def centre_and_spread(
    images: Float[Tensor, "batch 1 height width"],
) -> tuple[Float[Tensor, "batch 1 height width"], Float[Tensor, "batch 1 1 1"]]:
    """Images less their mean, and their standard deviations: in a tenth of ``Tensor.std``'s time."""
    centred = images - images.mean((1, 2, 3), keepdim=True)
    pixels = images[0].numel()
    variance = centred.square().mean((1, 2, 3), keepdim=True) * (pixels / (pixels - 1))
    return centred, variance.clamp_min(_LEAST_VARIANCE).sqrt()


def square_mean(
    images: Float[Tensor, "batch 1 height width"], side: int = 5
) -> Float[Tensor, "batch 1 height width"]:
    """Mean over the square of pixels around each; ``side`` is odd. At borders, of those there are.

    Row and column sums: ``F.avg_pool2d`` takes five times as long.
    """
    reach = side // 2
    rows, cols = images.shape[2:]
    padded = F.pad(images, (reach, reach, reach, reach))
    total = _sum_of_next(_sum_of_next(padded, 3, cols, side), 2, rows, side)
    down, along = (_pixels_within(reach, count, images.device) for count in (rows, cols))
    return total / (down[:, None] * along)


def _sum_of_next(values: Tensor, axis: int, count: int, number: int) -> Tensor:
    """Sums of so many values that follow each other, beginning at each of the first ``count``."""
    total = values.narrow(axis, 0, count).clone()
    for start in range(1, number):
        total += values.narrow(axis, start, count)
    return total


def _pixels_within(reach: int, count: int, device: torch.device) -> Int[Tensor, " count"]:
    """How many of ``count`` pixels in a row lie no further from each than ``reach``."""
    place = torch.arange(count, device=device)
    return (place + reach).clamp_max(count - 1) - (place - reach).clamp_min(0) + 1
