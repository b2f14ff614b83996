"""Numbers that are counted rather than learned: of batch normalisation, and over ranks."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn


@torch.no_grad()
def settle_statistics(
    network: nn.Module, batches: Iterable[Float[Tensor, "_ 1 height width"]]
) -> None:
    """Make the running statistics of batch normalisation those of these films, each counting alike.

    Pre-training saw lesions and small patches as well, an untrained network nothing at all.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    was_training, momenta = network.training, [layer.momentum for layer in layers]
    network.train()
    seen = 0
    for images in batches:
        seen += len(images)
        for layer in layers:
            layer.momentum = len(images) / seen
        network(images)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.train(was_training)


def mean_over_ranks(value: Tensor) -> Tensor:
    """The mean of what each rank found, the same on all; with one rank the value itself."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return value
    value = value.clone()
    dist.all_reduce(value)
    return value / dist.get_world_size()
