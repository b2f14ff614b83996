"""Begin where another run ended: what was learned on many films, fine-tuned on few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simsid.detectors.base import Detector
from simsid.detectors.model_folder import load_model
from simsid.errors import TrainingError


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
    try:
        detector.take_over(other.state_dict())
    except ValueError as error:
        raise TrainingError(
            f"--init-from {folder} does not fit: {error}; train with the same --preset, image size "
            "and --detector settings"
        ) from error
    data = other.facts.get("data")
    return {
        "data": data.get("name") if isinstance(data, dict) else None,
        "data_fingerprint": other.facts.get("data_fingerprint"),
    }
