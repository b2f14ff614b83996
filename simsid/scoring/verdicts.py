"""The word that a score gets among calibration normals."""

from __future__ import annotations

import numpy as np

from simsid.detectors.calibration import Calibration

CALLED_NORMAL, CALLED_ABNORMAL, UNDECIDED = "normal", "abnormal", "undecided"
ANOTHER_POPULATION = "another population"


def verdict_of(
    calibration: Calibration,
    name: str,
    score: float,
    doubtful: bool = False,
    population: int = 0,
) -> str:
    """'normal' or 'abnormal' at the calibration's false-alarm rate.

    'undecided' where too few calibration normals support that rate, and for a doubtful film: the
    rate was never measured on images of another kind.

    Args:
        name: of the score.
        doubtful: whether the placement check found something.
        population: whose calibration normals the film is compared with.
    """
    if doubtful or not np.isfinite(calibration.threshold(name, population)):
        return UNDECIDED
    flagged = calibration.is_abnormal(name, np.array([score]), np.array([population]))
    return CALLED_ABNORMAL if flagged[0] else CALLED_NORMAL
