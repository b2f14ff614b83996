"""Metrics of anomaly maps against exact masks. Higher map value = more abnormal."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from skimage.measure import label as connected_components
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

FPR_LIMIT = 0.3
NORMAL_PIXELS_FLAGGED = 0.01
_MEASURES = (
    "auroc", "aupro", "dice", "iou", "oracle_dice", "oracle_iou", "oracle_dice_threshold",
)  # fmt: skip


def pixel_metrics(
    maps: Float[np.ndarray, "n height width"],
    masks: Bool[np.ndarray, "n height width"],
    threshold: float | None,
) -> dict[str, float | None]:
    """Pixel AUROC, AUPRO, and Dice and IoU at a threshold, over all pixels of all images.

    Args:
        maps, masks: map values and truth, normals included (their masks are empty).
        threshold: a pixel above it is called abnormal. It must not come from these images: the
            caller takes the value that ``NORMAL_PIXELS_FLAGGED`` of calibration normals' pixels
            exceed. None leaves ``dice`` and ``iou`` empty.

    Returns:
        ``auroc``, ``aupro``, ``dice``, ``iou``, and ``oracle_dice``, ``oracle_iou`` at the threshold
        that is best on these very masks for both, ``oracle_dice_threshold``. None where a class of
        pixels is missing.
    """
    result: dict[str, float | None] = dict.fromkeys(_MEASURES)
    truth, values = masks.ravel(), maps.ravel()
    if truth.all() or not truth.any():
        return result
    result["auroc"] = float(roc_auc_score(truth, values))
    result["aupro"] = aupro(maps, masks)
    if threshold is not None:
        overlap = overlap_at(maps, masks, threshold)
        result["dice"], result["iou"] = overlap["dice"], overlap["iou"]
    best, result["oracle_dice_threshold"] = _best_dice(truth, values)
    result["oracle_dice"], result["oracle_iou"] = best, best / (2 - best)
    return result


def aupro(
    maps: Float[np.ndarray, "n height width"],
    masks: Bool[np.ndarray, "n height width"],
    fpr_limit: float = FPR_LIMIT,
) -> float | None:
    """Area under the per-region overlap curve up to a false-positive rate, in [0, 1].

    Each connected region of truth (8-neighbourhood) counts the same, however large. At each
    threshold the curve has the mean share of a region that is found, against the share of normal
    pixels that is flagged. A map without information scores ``fpr_limit / 2``.

    Source: Bergmann et al., MVTec AD, IJCV 2021, section 5.2.
    """
    weights = _region_weights(masks)
    truth = masks.ravel()
    if truth.all() or not truth.any():
        return None
    # A ROC curve whose positives weigh 1 / (size of their region) is the overlap curve.
    fpr, overlap, _ = roc_curve(truth, maps.ravel(), sample_weight=weights.ravel())
    return area_to(fpr_limit, fpr, overlap)


def area_to(limit: float, fpr: Float[np.ndarray, " n"], overlap: Float[np.ndarray, " n"]) -> float:
    """Area under a curve from 0 to a false-positive rate, as a share of what a perfect one has."""
    inside = fpr <= limit
    at_limit = np.interp(limit, fpr, overlap)
    area = np.trapezoid(np.append(overlap[inside], at_limit), np.append(fpr[inside], limit))
    return float(area / limit)


def overlap_at(
    maps: Float[np.ndarray, "n height width"],
    masks: Bool[np.ndarray, "n height width"],
    threshold: float,
) -> dict[str, float | None]:
    """Dice 2|A∩B| / (|A|+|B|) and IoU |A∩B| / (|A|+|B|-|A∩B|), A being ``maps > threshold``."""
    found = maps > threshold
    both = int((found & masks).sum())
    total = int(found.sum()) + int(masks.sum())
    if total == 0:
        return {"dice": None, "iou": None}
    return {"dice": 2 * both / total, "iou": both / (total - both)}


def _region_weights(
    masks: Bool[np.ndarray, "n height width"],
) -> Float[np.ndarray, "n height width"]:
    """1 for normal pixels; for a pixel of truth, one over the size of its region."""
    weights = np.ones(masks.shape, np.float64)
    for index in np.flatnonzero(masks.any((1, 2))):
        regions = connected_components(masks[index], connectivity=2)
        sizes = np.bincount(regions.ravel()).astype(np.float64)
        sizes[0] = 1.0
        weights[index] = 1.0 / sizes[regions]
    return weights


def _best_dice(
    truth: Bool[np.ndarray, " p"], values: Float[np.ndarray, " p"]
) -> tuple[float, float]:
    precision, recall, thresholds = precision_recall_curve(truth, values)
    with np.errstate(invalid="ignore"):
        dice = np.nan_to_num(2 * precision * recall / (precision + recall))[:-1]
    best = int(dice.argmax())
    return float(dice[best]), float(thresholds[best])
