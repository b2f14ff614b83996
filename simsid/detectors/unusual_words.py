"""What is told where many of somebody's normals were above a model's threshold; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simsid.shares import of_all


def unusual_told(facts: Mapping[str, Any]) -> str:
    """What a recalibrated model's facts say against its normals, in two sentences; '' where nothing."""
    told = facts["recalibrated"]
    if not told.get("unusual_before"):
        return ""
    above, judged = told["unusual_before"]
    which = "abnormal films among the normals"
    if told["abnormal_share"]:
        which = "more abnormal films among them than were left out"
    return (
        f"{of_all(above, judged)} of these films lay above the threshold before: that is either another "
        f"look than the model's normals have, or disease. Look at some: with {which} the new threshold "
        "hides what they show."
    )
