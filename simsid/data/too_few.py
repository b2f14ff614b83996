"""Will there be verdicts? Told of a choice of films before anybody trains on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simsid.data.rates import USUAL_RATE, least_normals
from simsid.data.sets.splits import training_normals_for
from simsid.shares import in_percent

_OF_TRAINING = "training normals"


def tell_few_normals(
    facts: Mapping[str, Any], rate: float = USUAL_RATE, confidence: float | None = None
) -> list[str]:
    """A warning for each set of films that calibrates with too few normals for any verdict.

    Args:
        facts: of ``choose_films`` or of ``RadiographData``, of one set or of several.
        rate, confidence: that will be trained with.
    """
    needed = least_normals(rate, confidence)
    told = []
    for name, own in (facts.get("populations") or {"": facts}).items():
        counts = own.get("films", {})
        if not counts:
            continue
        held = own.get("calibration", counts.get("calibration", {}).get("normal", 0))
        if held >= needed:
            continue
        source = str(own.get("calibration_from", ""))
        if source.endswith(_OF_TRAINING):
            more = f"{training_normals_for(needed)} {_OF_TRAINING}"
        else:
            more = f"{2 * needed} normals in validation"
        told.append(
            f"{f'{name}: ' if name else ''}too few calibration normals for any verdict at a "
            f"false-alarm rate of {in_percent(rate)}: {held} ({source}), and it takes {needed}. "
            f"With {more} this split would hold out so many"
        )
    return told
