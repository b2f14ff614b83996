"""What benchmarks ask of the commands: data by name, a detector that is not trained yet, a device.

The one place that knows the commands' options: a benchmark itself works with plain values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simsid.data.choice import DataChoice
from simsid.data.datasets import RadiographData
from simsid.data.options import data_choice, load_choice
from simsid.data.preprocess import Preprocessing
from simsid.detectors import Detector, detector_class
from simsid.detectors.build import build_detector
from simsid.device import pick_device


def device_named(device: str) -> str:
    """'cpu' or 'cuda'; 'auto' takes a GPU when there is one.

    Raises:
        SimsidError: 'cuda' was asked for and there is none.
    """
    return pick_device(device)


def untrained(
    model: str, preset: str, settings: Mapping[str, Any], seed: int, data: RadiographData
) -> Detector:
    """The preset's detector for this data, changed by ``settings``, with weights of ``seed``.

    Raises:
        SimsidError: an unknown model, or a setting that is unknown or cannot work.
    """
    return build_detector(detector_class(model), preset, data, settings, seed)


def load(choice: DataChoice, preprocessing: Preprocessing | None = None) -> RadiographData:
    """The data set that was chosen.

    Args:
        preprocessing: of the model that will look at it, if there is one.

    Raises:
        DataError: it cannot be had; the message says why.
    """
    return load_choice(choice, preprocessing)


def choice_named(
    dataset: str, root: str | None, preset: str, generator: Mapping[str, Any]
) -> DataChoice:
    """A data set by its name, with the films that the preset asks for; nothing is read.

    Args:
        root: its folder; None for what is generated.
        generator: ``digits``, ``digits_root``, ``difficulty`` and ``data_seed``.

    Raises:
        DataError: an option that cannot be understood.
    """
    return data_choice({"dataset": dataset, "data_root": root, "preset": preset, **generator})
