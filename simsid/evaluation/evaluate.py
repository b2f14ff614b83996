"""Evaluate a detector on a labelled part of a data set; the test part is read here only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simsid.data.datasets import LabelledImages, RadiographData
from simsid.detectors.base import Detector
from simsid.detectors.usable_normals import get_a_verdict
from simsid.errors import DataError, SimsidError
from simsid.evaluation import measures, metrics
from simsid.evaluation.provenance import kit_commit, versions
from simsid.evaluation.report_files import PARTS
from simsid.evaluation.seen import seen_of
from simsid.prediction import Prediction

FORMAT_VERSION = 2
_BATCH = 64
_SAME_SCORE = 1e-3

Progress = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class Evaluation:
    """Results, and the predictions that figures are drawn from.

    Attributes:
        results: what ``report.json`` holds; strictly JSON.
        labelled: the part that was measured; ``results["part"]`` says which.
        prediction: of that part.
    """

    results: dict[str, Any]
    labelled: LabelledImages
    prediction: Prediction


def part_to_measure(data: RadiographData, part: str | None = None) -> str | None:
    """'test' when the data has one, else 'validation', else None; or ``part``, if it is there.

    Raises:
        DataError: the part that was asked for is missing; the message names what there is.
    """
    there = [name for name in PARTS if getattr(data, name) is not None and len(getattr(data, name))]
    if part is None:
        return there[0] if there else None
    if part not in there:
        raise DataError(
            f"'{data.name}' has no labelled {part} part; it has {' and '.join(there) or 'neither'}"
        )
    return part


def evaluate(
    detector: Detector,
    data: RadiographData,
    progress: Progress | None = None,
    part: str | None = None,
) -> Evaluation:
    """Score a labelled part once and measure everything on it. Higher score = more abnormal.

    The threshold of the image verdict is the detector's own, from its calibration normals; that of
    the pixel verdict is the value which 1 % of its calibration normals' pixels exceed.

    Args:
        progress: wraps an iterable of batches, given their number; for a progress bar.
        part: 'test' or 'validation'; None takes the test part where there is one.

    Raises:
        DataError: there is no such part, or its images do not fit the detector.
        SimsidError: the detector is not calibrated, or gave scores that are not finite.
    """
    part = part_to_measure(data, part)
    if part is None:
        raise DataError(f"'{data.name}' has no labelled test or validation part to evaluate on")
    labelled: LabelledImages = getattr(data, part)
    if not detector.is_calibrated:
        raise SimsidError(f"'{detector.name}' is not calibrated: train it, or load a model folder")
    if labelled.images.shape[1:] != detector.image_size:
        raise DataError(
            f"{part} images have {labelled.images.shape[1]}x{labelled.images.shape[2]} px, the model "
            f"takes {detector.image_size[0]}x{detector.image_size[1]} px"
        )
    detector.predict(labelled.images[:_BATCH])  # the first pass pays for what later ones find ready
    started = time.perf_counter()
    prediction = predict_in_batches(detector, labelled.images, progress)
    seconds = time.perf_counter() - started
    labels = labelled.labels.astype(np.int64)
    decided = _decided(detector, labelled.images)
    results = {
        "format_version": FORMAT_VERSION,
        "detector": detector.name,
        "score": detector.score_names[0],
        "part": part,
        "n": _counts(data, labelled),
        "image": measures.image_measures(detector, labels, prediction, decided),
        "shifted": measures.shifted_measures(detector, labelled, prediction, decided),
        "examination": detector.facts.get("examination"),
        "by_kind": metrics.auroc_by_kind(labels, prediction.score, labelled.kinds),
        "by_score": {
            name: metrics.ranking_metrics(labels, prediction.scores[name])
            for name in detector.score_names
        },
        "groups": measures.group_measures(detector, labelled, prediction, decided),
        "pixel": measures.pixel_measures(detector, labelled, prediction),
        "logical": measures.logical_measures(labelled, prediction),
        "boxes": measures.box_measures(detector, labelled, prediction),
        "reconstruction": measures.reconstruction_measures(labelled, labels, prediction),
        "calibration": measures.calibration_measures(detector, labels, prediction, decided)
        | {"is_own": _is_own(detector, data)},
        "data": {
            "name": data.name,
            "facts": data.facts,
            "notes": list(data.notes),
            "unreadable": list(data.unreadable),
        },
        "seen_in_training": seen_of(detector, labelled),
        "data_fingerprint": data.fingerprint,
        "model": _model(detector),
        "commit": kit_commit(),
        "versions": versions(),
        "images_per_second": len(labelled) / seconds,
    }
    results["seconds"] = time.perf_counter() - started
    return Evaluation(strict_json(results), labelled, prediction)


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


def predict_in_batches(
    detector: Detector, images: np.ndarray, progress: Progress | None = None
) -> Prediction:
    """Score (n, height, width) images in batches.

    Raises:
        SimsidError: a score is not finite.
    """
    starts = range(0, len(images), _BATCH)
    wrapped = starts if progress is None else progress(starts, len(starts))
    parts = [detector.predict(images[start : start + _BATCH]) for start in wrapped]
    prediction = Prediction.concatenate(parts)
    for name, values in prediction.scores.items():
        if not np.isfinite(values).all():
            raise SimsidError(f"'{detector.name}' gave {name} scores that are not finite")
    return prediction


def _decided(detector: Detector, images: np.ndarray) -> np.ndarray:
    """(n,) whether each image gets a verdict in use."""
    starts = range(0, len(images), _BATCH)
    batches = (detector.as_batch(images[start : start + _BATCH]) for start in starts)
    return np.concatenate([get_a_verdict(detector, batch) for batch in batches])


def _is_own(detector: Detector, data: RadiographData) -> bool:
    """Whether these calibration normals are those the detector was calibrated on."""
    if len(data.calibration) == 0:
        return False
    again = np.sort(predict_in_batches(detector, data.calibration).score)
    kept = np.sort(detector.calibration.scores[detector.score_names[0]])
    return len(kept) == len(again) and np.allclose(kept, again, _SAME_SCORE, _SAME_SCORE)


def _counts(data: RadiographData, labelled: LabelledImages) -> dict[str, int]:
    return {
        "train": len(data.train),
        "calibration": len(data.calibration),
        "images": len(labelled),
        "normal": int((labelled.labels == 0).sum()),
        "abnormal": int((labelled.labels == 1).sum()),
    }


def _model(detector: Detector) -> dict[str, Any]:
    return {
        "image_size": list(detector.image_size),
        "grid_size": list(detector.grid_size),
        "parameters": sum(p.numel() for p in detector.parameters()),
        "device": str(detector.device),
        "facts": detector.facts,
    }
