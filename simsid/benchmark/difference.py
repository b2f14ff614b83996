"""The difference of two rows in AUROC: how far other images, and other seeds, could move it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

from simsid.benchmark.records import CaseSummary, Difference


def paired_difference(
    by_seed: Sequence[float], drawn: Float[np.ndarray, "seeds resamples"]
) -> Difference:
    """Mean difference over seeds, with what it rests on.

    The variance is that of the images (bootstrap of the mean difference) plus that of the seeds
    (between their differences, over their number); with so few seeds the interval and the
    two-sided p-value are Student's, with Satterthwaite's degrees of freedom. Source: Satterthwaite,
    Biometrics Bulletin 1946.

    Args:
        by_seed: one row minus the other, trained with the same seed, on the same images.
        drawn: the same of each bootstrap sample of the images.

    Returns:
        One seed says nothing of others: ``p`` is None, and ``ci`` is of the images alone.
    """
    count = len(by_seed)
    images = float(np.mean(drawn, axis=0).var(ddof=1))
    seeds = float(np.var(by_seed, ddof=1)) / count if count > 1 else 0.0
    freedom = (images + seeds) ** 2 / seeds**2 * (count - 1) if seeds else np.inf
    difference, error = float(np.mean(by_seed)), float(np.sqrt(images + seeds))
    reach = float(student.ppf(0.975, freedom)) * error
    p_value = float(2 * student.sf(abs(difference) / max(error, 1e-12), freedom))
    return Difference(
        difference=difference,
        ci=(difference - reach, difference + reach),
        p=p_value if count > 1 else None,
        seeds=count,
    )


def what_differences_cover(summary: Sequence[CaseSummary]) -> str:
    """For the readers of a sweep's table; ``summary`` as ``summarise`` gives it."""
    values = [value for entry in summary for value in entry.scores.values()]
    seeds = [value.difference_seeds for value in values if value.difference_seeds is not None]
    if not seeds:
        return "There are no differences: no two rows have a seed in common."
    if max(seeds) == 1:
        return (
            "Differences are paired by image; there is one training seed, so their intervals cover "
            "the measured images only, not another training."
        )
    text = (
        "Differences are paired by seed and image, and their intervals cover both: the variance of "
        "the images (bootstrap) plus that of the seeds, with Satterthwaite's degrees of freedom"
    )
    return text + ("; with one seed, the images only." if min(seeds) == 1 else ".")
