"""What a pass through the networks gives, beside the scores of calibration normals."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from simsid.detectors.calibration import Calibration
from simsid.detectors.contract import Told
from simsid.prediction import Prediction


def beside_normals(
    told: Told,
    score: str,
    calibration: Calibration | None,
    population: Int[np.ndarray, " batch"],
) -> Prediction:
    """The prediction that one of the scores leads.

    Args:
        calibration: None while there is none yet: p-values and percentiles are not a number.
        population: whose normals each film is compared with.
    """
    values = told.scores[score]
    unknown = np.full(len(values), np.nan)
    return Prediction(
        score=values,
        anomaly_map=told.anomaly_map,
        regions=told.regions,
        p_value=calibration.p_value(score, values, population) if calibration else unknown,
        percentile=calibration.percentile(score, values, population) if calibration else unknown,
        reconstruction=told.reconstruction,
        scores=told.scores,
        population=population,
    )
