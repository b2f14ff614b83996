"""Stratified bootstrap: normals and abnormals are each drawn anew, with replacement."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

RESAMPLES = 1000
_CHUNK = 50


def auroc_interval(
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of the AUROC; the same seed gives the same interval.

    It says how far other test images of the same kind could move the number. It does not cover
    training: for that, train with several seeds.

    Raises:
        ValueError: a class is missing.
    """
    return interval_of(auroc_resamples(labels, scores, resamples, seed), level)


def interval_of(
    values: Float[np.ndarray, " resamples"], level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of resampled values."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def auroc_resamples(
    labels: Int[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Float[np.ndarray, " resamples"]:
    """AUROC of each bootstrap sample.

    The same labels and seed draw the same images, so two scores' resamples may be subtracted
    (a paired difference) or averaged (over training seeds) one by one.

    Raises:
        ValueError: a class is missing.
    """
    normals, abnormals = _split(labels, scores)
    order = np.argsort(normals, kind="stable")
    normals = normals[order]
    below = np.searchsorted(normals, abnormals, side="left")
    up_to = np.searchsorted(normals, abnormals, side="right")
    values = []
    for drawn_normals, drawn_abnormals in draws(len(normals), len(abnormals), resamples, seed):
        ranked = drawn_normals[:, order]  # counts belong to images: ranks differ between scores
        passed = np.pad(np.cumsum(ranked, axis=1), ((0, 0), (1, 0)))
        wins = (passed[:, below] + passed[:, up_to]) / 2  # ties count half
        values.append((wins * drawn_abnormals).sum(1) / (len(normals) * len(abnormals)))
    return np.concatenate(values)


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
    counts = _counts(np.random.default_rng(seed), resamples, len(values))
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
    normals, abnormals = _split(labels, scores)
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


def _split(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    normals, abnormals = scores[labels == 0], scores[labels == 1]
    if len(normals) == 0 or len(abnormals) == 0:
        raise ValueError("a bootstrap of the ROC curve needs normals and abnormals")
    return normals, abnormals


def _rank(thresholds: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Index of each score among the descending thresholds."""
    return len(thresholds) - 1 - np.searchsorted(thresholds[::-1], scores)


def draws(
    normals: int, abnormals: int, resamples: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """How often each image is drawn, (chunk, normals) and (chunk, abnormals)."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        rows = min(_CHUNK, resamples - start)
        yield _counts(rng, rows, normals), _counts(rng, rows, abnormals)


def _counts(rng: np.random.Generator, rows: int, size: int) -> np.ndarray:
    drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
