"""Weights in half the space: rounded once after training, so that storing loses nothing."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def round_to_half(parameters: Iterable[Tensor]) -> None:
    """Round float32 parameters in place to the nearest half-precision values.

    One whose values half precision cannot hold stays as it is. Arithmetic stays in float32.
    """
    largest = torch.finfo(torch.float16).max
    for weights in parameters:
        if weights.dtype == torch.float32 and weights.abs().amax() < largest:
            weights.copy_(weights.half().float())


def packed(values: Tensor) -> Tensor:
    """In half the bytes where nothing is lost by it, as after :func:`round_to_half`."""
    if values.dtype != torch.float32 or not torch.equal(values.half().float(), values):
        return values
    return values.half()
