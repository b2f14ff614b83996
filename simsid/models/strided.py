"""Convolutions that change the size, trained by threads that do not wait for each other.

oneDNN computes the gradient of their weights in bfloat16 with barriers, one for each image of the
batch, and its threads wait there awake, whatever ``OMP_WAIT_POLICY`` says. Once one of them has lost
its core to another process, the others use up theirs on nothing: beside two busy processes on two
cores such a gradient took 220 ms in place of 2.6, and a training three times its processor time
(``docs/train.md#threads``). Here each thread takes its part of the batch by itself instead.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

_Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]
_this_thread = threading.local()
_MOST_PARTS = 16  # each holds a gradient of all weights until it is added


class Conv2d(nn.Conv2d):
    """``nn.Conv2d``, for a stride of two or more."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        plain = self.padding_mode == "zeros" and _threads_would_wait(x, weight)
        if not plain or not isinstance(padding, tuple):
            return super()._conv_forward(x, weight, bias)
        steps = _Steps(self.stride, padding, self.dilation, False, (0, 0), self.groups)
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
    """In a training step in bfloat16 on several CPU threads; all else is torch's own affair."""
    if not (torch.is_grad_enabled() and weight.requires_grad and x.device.type == "cpu"):
        return False
    plain = type(x) is Tensor and x.dim() == 4 and not torch.compiler.is_compiling()
    return plain and torch.get_num_threads() > 1 and _precision(x, weight) == torch.bfloat16


def _precision(x: Tensor, weight: Tensor) -> torch.dtype | None:
    """In which torch would compute; None where it would refuse."""
    if torch.is_autocast_enabled("cpu") and x.dtype != torch.float64:
        return torch.get_autocast_dtype("cpu")
    return x.dtype if x.dtype == weight.dtype else None


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, steps: _Steps) -> Tensor:
    kind = torch.bfloat16
    bias = None if bias is None else bias.to(kind)
    out: Tensor = _Convolution.apply(x.to(kind), weight.to(kind), bias, steps)
    return out


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, steps: _Steps) -> Tensor:
        return torch.convolution(x, weight, bias, *steps)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, bias, ctx.steps = inputs
        ctx.save_for_backward(x, weight)
        ctx.bias_sizes = None if bias is None else [bias.numel()]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias, _ = ctx.needs_input_grad

        def back(of_out: Tensor, x: Tensor, *asked: bool) -> _Gradients:
            given = (of_out, x, weight, ctx.bias_sizes)
            found: _Gradients = torch.ops.aten.convolution_backward(*given, *ctx.steps, asked)
            return found

        def of_weights(of_out: Tensor, x: Tensor) -> _Gradients:
            _compute_alone()
            with torch.no_grad():
                return back(of_out, x, False, of_weight, of_bias)

        if torch.is_grad_enabled():  # gradients of gradients are asked for
            return (*back(gradients[0], x, of_x, of_weight, of_bias), None)
        x_gradient = back(gradients[0], x, True, False, False)[0] if of_x else None
        count = min(torch.get_num_threads(), _MOST_PARTS)
        pool, weight_total, bias_total = _threads(count, os.getpid()), None, None
        for part in pool.map(of_weights, gradients[0].chunk(count), x.chunk(count)):
            weight_total, bias_total = _sum(weight_total, part[1]), _sum(bias_total, part[2])
        return x_gradient, weight_total, bias_total, None


def _sum(total: Tensor | None, part: Tensor | None) -> Tensor | None:
    """Of the parts so far, in float32 and always in one order."""
    if part is None:
        return None
    return part.float() if total is None else total.add_(part)


@cache
def _threads(count: int, process: int) -> ThreadPoolExecutor:
    """So many threads; a fork of a process has none of its parent's."""
    return ThreadPoolExecutor(count, "gradient")


def _compute_alone() -> None:
    """Limit this thread to itself; ``torch.set_num_threads`` would bind others, too."""
    if not getattr(_this_thread, "is_alone", False):
        torch.get_num_threads()  # gives a new thread the number that others have, once
        threadpool_limits(1, user_api="openmp")
        _this_thread.is_alone = True
