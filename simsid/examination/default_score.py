"""The default score, put together from the examination: no label, no data set's name.

A score may not be blind to a family of anomalies that one of its parts sees. Where it is, the part
that sees most of what was missed gets half of the weight; the new score stays only if it sees more
on the whole. Families that the method was trained with do not judge.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from simsid.detectors.base import FUSED, Detector
from simsid.detectors.weakness import BEHIND, SEES_NOTHING, Weakness
from simsid.examination.examine import Examination, examine, parts_of

BLIND = 0.65  # AUROC for strong anomalies below which a score is blind
SEEN = 0.85  # and above which a part sees them
_WORSE = 0.05  # by which a part must beat the default score on the whole before it is told
_NOTHING = 0.6


def settle_score(
    detector: Detector, normals: np.ndarray, calibrate: Callable[[], None], may_change: bool = True
) -> Examination | None:
    """Examine a calibrated detector, and mend its default score if that is blind.

    Args:
        normals: calibration normals; training never saw them.
        calibrate: calibrates the detector anew, after its score has changed.
        may_change: False only examines: the user chose the score.
    """
    examination = examine(detector, normals)
    if examination is None or not may_change or not detector.settles_score:
        return examination
    part = missing_part(detector, examination)
    if part is None:
        return examination
    before = detector.config
    weights = [(name, 0.5 * weight) for name, weight in _shares(detector) if weight]
    detector.config = dataclasses.replace(before, fusion=(*weights, (part, 0.5)))
    calibrate()
    mended = examine(detector, normals)
    if mended is not None and mended.mean(FUSED) > examination.mean(FUSED):
        return dataclasses.replace(mended, added=(part,))
    detector.config = before
    calibrate()
    return examination


def missing_part(detector: Detector, examination: Examination) -> str | None:
    """The part that sees most of the families to which the default score is blind."""
    blind = [f for f in examination.judging if examination.strong(FUSED, f) < BLIND]
    weights = dict(_shares(detector))
    seen = {
        part: [examination.strong(part, family) for family in blind]
        for part in parts_of(detector)
        if weights.get(part, 0.0) < 0.5
    }
    count = {part: sum(value > SEEN for value in values) for part, values in seen.items()}
    best = max(count, key=lambda part: (count[part], sum(seen[part])), default=None)
    return best if best is not None and count[best] else None


def _shares(detector: Detector) -> list[tuple[str, float]]:
    return list(zip(detector.components, detector.fusion_weights().tolist(), strict=True))


def findings_of(examination: Examination) -> list[str]:
    """Sentences on the default score that a user must know; mostly none."""
    told = [
        f"training gave half of the default score to '{part}', another score of this model: it sees kinds "
        "of the anomalies made for the examination that the default score had missed"
        for part in examination.added
    ]
    weakness = weakness_of(examination)
    return told if weakness is None else [*told, weakness.message]


def weakness_of(examination: Examination) -> Weakness | None:
    """What is wrong with the default score: it sees nothing, or a part of it sees more.

    More than chance: the whole interval of the difference lies above zero. And enough to matter:
    the means differ by at least 0.05.
    """
    strongest = max(examination.strong(FUSED, family) for family in examination.judging)
    if strongest < _NOTHING:
        return Weakness(SEES_NOTHING, strongest)
    own = examination.mean(FUSED)
    better = {
        part: examination.mean(part)
        for part, least in examination.ahead.items()
        if least > 0 and examination.mean(part) >= own + _WORSE
    }
    if not better:
        return None
    best = max(better, key=lambda part: better[part])
    return Weakness(BEHIND, own, best, better[best])
