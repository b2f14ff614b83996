"""Stratified bootstrap: normals and abnormals are each drawn anew, with replacement."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from simsid.resampling import (
    RESAMPLES,
    auroc_interval,
    auroc_resamples,
    both_classes,
    drawn_counts,
    draws,
    interval_of,
)

__all__ = [
    "RESAMPLES",
    "auroc_interval",
    "auroc_resamples",
    "curve_bands",
    "draws",
    "interval_of",
    "mean_interval",
]


def mean_interval(
    values: Float[np.ndarray, " n"],
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a mean over films.

    Raises:
        ValueError: there are no values.
    """
    if len(values) == 0:
        raise ValueError("a mean of no values has no interval")
    counts = drawn_counts(np.random.default_rng(seed), resamples, len(values))
    return interval_of(counts @ values / len(values), level)


def curve_bands(
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    grid: Float[np.ndarray, " points"],
    level: float = 0.95,
    resamples: int = 300,
    seed: int = 0,
) -> dict[str, Float[np.ndarray, "2 points"]]:
    """Pointwise intervals of the ROC and precision-recall curves.

    Returns:
        ``roc``: low and high sensitivity at each false-alarm rate of ``grid``; ``pr``: low and
        high precision at each recall of ``grid``.

    Raises:
        ValueError: a class is missing.
    """
    normals, abnormals = both_classes(labels, scores)
    thresholds = np.unique(scores)[::-1]
    normal_rank = _rank(thresholds, normals)
    abnormal_rank = _rank(thresholds, abnormals)
    roc, pr = [], []
    for chunk in draws(len(normals), len(abnormals), resamples, seed):
        for drawn_normals, drawn_abnormals in zip(*chunk, strict=True):
            alarms = np.cumsum(np.bincount(normal_rank, drawn_normals, len(thresholds)))
            hits = np.cumsum(np.bincount(abnormal_rank, drawn_abnormals, len(thresholds)))
            recall = hits / hits[-1]
            flagged = np.maximum(alarms + hits, 1)
            roc.append(np.interp(grid, np.append(0, alarms / alarms[-1]), np.append(0, recall)))
            first = np.searchsorted(recall, grid, side="left").clip(0, len(recall) - 1)
            pr.append((hits / flagged)[np.maximum(first, np.flatnonzero(hits)[0])])
    tails = [(1 - level) / 2, (1 + level) / 2]
    return {"roc": np.quantile(roc, tails, axis=0), "pr": np.quantile(pr, tails, axis=0)}


def _rank(thresholds: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Index of each score among the descending thresholds."""
    return len(thresholds) - 1 - np.searchsorted(thresholds[::-1], scores)
