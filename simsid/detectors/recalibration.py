"""Recalibrate: the same networks, thresholds of the normals at hand. Seconds, no gradients.

Another hospital's films move scores of normals and abnormals alike. What has to be found anew is
where the normals of this place lie: threshold, p-values, the scale of maps, and which films are of
its population. Statistics of regions stay those of training; taking them from local normals too
was measured and gained nothing (docs/decisions/0015).
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from simsid.detectors.base import Detector
from simsid.detectors.calibration import Calibration
from simsid.detectors.population.check import PopulationCheck
from simsid.detectors.recalibrated import normals_were_given
from simsid.detectors.renewal import LEAST, normals_needed, refuse_too_few, renewed
from simsid.detectors.unusual_before import (
    AboveBefore,
    above_before,
    unusual_before,
)
from simsid.detectors.unusual_words import unusual_told
from simsid.detectors.usable_normals import left_out_in_words, usable_normals, without_names
from simsid.errors import SimsidError

__all__ = [
    "LEAST",
    "ON_AVERAGE",
    "films_needed",
    "recalibrate",
]

ON_AVERAGE = 0.0  # as a confidence: the rate holds on average over calibrations
OWN_LOOK = 100  # normals from which the look of the population is learned anew
_MOST_REMOVED = 0.5
_log = logging.getLogger(__name__)
_COVERED = 0.05  # share of these normals that a former population takes to be judged by them


def recalibrate(
    detector: Detector,
    normals: np.ndarray,
    false_alarm_rate: float | None = None,
    confidence: float | None = None,
    abnormal_share: float = 0.0,
    same_populations: bool = False,
    left_out: Mapping[str, int] | None = None,
    before: AboveBefore | None = None,
) -> Detector:
    """A copy of ``detector`` whose verdicts stand on these normals.

    With 100 normals and more, what their population looks like is learned anew, and films of the
    former populations are of another one. With fewer, the former populations are widened until
    they hold 96 % of these normals, and a film that looks like a population that less than 5 % of
    them look like is of another one. Films that would get no verdict set no threshold, and copies
    of one film count once: see ``usable_normals``; ``facts["recalibrated"]`` says how many were left
    out and why.

    Args:
        normals: (n, height, width) at the detector's size, uint8 or float in [0, 1]. At least 20
            that training has not seen: those that the detector's ``training_films`` know are left
            out, and of a detector without such a list nobody can check it.
        false_alarm_rate: None keeps the detector's own.
        confidence: see ``Calibration``. None keeps the detector's own where the normals are enough
            for it, else the rate holds on average, as with 0 (``ON_AVERAGE``).
        abnormal_share: of an archive without labels, at most how many films are abnormal, 0 to
            0.5. So many of the highest scores are left out, which assumes that abnormal films are
            among them; ``Calibration.rate_interval`` says what follows if they are not.
        same_populations: the normals are more films of populations that the model knows. Looks
            stay as they are, and each population has its own thresholds again. A population that
            too few of the films look like keeps the normals that it stands on.
        left_out: where the normals are those that ``usable_normals`` kept, how many others there
            were for each reason; None: they are all films, and are checked here.
        before: how many of the usable normals lie above the detector's own threshold, where somebody
            has counted, and tells of ``facts["recalibrated"]["unusual_before"]``. None: it is
            counted here, and logged as a warning where chance does not explain it.

    Raises:
        SimsidError: fewer than 20 normals are left, or too few for the rate (49 for 2 %) or for a
            confidence that was asked for, or a share out of range.
    """
    if same_populations and abnormal_share:
        raise SimsidError("films of the same populations must be normal: leave out the share")
    needed = films_needed(abnormal_share)
    own = copy.deepcopy(detector)
    images = own.as_batch(normals)
    if left_out is None:
        usable = usable_normals(own, images, same_populations)
        normals, images = np.asarray(normals)[usable.kept], images[torch.from_numpy(usable.kept)]
        left_out = usable.left_out
    kept = len(normals) - round(abnormal_share * len(normals))
    if len(normals) < needed:
        raise SimsidError(
            f"{len(normals)} films are too few to recalibrate on: at least {needed} are needed, "
            f"and 60 make a rate of 5 % certain within some percent{_left_out(left_out)}"
        )
    former = detector.calibration
    rate = false_alarm_rate or former.false_alarm_rate
    facts = _facts(normals, kept, abnormal_share) | {
        "same_populations": same_populations, "left_out": without_names(left_out),
    }  # fmt: skip
    if same_populations and len(former.names) > 1:
        own.calibration, told = renewed(own, images, rate, confidence)
        facts |= told
        given = [name for name in told["kept"] if normals_were_given(detector, name)]
        facts["given"] = [*told["renewed"], *given]
    else:
        facts["uncovered"] = _uncovered(detector, images)
        if not same_populations:
            _learn_look(own, images)
        sure = former.confidence if confidence is None else confidence or None
        if confidence is None and sure is not None and kept < normals_needed(rate, sure):
            sure = None
        own.calibrate(images, rate, confidence=sure)
        if kept < len(normals):
            own.calibration = _without_highest(own, len(normals) - kept)
        refuse_too_few(own.calibration, rate, sure)
    counted = above_before(detector, images) if before is None else before
    facts["unusual_before"] = unusual_before(former, counted, len(normals) - kept)
    own.facts = detector.facts | {"recalibrated": facts}
    if before is None and (unusual := unusual_told(own.facts)):
        _log.warning(unusual)
    return own


def _left_out(left_out: Mapping[str, int]) -> str:
    return f"; left out: {left_out_in_words(left_out)}" if left_out else ""


def _uncovered(detector: Detector, images: torch.Tensor) -> dict[str, int]:
    """Of several populations, those that hardly any of these normals look like: name to number.

    None where the normals are enough for a look of their own.
    """
    count, names = detector.population.num_populations, detector.calibration.names
    if count < 2 or len(images) >= OWN_LOOK:
        return {}
    names = names if len(names) == count else tuple(f"population {i + 1}" for i in range(count))
    like = detector.population.nearest(images.to(detector.device))
    return {
        name: index
        for index, name in enumerate(names)
        if float((like == index).float().mean()) < _COVERED
    }


def films_needed(abnormal_share: float) -> int:
    """How many films must be had for enough to be left once so many are taken out.

    Raises:
        SimsidError: the share is out of range.
    """
    if not 0 <= abnormal_share <= _MOST_REMOVED:
        raise SimsidError(
            f"the share of abnormal films must lie between 0 and {_MOST_REMOVED}, "
            f"not {abnormal_share}: with more of them an archive says nothing of normals"
        )
    return next(n for n in itertools.count(LEAST) if n - round(abnormal_share * n) >= LEAST)


def _learn_look(detector: Detector, images: torch.Tensor) -> None:
    if len(images) >= OWN_LOOK:
        detector.population = PopulationCheck().to(detector.device)
        detector.set_populations(lambda: iter(images.split(32)))
    elif detector.population.num_populations:
        detector.population.set_limits(images.to(detector.device))


def _without_highest(detector: Detector, count: int) -> Calibration:
    """Each score, and the look, without its ``count`` highest values."""
    calibration = detector.calibration
    scores = {name: values[: len(values) - count] for name, values in calibration.scores.items()}
    looks = (
        None if calibration.looks is None else calibration.looks[: len(calibration.looks) - count]
    )
    return Calibration(
        scores,
        calibration.false_alarm_rate,
        calibration.map_quantiles,
        confidence=calibration.confidence,
        looks=looks,
        removed=count,
    )


def _facts(normals: np.ndarray, kept: int, abnormal_share: float) -> dict[str, Any]:
    digest = hashlib.sha256(np.ascontiguousarray(normals).tobytes()).hexdigest()[:16]
    return {
        "films": len(normals),
        "calibration_normals": kept,
        "abnormal_share": abnormal_share,
        "fingerprint": digest,
    }
