"""Tensors that say they are on another device, and refuse to be mixed with those that are not.

As torch's ``FakeTensorMode``, but with values: scoring reads them (findings, thresholds, counts), and
a fake tensor of torch's has none. What is computed is computed on the CPU. The device is called
'meta': without a driver torch lets no tensor call itself 'cuda' for long, nor gradients flow there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

GPU, CPU = torch.device("meta"), torch.device("cpu")
_MOVES = ("aten::_to_copy", "aten::copy_", "aten::_copy_from")
_INDEXING = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")


class WrongDeviceError(RuntimeError):
    """An operation got tensors of two devices."""


class OnGpu(Tensor):
    """A tensor that says it is on ``GPU``; ``elem`` has its values."""

    elem: Tensor

    @staticmethod
    def __new__(cls, real: Tensor) -> OnGpu:
        like = torch.empty_strided(real.shape, real.stride(), dtype=real.dtype, device="meta")
        made = Tensor._make_subclass(
            cls, like, real.requires_grad, dispatch_device=True, device_for_backend_keys=GPU
        )
        made.elem = real.detach()
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    def new_tensor(self, data: Any, **options: Any) -> Tensor:
        return torch.tensor(data, **{"dtype": self.dtype} | options).to(GPU)

    def __getitem__(self, index: Any) -> Tensor:
        return super().__getitem__(_as_tensors(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(_as_tensors(index), value)

    def tolist(self) -> Any:
        return self.elem.tolist()

    def quantile(self, shares: Any, *arguments: Any, **options: Any) -> Tensor:
        """On the values: torch turns the axes of its result in place, which no wrapper follows."""
        if isinstance(shares, Tensor) and not isinstance(shares, OnGpu) and shares.ndim:
            raise WrongDeviceError("quantile of a tensor on the GPU, with shares on the CPU")
        real = shares.elem if isinstance(shares, OnGpu) else shares
        return OnGpu(torch.Tensor.quantile(self.elem, real, *arguments, **options))

    def __repr__(self) -> str:
        return f"OnGpu({self.elem!r})"


def _as_tensors(index: Any) -> Any:
    """Lists of numbers as tensors on the CPU: torch would make meta tensors of them, without values."""
    parts = index if isinstance(index, tuple) else (index,)
    found = tuple(torch.tensor(part) if isinstance(part, list) else part for part in parts)
    return found if isinstance(index, tuple) else found[0]


class _Mode(TorchDispatchMode):
    """Sees what makes tensors out of nothing, and what moves them."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        wanted = kwargs.get("device")
        if OnGpu not in types and (wanted is None or torch.device(wanted) != GPU):
            return func(*args, **kwargs)  # what is done on the CPU on purpose, and much of it
        return _run(func, args, kwargs)


@contextlib.contextmanager
def fake_gpu() -> Iterator[None]:
    """Within the block ``GPU`` means tensors of ``OnGpu``."""
    autocast = torch.autocast

    def cast(device: str, *arguments: Any, **options: Any) -> torch.autocast:
        return autocast("cpu" if device == GPU.type else device, *arguments, **options)

    def made_by(maker: Any) -> Any:  # from numbers, which torch would drop for a meta tensor
        def make(data: Any, *arguments: Any, device: Any = None, **options: Any) -> Tensor:
            made = maker(data, *arguments, **options)
            return made if device is None else made.to(device)

        return make

    def quantile(values: Tensor, shares: Any, *arguments: Any, **options: Any) -> Tensor:
        return values.quantile(shares, *arguments, **options)

    def enter(block: torch.inference_mode) -> None:  # whose tensors allow no views of subclasses
        block._guard = torch.no_grad()
        block._guard.__enter__()

    def leave(block: torch.inference_mode, *error: Any) -> None:
        block._guard.__exit__(*error)

    with (
        mock.patch.object(torch, "autocast", cast),
        mock.patch.object(torch, "quantile", quantile),
        mock.patch.multiple(
            torch, tensor=made_by(torch.tensor), as_tensor=made_by(torch.as_tensor)
        ),
        mock.patch.multiple(torch.inference_mode, __enter__=enter, __exit__=leave),
        _Mode(),
    ):
        yield


def move(module: nn.Module) -> None:
    """Move a network, as ``module.to(GPU)`` would."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                moved = OnGpu(value.detach().clone())
                part._parameters[name] = nn.Parameter(moved, requires_grad=value.requires_grad)
        for name, value in part._buffers.items():
            if value is not None:
                part._buffers[name] = OnGpu(value.detach().clone())


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if func is torch.ops.prim.device.default:
        return GPU
    flat, spec = tree_flatten((args, kwargs))
    given = [value for value in flat if isinstance(value, Tensor)]
    wanted = kwargs.get("device")
    target = torch.device(wanted) if wanted is not None else _device_of(func, args, given)
    generator = kwargs.get("generator")
    if generator is not None and generator.device.type != target.type:
        raise WrongDeviceError(f"{func}: a generator of {generator.device} for {target}")
    real = [_plain(value) for value in flat]
    real_args, real_kwargs = tree_unflatten(real, spec)
    if func is torch.ops.aten.native_layer_norm.default:  # whose callers see to it on each device
        real_args = [real_args[0].contiguous(), *real_args[1:]]
    made = func(*real_args, **real_kwargs)
    known = {id(value.elem): value for value in given if isinstance(value, OnGpu)}

    def dressed(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if id(value) in known:  # changed in place
            return known[id(value)]
        return OnGpu(value) if target == GPU else value

    return tree_map(dressed, made)


def _plain(value: Any) -> Any:
    if isinstance(value, OnGpu):
        return value.elem
    return CPU if isinstance(value, torch.device) and value == GPU else value


def _device_of(func: Any, args: Any, given: list[Tensor]) -> torch.device:
    """Where the result is.

    Raises:
        WrongDeviceError: tensors of both devices, none of them a mere number on the CPU.
    """
    name = func._schema.name
    if name in _MOVES:
        return GPU if isinstance(given[0], OnGpu) else CPU
    if name in _INDEXING and isinstance(args[0], OnGpu):  # may be indexed from the CPU
        given = [args[0], *(value for value in args[2:] if isinstance(value, Tensor))]
    on_gpu = [isinstance(value, OnGpu) for value in given]
    if any(on_gpu) and any(
        not gpu and value.dim() for gpu, value in zip(on_gpu, given, strict=True)
    ):
        shapes = ", ".join(f"{value.device} {tuple(value.shape)}" for value in given)
        raise WrongDeviceError(f"{func} got tensors of two devices: {shapes}")
    return GPU if any(on_gpu) else CPU
