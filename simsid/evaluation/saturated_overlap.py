"""Saturated per-region overlap: how much is found of defects that need not be found whole.

Of two equal digits either may be the wrong one. The truth holds both, and finding as many pixels
as one of them has is enough: the region's saturation.

Source: Bergmann et al., Beyond Dents and Scratches (MVTec LOCO), IJCV 2022, section 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from sklearn.metrics import roc_curve

from simsid.evaluation.pixels import area_to

FPR_LIMIT = 0.05


def saturated_overlap(
    maps: Float[np.ndarray, "n height width"],
    regions: Int[np.ndarray, "n height width"],
    saturations: Sequence[Sequence[int]],
    fpr_limit: float = FPR_LIMIT,
) -> float | None:
    """Area under the curve of saturated overlap up to a false-positive rate, in [0, 1].

    At each threshold the curve has, over all regions, the mean of min(found / saturation, 1),
    against the share of pixels outside every region that are flagged. Where each saturation is its
    region's size, it is ``simsid.evaluation.pixels.aupro``. A map without information scores
    about ``fpr_limit / 2`` times mean size over saturation.

    Args:
        maps: higher = more abnormal.
        regions: 0 outside; k in the k-th region of its image, from 1. Normal images are all 0.
        saturations: of each image, the pixels of each region that are enough, at least 1 each.
        fpr_limit: above 0, at most 1. LOCO's tables use 0.05.

    Returns:
        The area divided by ``fpr_limit``; None where there is no region or nothing outside.

    Raises:
        ValueError: the limit or a saturation is out of range, or an image has a region without a
            saturation.
    """
    if not 0 < fpr_limit <= 1:
        raise ValueError(f"fpr_limit must lie above 0 and at most at 1, got {fpr_limit}")
    outside = regions == 0
    if outside.all() or not outside.any():
        return None
    weights = outside.astype(np.float64)
    for index in np.flatnonzero(~outside.all(axis=(1, 2))).tolist():
        _weigh_regions(weights[index], maps[index], regions[index], saturations[index])
    # A ROC curve whose positives are each region's first pixels, as many as saturate it, weighing
    # 1 / saturation, is the curve of saturated overlap.
    fpr, overlap, _ = roc_curve(
        ~outside.ravel(), maps.ravel(), sample_weight=weights.ravel(), drop_intermediate=False
    )
    return area_to(fpr_limit, fpr, overlap)


def _weigh_regions(
    weights: Float[np.ndarray, "height width"],
    values: Float[np.ndarray, "height width"],
    regions: Int[np.ndarray, "height width"],
    saturations: Sequence[int],
) -> None:
    """Set the weights of one image's regions: 1 / saturation for the highest, 0 beyond."""
    if int(regions.max()) > len(saturations):
        raise ValueError(f"{int(regions.max())} regions have {len(saturations)} saturations")
    for number, enough in enumerate(saturations, start=1):
        place = np.nonzero(regions == number)
        if not 1 <= enough <= max(len(place[0]), 1):
            raise ValueError(
                f"a region of {len(place[0])} pixels cannot have a saturation of {enough}"
            )
        first = np.argsort(-values[place], kind="stable")[:enough]
        weights[place[0][first], place[1][first]] = 1 / enough
