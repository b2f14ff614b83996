"""How many normals a false-alarm rate takes before there is any verdict."""

from __future__ import annotations

import itertools
import math

USUAL_RATE = 0.05  # share of normals that may be called unusual, unless options say else
_ROUNDING = 1e-9  # as ``Calibration`` counts the rank of its threshold


def least_normals(rate: float, confidence: float | None = None) -> int:
    """How many calibration normals a false-alarm rate takes: with fewer there is no verdict.

    The threshold is one of their scores. For the rate to hold on average the highest of n does
    from 1 / (n + 1) <= rate on; for it to hold with a probability, from 1 - (1 - rate)^n on.

    Args:
        rate: in (0, 1).
        confidence: see ``simsid.detectors.calibration.Calibration``.
    """
    fewest = math.ceil((1 - _ROUNDING) / rate) - 1
    if confidence is None:
        return max(1, fewest)
    return next(n for n in itertools.count(max(1, fewest)) if 1 - (1 - rate) ** n >= confidence)
