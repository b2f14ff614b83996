"""What the configurations of all detectors have in common, and how one is read from JSON."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeVar

from simsid.data.image_kind import Cells, ImageKind

PRESETS = ("quick", "paper")
# What settings were called once: model folders, runs and committed commands still say so.
RENAMED = {
    "discriminator_rate": "discriminator_learning_rate",
    "encoder_rate": "encoder_learning_rate",
    "gan_rate": "gan_learning_rate",
    "localiser_rate": "localiser_learning_rate",
    "pretraining_rate": "pretraining_learning_rate",
    "shares": "stage_shares",
}
_C = TypeVar("_C", bound="DetectorConfig")


@dataclass(frozen=True)
class DetectorConfig:
    """Base of every detector's settings: plain numbers, texts and tuples; saved with the weights.

    Attributes:
        image_size: (height, width) in pixels.
        grid_size: (rows, columns) of regions in which scores are told.
        fusion: (component, weight) of the default score.
        reduce: 'max' when an anomaly sits in few regions, 'mean' when it is diffuse.
        map_floor: how much of a region's score shows on pixels that look like the mean normal.
    """

    image_size: tuple[int, int] = (96, 96)
    grid_size: tuple[int, int] = (3, 3)
    _: KW_ONLY
    fusion: tuple[tuple[str, float], ...] = ()
    reduce: str = "max"
    map_floor: float = 0.2

    @classmethod
    def preset(cls: type[_C], preset: str, image_size: tuple[int, int], kind: ImageKind) -> _C:
        """Numbers for 'quick' (about a minute on two cores) or 'paper' (the sizes of the source).

        Raises:
            ValueError: an unknown preset, or an image size that the method cannot work on.
        """
        if preset not in PRESETS:
            raise ValueError(f"preset must be 'quick' or 'paper', not '{preset}'")
        numbers = cls.numbers(preset, image_size, kind)
        return cls(image_size, cls.grid_for(preset, image_size, kind), **numbers)

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """What a preset changes of the defaults, by name; subclasses say.

        Raises:
            ValueError: the method cannot work on this image size.
        """
        return {}

    @classmethod
    def grid_for(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> tuple[int, int]:
        """The cells of images that are drawn on a grid; else the method's own choice."""
        if isinstance(kind, Cells):
            return kind.grid_size
        return cls.default_grid(preset, image_size)

    @classmethod
    def default_grid(cls, preset: str, image_size: tuple[int, int]) -> tuple[int, int]:
        """Regions of 32 px, or of 16 px along a side of which 32 is no divisor.

        A method whose networks are built on the grid chooses another.

        Raises:
            ValueError: neither divides a side.
        """
        height, width = image_size
        if any(side % 16 or side < 16 for side in image_size):
            raise ValueError(
                f"an image of {height}x{width} px has no regions of 16 px: choose a multiple of 16 px"
            )
        rows, cols = (side // 32 if side % 32 == 0 else side // 16 for side in image_size)
        return rows, cols


def present_names(config_class: type, values: dict[str, Any]) -> dict[str, Any]:
    """The same settings under the names that they have today."""
    known = {f.name for f in dataclasses.fields(config_class)}
    return {_present_name(key, known): value for key, value in values.items()}


def _present_name(name: str, known: set[str]) -> str:
    new = RENAMED.get(name, name)
    return new if name not in known and new in known else name


def config_from_dict(config_class: type, values: dict[str, Any]) -> Any:
    """A frozen configuration from JSON: lists become tuples, unknown keys are errors.

    Raises:
        ValueError: a setting is unknown or of another type; it is named.
    """
    values = present_names(config_class, values)
    known = {f.name for f in dataclasses.fields(config_class)}
    unknown = set(values) - known
    if unknown:
        raise ValueError(f"unknown settings {sorted(unknown)}")
    hints = typing.get_type_hints(config_class)
    return config_class(**{key: _typed(key, hints[key], value) for key, value in values.items()})


def _typed(name: str, hint: Any, value: Any) -> Any:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if isinstance(value, hint):
            return value
        if isinstance(value, dict):
            return config_from_dict(hint, value)
    value = _tuples(value)
    if not _fits(hint, value):
        raise ValueError(f"'{name}' must be {getattr(hint, '__name__', hint)}, not {value!r}")
    return value


def _fits(hint: Any, value: Any) -> bool:
    """Whether a plain value is of the annotated type; a whole number passes for a float."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(choice, value) for choice in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if inner[-1] is Ellipsis:
            return all(_fits(inner[0], item) for item in value)
        return len(inner) == len(value) and all(map(_fits, inner, value))
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list | tuple) else value
