"""The parts of ``report.json``: each from a detector, a labelled part and its prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from simsid.data.datasets import LabelledImages
from simsid.detectors.base import Detector
from simsid.evaluation import metrics, reconstruction
from simsid.evaluation.boxes import box_metrics
from simsid.evaluation.groups import calibration_by_group
from simsid.evaluation.pixels import NORMAL_PIXELS_FLAGGED, pixel_metrics
from simsid.evaluation.saturated_overlap import FPR_LIMIT, saturated_overlap
from simsid.prediction import Prediction

LOGICAL = "logical"
_LEAST_TO_SHIFT, _FARTHEST = 50, 0.2


def image_measures(
    detector: Detector,
    labels: np.ndarray,
    prediction: Prediction,
    decided: np.ndarray | None = None,
) -> dict[str, Any]:
    """Ranking, verdicts at the calibrated threshold, and what the best threshold would give.

    Accuracy, sensitivity and specificity count every film by its score; ``found`` and the shares of
    normals flagged those alone that get a verdict in use.

    Args:
        decided: whether each film gets a verdict, see ``get_a_verdict``; None: all do.
    """
    calibration, name = detector.calibration, detector.score_names[0]
    thresholds = {
        told: calibration.threshold(name, index) for index, told in enumerate(calibration.names)
    }
    flagged = calibration.is_abnormal(name, prediction.score, prediction.population)
    decisions: dict[str, Any] = metrics.decision_metrics(labels, flagged)
    threshold: float | None = next(iter(thresholds.values()))
    if not np.isfinite(list(thresholds.values())).all():  # too few normals: no verdicts
        threshold, decisions = None, dict.fromkeys(decisions)
    return (
        metrics.ranking_metrics(labels, prediction.score)
        | decisions
        | {"threshold": threshold, "thresholds": thresholds}
        | {"found": found_by_population(detector, labels, prediction, decided)}
        | {"without_verdict": _without_verdict(labels, decided)}
        | {"false_alarm_rate": calibration.false_alarm_rate}
        | metrics.oracle_metrics(labels, prediction.score)
    )


def _without_verdict(labels: np.ndarray, decided: np.ndarray | None) -> dict[str, int]:
    out = np.zeros(len(labels), bool) if decided is None else ~decided
    return {name: int((out & (labels == i)).sum()) for i, name in enumerate(("normal", "abnormal"))}


def found_by_population(
    detector: Detector,
    labels: np.ndarray,
    prediction: Prediction,
    decided: np.ndarray | None = None,
) -> dict[str, dict[str, Any]]:
    """Of the abnormal films that each population's threshold judges: 'n', and the 'share' above it.

    Films that get no verdict are judged by none.

    The share is None where there are no such films, or the threshold is infinite: too few normals.
    """
    calibration, name = detector.calibration, detector.score_names[0]
    above = calibration.is_abnormal(name, prediction.score, prediction.population)
    judged_by = prediction.population
    if judged_by is None:
        judged_by = np.zeros(len(labels), np.int64)
    told = {}
    for index, population in enumerate(calibration.names):
        own = (labels == 1) & (judged_by == index)
        own = own if decided is None else own & decided
        firm = own.any() and np.isfinite(calibration.threshold(name, index))
        told[population] = {
            "n": int(own.sum()),
            "share": float(above[own].mean()) if firm else None,
        }
    return told


def shifted_measures(
    detector: Detector,
    labelled: LabelledImages,
    prediction: Prediction,
    decided: np.ndarray | None = None,
) -> dict[str, Any] | None:
    """The same ranking against the normals alone that look least like the training normals.

    A fifth of the normals, by ``PopulationCheck``; a first look at what another hospital's normals
    would do. ``--split shifted`` holds such normals out of training, too. None where the model has
    no such check, or fewer than 50 normals were measured.
    """
    normals = np.flatnonzero(labelled.labels == 0)
    if not detector.population.num_populations or len(normals) < _LEAST_TO_SHIFT:
        return None
    batch = detector.as_batch(labelled.images[normals]).to(detector.device)
    distance = detector.population.distances(batch).amin(1).cpu().numpy()
    far = normals[np.argsort(-distance, kind="stable")[: round(_FARTHEST * len(normals))]]
    kept = np.sort(np.concatenate([far, np.flatnonzero(labelled.labels == 1)]))
    calibration, name = detector.calibration, detector.score_names[0]
    flagged = calibration.is_abnormal(name, prediction.score, prediction.population)
    told = far if decided is None else far[decided[far]]
    return {
        "normals": len(far),
        "flagged": metrics.share_interval(int(flagged[told].sum()), len(told)),
    } | metrics.ranking_metrics(labelled.labels[kept].astype(np.int64), prediction.score[kept])


def group_measures(
    detector: Detector,
    labelled: LabelledImages,
    prediction: Prediction,
    decided: np.ndarray | None = None,
) -> dict[str, Any]:
    """The false-alarm rate and AUROC of all films, and by view, age and sex where known."""
    calibration, name = detector.calibration, detector.score_names[0]
    flagged = None
    populations = range(len(calibration.names))
    if any(np.isfinite(calibration.threshold(name, each)) for each in populations):
        flagged = calibration.is_abnormal(name, prediction.score, prediction.population)
    return calibration_by_group(
        labelled.labels,
        prediction.score,
        flagged,
        labelled.attributes,
        [(calibration.rank_of(each), calibration.num_normals_of(each)) for each in populations],
        calibration.false_alarm_rate,
        decided,
        prediction.population,
    )


def calibration_measures(
    detector: Detector,
    labels: np.ndarray,
    prediction: Prediction,
    decided: np.ndarray | None = None,
) -> dict[str, Any]:
    """Does the promised false-alarm rate hold on normals that calibration never saw?"""
    calibration, name = detector.calibration, detector.score_names[0]
    normal = labels == 0 if decided is None else (labels == 0) & decided
    flagged = calibration.is_abnormal(name, prediction.score, prediction.population)[normal]
    own = calibration.is_abnormal(name, calibration.scores[name], calibration.populations)
    return {
        "false_alarm_rate": calibration.false_alarm_rate,
        "rate_confidence": calibration.confidence,
        "calibration_normals_flagged": metrics.share_interval(int(own.sum()), len(own)),
        "normals_flagged": metrics.share_interval(int(flagged.sum()), len(flagged)),
    }


def pixel_measures(
    detector: Detector, labelled: LabelledImages, prediction: Prediction
) -> dict[str, Any] | None:
    """Pixel metrics over images whose truth is known; None for a set without masks."""
    if labelled.masks is None:
        return None
    masked, abnormal = labelled.has_pixel_truth, labelled.labels == 1
    threshold = _map_threshold(detector)
    values = pixel_metrics(prediction.anomaly_map[masked, 0], labelled.masks[masked], threshold)
    return values | {
        "threshold": threshold,
        "normal_pixels_flagged": NORMAL_PIXELS_FLAGGED,
        "n": int(masked.sum()),
        "abnormal_with_mask": int((masked & abnormal).sum()),
        "abnormal_without_mask": int((~masked & abnormal).sum()),
        "normal_with_unknown_truth": int((~masked & ~abnormal).sum()),
    }


def logical_measures(labelled: LabelledImages, prediction: Prediction) -> dict[str, Any] | None:
    """Saturated overlap (sPRO) of logical anomalies, of all and of each kind.

    Over these and the normals. None for a set whose truth does not say what part of it is enough:
    all but DigitAnatomy 2.
    """
    placed = labelled.placed
    if placed is None:
        return None
    logical, normal = placed.families == LOGICAL, labelled.labels == 0
    if not logical.any():
        return None

    def overlap(members: np.ndarray) -> float | None:
        chosen = np.flatnonzero(normal | members)
        enough = [placed.saturations[index] for index in chosen]
        maps = prediction.anomaly_map[chosen, 0]
        return saturated_overlap(maps, placed.regions[chosen], enough)

    kinds = dict.fromkeys(labelled.kinds[logical].tolist())
    return {
        "spro": overlap(logical),
        "fpr_limit": FPR_LIMIT,
        "n": int(logical.sum()),
        "by_kind": {str(kind): overlap(logical & (labelled.kinds == kind)) for kind in kinds},
    }


def box_measures(
    detector: Detector, labelled: LabelledImages, prediction: Prediction
) -> dict[str, Any] | None:
    """The map against the boxes of those abnormals that have any; None without boxes."""
    if labelled.boxes is None:
        return None
    boxed = [i for i, of_film in enumerate(labelled.boxes) if labelled.labels[i] and len(of_film)]
    if not boxed:
        return None
    threshold = _map_threshold(detector)
    boxes = [labelled.boxes[index] for index in boxed]
    return box_metrics(prediction.anomaly_map[boxed, 0], boxes, threshold) | {
        "threshold": threshold,
        "normal_pixels_flagged": NORMAL_PIXELS_FLAGGED,
        "abnormal_without_box": int(labelled.labels.sum()) - len(boxed),
    }


def _map_threshold(detector: Detector) -> float | None:
    """The map value that 1 % of the pixels of calibration normals exceed."""
    kept = detector.calibration.map_quantiles
    return None if kept is None else kept[1]


def reconstruction_measures(
    labelled: LabelledImages, labels: np.ndarray, prediction: Prediction
) -> dict[str, Any] | None:
    """Means over normals and over abnormals; None for a detector that rebuilds nothing."""
    if prediction.reconstruction is None:
        return None
    images = labelled.images.astype(np.float32) / 255.0
    rebuilt = prediction.reconstruction[:, 0]
    by_image = {
        "mse": reconstruction.mse(images, rebuilt),
        "kl": reconstruction.kl_divergence(images, rebuilt),
        "ssim": reconstruction.ssim(images, rebuilt),
    }
    groups = {"normal": labels == 0, "abnormal": labels == 1}
    return {
        name: {
            group: float(values[chosen].mean()) if chosen.any() else None
            for group, chosen in groups.items()
        }
        for name, values in by_image.items()
    } | {"kl_bins": reconstruction.HISTOGRAM_BINS}
