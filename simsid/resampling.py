"""Images drawn anew with replacement, and the AUROC of each drawing: a leaf that all may import."""

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
    normals, abnormals = both_classes(labels, scores)
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


def both_classes(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of normals and of abnormals.

    Raises:
        ValueError: there are none of either.
    """
    normals, abnormals = scores[labels == 0], scores[labels == 1]
    if len(normals) == 0 or len(abnormals) == 0:
        raise ValueError("a bootstrap of the ROC curve needs normals and abnormals")
    return normals, abnormals


def draws(
    normals: int, abnormals: int, resamples: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """How often each image is drawn, (chunk, normals) and (chunk, abnormals)."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        rows = min(_CHUNK, resamples - start)
        yield drawn_counts(rng, rows, normals), drawn_counts(rng, rows, abnormals)


def drawn_counts(rng: np.random.Generator, rows: int, size: int) -> np.ndarray:
    """How often each of ``size`` things is drawn in each row, when as many are drawn."""
    drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
