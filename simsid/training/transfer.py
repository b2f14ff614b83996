"""Begin where another run ended: what was learned on many films, fine-tuned on few."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from simsid.detectors.base import Detector
from simsid.detectors.model_folder import load_model
from simsid.errors import TrainingError


def starting_model(cls: type[Detector], folder: str | Path) -> Detector:
    """The model that a training of ``cls`` begins with.

    Args:
        folder: a run folder, a model folder or ``bundled:NAME``.

    Raises:
        TrainingError: another method, or one that learns no weights.
        ModelFolderError: see ``load_model``.
    """
    other = load_model(folder)
    if other.name != cls.name:
        raise TrainingError(
            f"--init-from {folder} holds a '{other.name}', and a '{cls.name}' is to be "
            "trained: give a run of the same model"
        )
    if not other.stages():
        raise TrainingError(f"'{cls.name}' learns no weights to begin from: no --init-from")
    return other


def begin_from(detector: Detector, other: Detector, folder: str | Path) -> dict[str, Any]:
    """Give a freshly built detector the weights of ``other``, which ``folder`` holds.

    Networks that only training needs are not in a model folder: they begin as they were drawn, or
    as copies of those that scoring reads. What scoring compares with (statistics, memory banks,
    calibration) comes from the new data; so does the look of its population, unless there are too
    few normals to learn it from. Films that the other training saw count as seen by this one.

    Returns:
        Where the weights come from: data name and fingerprint of that run.

    Raises:
        TrainingError: other sizes.
    """
    try:
        detector.take_over(other.state_dict())
    except ValueError as error:
        raise TrainingError(
            f"--init-from {folder} does not fit: {error}; leave out the --detector settings that "
            "change its networks"
        ) from error
    detector.population = copy.deepcopy(other.population)
    detector.training_films = other.training_films
    data = other.facts.get("data")
    return {
        "data": data.get("name") if isinstance(data, dict) else None,
        "data_fingerprint": other.facts.get("data_fingerprint"),
    }
