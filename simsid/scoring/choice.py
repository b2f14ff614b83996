"""Whose normals judge a film, where somebody who knows it says so and it is not found from the film."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simsid.detectors.base import Detector
from simsid.errors import SimsidError, nearest
from simsid.prediction import Prediction


def chosen_population(detector: Detector, population: str | None) -> int | None:
    """Which of the model's populations is named so; None where none is chosen.

    Args:
        population: one of the names of ``detector.calibration``.

    Raises:
        SimsidError: the model knows no population of that name, or only one.
    """
    if population is None:
        return None
    names = detector.calibration.names
    if len(names) == 1:
        raise SimsidError(
            f"this model knows one population alone, so films cannot be judged as '{population}': "
            "leave the choice out"
        )
    if population not in names:
        raise SimsidError(
            f"this model knows no population '{population}': {nearest(population, names)}it has "
            f"{', '.join(names)}"
        )
    return names.index(population)


def judged_by(
    detector: Detector, name: str, prediction: Prediction, chosen: int | None
) -> Prediction:
    """The same scores beside the normals of the chosen population; as it is where none is chosen.

    Args:
        name: of the score that ``prediction.score`` holds.
    """
    if chosen is None:
        return prediction
    populations = np.full(len(prediction), chosen, np.int64)
    return replace(
        prediction,
        p_value=detector.calibration.p_value(name, prediction.score, populations),
        percentile=detector.calibration.percentile(name, prediction.score, populations),
        population=populations,
    )
