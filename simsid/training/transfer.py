"""Begin where another run ended: what was learned on many films, fine-tuned on few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from simsid.detectors.base import Detector
from simsid.detectors.model_folder import load_model
from simsid.errors import TrainingError

_OF_THE_DATA = ("placement.", "population.")  # found anew on the films at hand


@torch.no_grad()
def begin_from(detector: Detector, folder: str | Path) -> dict[str, Any]:
    """Give a freshly built detector the weights of a model folder of the same method.

    Networks that only training needs are not in a model folder: they begin as they were drawn.
    What scoring compares with (statistics, memory banks, calibration) comes from the new data.

    Args:
        folder: a run folder or a model folder.

    Returns:
        Where the weights come from: data name and fingerprint of that run.

    Raises:
        TrainingError: another method, other sizes, or a method that learns no weights.
        ModelFolderError: see ``load_model``.
    """
    other = load_model(folder)
    if other.name != detector.name:
        raise TrainingError(
            f"--init-from {folder} holds a '{other.name}', and a '{detector.name}' is to be "
            "trained: give a run of the same model"
        )
    if not detector.stages():
        raise TrainingError(f"'{detector.name}' learns no weights to begin from: no --init-from")
    own = detector.state_dict()
    skipped = (*_OF_THE_DATA, *detector.growing)
    for name, value in other.state_dict().items():
        if name.startswith((*skipped, *detector.training_only)):
            continue
        if name not in own or own[name].shape != value.shape:
            here = tuple(own[name].shape) if name in own else "not there"
            raise TrainingError(
                f"--init-from {folder} does not fit: '{name}' has shape {tuple(value.shape)}, here "
                f"it is {here}; train with the same --preset, image size and --detector settings"
            )
        own[name].copy_(value)
    detector.begun_elsewhere = True
    data = other.facts.get("data")
    return {
        "data": data.get("name") if isinstance(data, dict) else None,
        "data_fingerprint": other.facts.get("data_fingerprint"),
    }
