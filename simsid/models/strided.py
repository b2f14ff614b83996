"""Convolutions that change the size, trained by threads that do not wait for each other.

oneDNN computes the gradient of their weights in bfloat16 with barriers, one for each image of the
batch, and its threads wait there awake, whatever ``OMP_WAIT_POLICY`` says. Once one of them has lost
its core to another process, the others use up theirs on nothing: beside two busy processes on two
cores such a gradient took 220 ms in place of 2.6, and a training three times its processor time
(``docs/train.md#threads``). Here each thread takes its part of the batch by itself instead.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

_Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]


class Conv2d(nn.Conv2d):
    """``nn.Conv2d``, for a stride of two or more."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not _threads_would_wait(x, weight) or not isinstance(self.padding, tuple):
            return super()._conv_forward(x, weight, bias)
        steps = _Steps(self.stride, self.padding, self.dilation, False, (0, 0), self.groups)
        return _convolve(x, weight, bias, steps)


class ConvTranspose2d(nn.ConvTranspose2d):
    """``nn.ConvTranspose2d``, likewise."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if not _threads_would_wait(x, self.weight) or output_size is not None:
            return super().forward(x, output_size)
        assert isinstance(self.padding, tuple)  # torch refuses words here
        more = self.output_padding
        steps = _Steps(self.stride, self.padding, self.dilation, True, more, self.groups)
        return _convolve(x, self.weight, self.bias, steps)


class _Steps(NamedTuple):
    """What ``torch.convolution`` takes after its tensors, in its order."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int


def _threads_would_wait(x: Tensor, weight: Tensor) -> bool:
    asked = torch.is_grad_enabled() and weight.requires_grad and x.device.type == "cpu"
    return asked and torch.get_num_threads() > 1 and _precision(x) == torch.bfloat16


def _precision(x: Tensor) -> torch.dtype:
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, steps: _Steps) -> Tensor:
    kind = _precision(x)
    bias = None if bias is None else bias.to(kind)
    out: Tensor = _Convolution.apply(x.to(kind), weight.to(kind), bias, steps)
    return out


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, steps: _Steps) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.steps, ctx.bias_sizes = steps, None if bias is None else [bias.numel()]
        return torch.convolution(x, weight, bias, *steps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias, _ = ctx.needs_input_grad

        def back(of_out: Tensor, x: Tensor, *asked: bool) -> _Gradients:
            given = (of_out, x, weight, ctx.bias_sizes)
            found: _Gradients = torch.ops.aten.convolution_backward(*given, *ctx.steps, asked)
            return found

        def of_weights(of_out: Tensor, x: Tensor) -> _Gradients:
            return back(of_out, x, False, of_weight, of_bias)

        if torch.is_grad_enabled():  # gradients of gradients are asked for
            return (*back(gradients[0], x, *ctx.needs_input_grad[:3]), None)
        x_gradient = back(gradients[0], x, True, False, False)[0] if of_x else None
        count = torch.get_num_threads()
        parts = _threads(count, os.getpid()).map(
            of_weights, gradients[0].chunk(count), x.chunk(count)
        )
        _, of_weight_parts, of_bias_parts = zip(*parts, strict=True)
        return x_gradient, _total(of_weight_parts), _total(of_bias_parts), None


def _total(parts: tuple[Tensor | None, ...]) -> Tensor | None:
    """The sum, in float32 until it is complete."""
    known = [part.float() for part in parts if part is not None]
    return torch.stack(known).sum(0) if known else None


@cache
def _threads(count: int, process: int) -> ThreadPoolExecutor:
    """So many threads, each of which computes by itself; a fork of a process has none of them."""
    return ThreadPoolExecutor(count, "gradient", _alone)


def _alone() -> None:
    """Begin a thread that computes by itself; ``torch.set_num_threads`` would bind others, too."""
    torch.set_grad_enabled(False)
    torch.get_num_threads()  # gives a new thread the number that others have, once
    threadpool_limits(1, user_api="openmp")
