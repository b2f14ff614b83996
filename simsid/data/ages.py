"""The age of a patient as tables and DICOM headers write it, and the group it belongs to."""

from __future__ import annotations

import re

import numpy as np

UNKNOWN = "unknown"
AGE_GROUPS = ("under 10", "10-19", "20-39", "40-59", "60-79", "80 and over")
_LIMITS = (10, 20, 40, 60, 80)
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_OLDEST = 125  # NIH ChestX-ray14 has ages of 400 and more: typing errors


def age_group(text: str) -> str:
    """'20-39' for '31', '031Y' or '31.0'; DICOM's months, weeks and days are understood."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([YMWD]?)\s*", str(text).upper())
    if match is None:
        return UNKNOWN
    years = float(match[1]) * _YEARS[match[2] or "Y"]
    if years > _OLDEST:
        return UNKNOWN
    return AGE_GROUPS[int(np.searchsorted(_LIMITS, years, side="right"))]
