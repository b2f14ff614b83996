"""Evaluate a detector on the test part of a data set, which is read once and here only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simsid.data.datasets import LabelledImages, RadiographData
from simsid.detectors.base import Detector
from simsid.errors import DataError, SimsidError
from simsid.evaluation import metrics, reconstruction
from simsid.evaluation.pixels import NORMAL_PIXELS_FLAGGED, pixel_metrics
from simsid.evaluation.provenance import kit_commit, versions
from simsid.prediction import Prediction

FORMAT_VERSION = 1
_BATCH = 64
_SAME_SCORE = 1e-3

Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class Evaluation:
    """Results, and the predictions that figures are drawn from.

    Attributes:
        results: what ``report.json`` holds; strictly JSON.
        test: the test part.
        prediction: of the test part.
    """

    results: dict[str, Any]
    test: LabelledImages
    prediction: Prediction


def evaluate_detector(
    detector: Detector, data: RadiographData, progress: Progress | None = None
) -> dict[str, Any]:
    """The results of :func:`evaluate` alone."""
    return evaluate(detector, data, progress).results


def evaluate(
    detector: Detector, data: RadiographData, progress: Progress | None = None
) -> Evaluation:
    """Score the test part once and measure everything on it. Higher score = more abnormal.

    The threshold of the image verdict is the detector's own, from its calibration normals; that of
    the pixel verdict is the value which 1 % of its calibration normals' pixels exceed.

    Args:
        progress: wraps an iterable of batches, given their number; for a progress bar.

    Raises:
        DataError: there is no test part, or its images do not fit the detector.
        SimsidError: the detector is not calibrated, or gave scores that are not finite.
    """
    test = data.test
    if test is None or len(test) == 0:
        raise DataError(f"'{data.name}' has no labelled test part to evaluate on")
    if detector.calibration is None:
        raise SimsidError(f"'{detector.name}' is not calibrated: train it, or load a model folder")
    if data.test.images.shape[1:] != detector.image_size:
        raise DataError(
            f"test images have {test.images.shape[1]}x{test.images.shape[2]} px, the model takes "
            f"{detector.image_size[0]}x{detector.image_size[1]} px"
        )
    started = time.perf_counter()
    prediction = _predict(detector, test.images, progress)
    seconds = time.perf_counter() - started
    labels = test.labels.astype(np.int64)
    results = {
        "format_version": FORMAT_VERSION,
        "detector": detector.name,
        "score": detector.score_names[0],
        "n": _counts(data, test),
        "image": _image(detector, labels, prediction),
        "by_kind": metrics.auroc_by_kind(labels, prediction.score, test.kinds),
        "by_score": {
            name: metrics.ranking_metrics(labels, prediction.scores[name])
            for name in detector.score_names
        },
        "pixel": _pixel(detector, test, prediction),
        "reconstruction": _reconstruction(test, labels, prediction),
        "calibration": _calibration(detector, labels, prediction)
        | {"is_own": _is_own(detector, data)},
        "data": {"name": data.name, "facts": data.facts},
        "data_fingerprint": data.fingerprint,
        "model": _model(detector),
        "commit": kit_commit(),
        "versions": versions(),
        "images_per_second": len(test) / seconds,
    }
    results["seconds"] = time.perf_counter() - started
    return Evaluation(strict_json(results), test, prediction)


def strict_json(value: Any) -> Any:
    """Plain JSON types only; a number that is not finite becomes None."""
    if isinstance(value, dict):
        return {str(key): strict_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict_json(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return strict_json(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _predict(detector: Detector, images: np.ndarray, progress: Progress | None) -> Prediction:
    starts = range(0, len(images), _BATCH)
    wrapped = starts if progress is None else progress(starts, len(starts))
    parts = [detector.predict(images[start : start + _BATCH]) for start in wrapped]
    prediction = Prediction.concatenate(parts)
    for name, values in prediction.scores.items():
        if not np.isfinite(values).all():
            raise SimsidError(f"'{detector.name}' gave {name} scores that are not finite")
    return prediction


def _is_own(detector: Detector, data: RadiographData) -> bool:
    """Whether these calibration normals are those the detector was calibrated on."""
    if len(data.calibration) == 0:
        return False
    again = np.sort(_predict(detector, data.calibration, None).score)
    kept = detector.calibration.scores[detector.score_names[0]]
    return len(kept) == len(again) and np.allclose(kept, again, _SAME_SCORE, _SAME_SCORE)


def _counts(data: RadiographData, test: LabelledImages) -> dict[str, int]:
    return {
        "train": len(data.train),
        "calibration": len(data.calibration),
        "test": len(test),
        "test_normal": int((test.labels == 0).sum()),
        "test_abnormal": int((test.labels == 1).sum()),
    }


def _image(detector: Detector, labels: np.ndarray, prediction: Prediction) -> dict[str, Any]:
    calibration, name = detector.calibration, detector.score_names[0]
    threshold = calibration.threshold(name)
    decisions = metrics.decision_metrics(labels, calibration.is_abnormal(name, prediction.score))
    if not np.isfinite(threshold):  # too few calibration normals for this rate: no verdicts
        threshold, decisions = None, dict.fromkeys(decisions)
    return (
        metrics.ranking_metrics(labels, prediction.score)
        | decisions
        | {"threshold": threshold, "false_alarm_rate": calibration.false_alarm_rate}
        | metrics.oracle_metrics(labels, prediction.score)
    )


def _pixel(
    detector: Detector, test: LabelledImages, prediction: Prediction
) -> dict[str, Any] | None:
    """Pixel metrics over normals and those abnormals that have a mask; None without masks."""
    if test.masks is None:
        return None
    kept = detector.calibration.map_quantiles
    threshold = None if kept is None else kept[1]
    masked = (test.labels == 0) | test.masks.any((1, 2))
    values = pixel_metrics(prediction.anomaly_map[masked, 0], test.masks[masked], threshold)
    return values | {
        "threshold": threshold,
        "normal_pixels_flagged": NORMAL_PIXELS_FLAGGED,
        "n": int(masked.sum()),
        "abnormal_without_mask": int((~masked).sum()),
    }


def _reconstruction(
    test: LabelledImages, labels: np.ndarray, prediction: Prediction
) -> dict[str, Any] | None:
    """Means over normals and over abnormals; None for a detector that rebuilds nothing."""
    if prediction.reconstruction is None:
        return None
    images = test.images.astype(np.float32) / 255.0
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


def _calibration(detector: Detector, labels: np.ndarray, prediction: Prediction) -> dict[str, Any]:
    """Does the promised false-alarm rate hold on normals that calibration never saw?"""
    calibration, name = detector.calibration, detector.score_names[0]
    flagged = calibration.is_abnormal(name, prediction.score[labels == 0])
    own = calibration.is_abnormal(name, calibration.scores[name])
    return {
        "false_alarm_rate": calibration.false_alarm_rate,
        "calibration_normals_flagged": metrics.share_interval(int(own.sum()), len(own)),
        "test_normals_flagged": metrics.share_interval(int(flagged.sum()), len(flagged)),
    }


def _model(detector: Detector) -> dict[str, Any]:
    return {
        "image_size": list(detector.image_size),
        "grid_size": list(detector.grid_size),
        "parameters": sum(p.numel() for p in detector.parameters()),
        "device": str(detector.device),
        "facts": detector.facts,
    }
