"""The states that a film can be in: the same words at the page, its API, tables, reports and Python."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsid.detectors.findings import ANOTHER, Finding

NOTHING_UNUSUAL = "nothing unusual found"
BORDERLINE = "borderline"
UNUSUAL = "unusual"
ANOTHER_POPULATION = "another population: no verdict"
NOT_A_FILM = "not a film for this model"
TOO_FEW_NORMALS = "too few normals: no verdict"
STATES = (
    *(NOTHING_UNUSUAL, BORDERLINE, UNUSUAL),
    *(ANOTHER_POPULATION, NOT_A_FILM, TOO_FEW_NORMALS),
)

# Deprecated, for one more version: the words of 0.1, in ``ScoredFilm.verdict`` and the column 'verdict'.
# Read ``state``.
CALLED_NORMAL, CALLED_ABNORMAL, UNDECIDED = "normal", "abnormal", "undecided"
DEPRECATED = (
    "'verdict' is deprecated and goes with the next version: read 'state', which does not call a "
    "film normal where nothing unusual was found"
)


def state_of(
    score: float,
    threshold: float,
    interval: tuple[float, float],
    findings: Sequence[Finding] = (),
) -> str:
    """One of ``STATES``, for a film that has a score.

    Args:
        threshold: infinite where too few calibration normals support the false-alarm rate.
        interval: between which scores the threshold may lie: there a film is borderline.
        findings: doubts about the film as a whole, which leave no verdict: the rate was never
            measured on such films.
    """
    if any(finding.severity == ANOTHER for finding in findings):
        return ANOTHER_POPULATION
    if findings:
        return NOT_A_FILM
    if not np.isfinite(threshold):
        return TOO_FEW_NORMALS
    if interval[0] <= score <= interval[1]:
        return BORDERLINE
    return UNUSUAL if score > threshold else NOTHING_UNUSUAL


def former_verdict(state: str, score: float, threshold: float) -> str:
    """The word that 0.1 had for a state: 'normal', 'abnormal', 'undecided', 'another population'."""
    if state == ANOTHER_POPULATION:
        return ANOTHER_POPULATION.partition(":")[0]
    if state in (NOT_A_FILM, TOO_FEW_NORMALS):
        return UNDECIDED
    return CALLED_ABNORMAL if score > threshold else CALLED_NORMAL
