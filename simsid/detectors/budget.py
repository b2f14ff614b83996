"""A network is built from a stranger's numbers only as far as its weights file would fill it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from simsid.detectors.untrusted import MIB, Entry

_LARGEST = 2**16  # slots, channels and pixels of every model are far below
_MOST_LAYERS = 16
_MOST_SIDE = 2048  # pixels
_MOST_REGIONS = 4096
_MOST_SETTINGS, _MOST_ITEMS = 128, 16
_MOST_LETTERS = 200
# Settings that count what is built in a loop: each turn takes time, however little it allocates.
_LOOPS = {
    "num_levels",
    "num_layers",
    "num_heads",
    "convs_per_level",
    "lesion_members",
    "stem_stride",
    "neighbours",
}
# A network is larger than its file by what only training needs: at most twofold among ours.
_GROWTH = 3
# Initial weights, in torch.nn.init or in place: the file overwrites them, so nothing is drawn.
_DRAWS = {"uniform_", "normal_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_"} | {
    "xavier_uniform_",
    "xavier_normal_",
}
_FACTORIES: dict[Callable[..., Any], Callable[..., int]] = {}
for _name in ("zeros", "ones", "empty", "rand", "randn"):
    _FACTORIES[getattr(torch, _name)] = lambda *shape, size=(), **_: math.prod(_flat(shape or size))
_FACTORIES[torch.full] = lambda size=(), *_, **__: math.prod(_flat(size))
_FACTORIES[torch.arange] = lambda *ends, end=0, **_: int(max(map(abs, (*ends, end))))
_FACTORIES[torch.eye] = lambda n, m=None, **_: n * (n if m is None else m)


def check_settings(settings: Any, name: str = "config") -> None:
    """Refuse numbers that no model can have, before any of them is used.

    Raises:
        ValueError: a number, a list or a text is out of all proportion; it is named.
    """
    if isinstance(settings, dict):
        _limit(name, len(settings), _MOST_SETTINGS, "settings")
        for key, value in settings.items():
            check_settings(value, str(key)[:40])
    elif isinstance(settings, list | tuple):
        _limit(name, len(settings), _MOST_ITEMS, "entries")
        for value in settings:
            check_settings(value, name)
        if name in ("image_size", "grid_size") and all(type(v) is int for v in settings):
            image = name == "image_size"
            number = max(settings, default=0) if image else math.prod(settings)
            _limit(name, number, _MOST_SIDE if image else _MOST_REGIONS, "pixels or regions")
    elif isinstance(settings, str):
        _limit(name, len(settings), _MOST_LETTERS, "letters")
    elif isinstance(settings, int) and not isinstance(settings, bool):
        if settings < 0:
            raise ValueError(f"'{name}' must not be negative")
        _limit(name, settings, _MOST_LAYERS if name in _LOOPS else _LARGEST, "at most")


def _limit(name: str, number: int, most: int, what: str) -> None:
    if number > most:
        raise ValueError(f"'{name}' is out of all proportion: {most} {what} are allowed")


class Budget(TorchFunctionMode):
    """Within this block, tensors together take no more bytes than a weights file accounts for.

    A constructor that asks for more is stopped before it gets it. Initial weights are zero.

    Args:
        header: what the weights file holds.
        least: bytes that are granted even so; see ``Detector.built_bytes``.
    """

    def __init__(self, header: dict[str, Entry], least: int = 8 * MIB) -> None:
        super().__init__()
        stated = sum(math.prod(entry.shape) for entry in header.values()) * 4
        self.left = max(least, _GROWTH * stated)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        count = _FACTORIES.get(func)
        if count is not None and str(kwargs.get("device")) != "meta":  # nothing is held there
            self._take(count(*args, **_sized(kwargs)) * 4)
        elif getattr(func, "__name__", "") in _DRAWS:
            with torch.no_grad():
                return (args[0] if args else kwargs["tensor"]).zero_()
        return func(*args, **kwargs)

    def _take(self, asked: int) -> None:
        if asked > self.left:
            raise ValueError("it asks for far more memory than the weights file would fill")
        self.left -= asked


def _sized(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in kwargs.items() if key in ("size", "end", "n", "m")}


def _flat(shape: Any) -> list[int]:
    if len(shape) == 1 and isinstance(shape[0], list | tuple):
        shape = shape[0]
    return list(shape)
