"""Normals above a model's own threshold before it is recalibrated on them: too many for chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import betabinom, binom

from simsid.detectors.base import Detector
from simsid.detectors.calibration import Calibration
from simsid.detectors.usable_normals import get_a_verdict

_BY_CHANCE = 0.001
_BATCH = 32


@dataclass(frozen=True)
class AboveBefore:
    """Films with a verdict of the former model, and those of them above its threshold.

    Attributes:
        above: how many lay above it. judged: how many had a verdict, of each of its populations.
    """

    above: int
    judged: tuple[int, ...]


def above_before(detector: Detector, images: torch.Tensor) -> AboveBefore:
    """Count over prepared films, (n, 1, height, width) float in [0, 1]."""
    calibration, name, above = detector.calibration, detector.score_names[0], 0
    thresholds = [calibration.threshold(name, i) for i in range(len(calibration.names))]
    judged = np.zeros(len(thresholds), np.int64)
    for part in images.split(_BATCH):
        told = detector.predict(part)
        like = np.zeros(len(part), np.int64) if told.population is None else told.population
        limits = np.array(thresholds)[like]
        decided = get_a_verdict(detector, part) & np.isfinite(limits)
        judged += np.bincount(like[decided], minlength=len(judged))
        above += int((told.score > limits)[decided].sum())
    return AboveBefore(above, tuple(judged.tolist()))


def by_chance(calibration: Calibration, above: int, judged: Sequence[int]) -> float:
    """Probability that as many of these normals or more lie above the threshold, were they like its own.

    The larger one of two: that of the stated rate, and that of the threshold, which is an order
    statistic of few normals and so may be off. Source: Vovk 2012, as ``rate_interval``.

    Args:
        calibration: of the former model. judged: films with a verdict, of each of its populations.
    """
    chances = np.ones(1)
    for population, films in enumerate(judged):
        if films:
            rank, count = calibration.rank_of(population), calibration.num_normals_of(population)
            drawn = betabinom(films, rank + calibration.removed, count + 1 - rank)
            chances = np.convolve(chances, drawn.pmf(np.arange(films + 1)))
    stated = binom.sf(above - 1, sum(judged), calibration.false_alarm_rate)
    return max(float(stated), float(chances[max(above, 0) :].sum()))


def unusual_before(calibration: Calibration, before: AboveBefore, removed: int = 0) -> list[int]:
    """How many of how many lay above the former threshold; empty where chance explains it.

    Args:
        calibration: of the former model.
        removed: of an archive, how many of the highest scores are left out as possibly abnormal.
    """
    if by_chance(calibration, before.above - removed, before.judged) >= _BY_CHANCE:
        return []
    return [before.above, sum(before.judged)]
