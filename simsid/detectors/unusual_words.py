"""What is told where many of somebody's normals were above a model's threshold; without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simsid.shares import of_all


def unusual_told(facts: Mapping[str, Any]) -> str:
    """What a recalibrated model's facts say against its normals, in two sentences; '' where nothing."""
    told = facts["recalibrated"]
    if not told.get("unusual_before"):
        return ""
    among = "abnormal films among the normals"
    if told["abnormal_share"]:
        among = "more abnormal films among them than were left out"
    follows = f"with {among} the new threshold hides what they show"
    return unusual_in_words(told["unusual_before"], "lay above the threshold before", follows)


def unusual_in_words(counted: Sequence[int], where: str, follows: str) -> str:
    """What so many unusual films among normals may be, and what follows from it.

    Args:
        counted: how many of how many, as ``unusual_before`` gives them.
        where: these films are, as 'lie above the threshold'.
        follows: what comes of abnormal films among them.
    """
    return (
        f"{of_all(*counted)} of these films {where}: that is either another look than the "
        f"model's normals have, or disease. Look at some: {follows}."
    )
