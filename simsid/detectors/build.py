"""A new detector for data at hand: a preset, changed by what the user says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from accelerate.utils import set_seed

from simsid.data.datasets import RadiographData
from simsid.data.image_kind import kind_of
from simsid.detectors.base import Detector
from simsid.detectors.config import DetectorConfig, config_from_dict, present_names
from simsid.errors import SimsidError


def build_detector(
    cls: type[Detector],
    preset: str | DetectorConfig,
    data: RadiographData,
    settings: Mapping[str, Any],
    seed: int,
) -> Detector:
    """The preset's detector for this data, changed by ``settings``, with weights of ``seed``.

    Args:
        preset: its name, or the settings of another model to begin with.

    Raises:
        SimsidError: a setting is unknown or cannot work, or another model's do not fit the data.
    """
    if isinstance(preset, DetectorConfig) and preset.image_size != data.image_size:
        sizes = ["{}x{}".format(*size) for size in (preset.image_size, data.image_size)]
        raise SimsidError(
            f"the model to begin with takes images of {sizes[0]} px, and these have {sizes[1]}"
        )
    try:
        config = (
            preset
            if isinstance(preset, DetectorConfig)
            else cls.config_class.preset(preset, data.image_size, kind_of(data.facts))
        )
        changed = dataclasses.asdict(config)
        for key, value in present_names(cls.config_class, dict(settings)).items():
            if key not in changed:
                raise ValueError(f"unknown setting '{key}'; there are: {', '.join(changed)}")
            inner = isinstance(changed[key], dict) and isinstance(value, dict)
            changed[key] = changed[key] | _typed(value) if inner else value
        set_seed(seed)
        return cls(config_from_dict(cls.config_class, changed))
    except Exception as error:  # odd numbers can break a network in any way
        raise SimsidError(
            f"these settings do not make a '{cls.name}' for images of "
            f"{data.image_size[0]}x{data.image_size[1]} px: {error or type(error).__name__}"
        ) from error


def _typed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings within a setting, which a command line hands on as text: numbers become numbers."""
    return {
        key: _number(value) if isinstance(value, str) else value for key, value in settings.items()
    }


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
