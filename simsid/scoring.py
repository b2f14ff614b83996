"""The one scoring path: command line, Python, HTTP and page all score through here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsid.data.images import check_image
from simsid.detectors.base import Detector
from simsid.detectors.placement import Finding
from simsid.prediction import Prediction

NORMAL, ABNORMAL, UNDECIDED = "normal", "abnormal", "undecided"


def score_images(
    detector: Detector, images: Sequence[np.ndarray] | np.ndarray, score: str | None = None
) -> Prediction:
    """Score images of any size. Higher = more abnormal.

    Args:
        images: (height, width) each, float in [0, 1] or uint8; sizes may differ.
        score: one of ``detector.score_names``; None for the default.

    Raises:
        ImageError: an image is too small, constant, not finite or out of range.
        ValueError: no images, or an unknown score.
    """
    if len(images) == 0:
        raise ValueError("no images to score")
    return detector.predict(np.stack([prepare_image(detector, i) for i in images]), score)


def prepare_image(detector: Detector, image: np.ndarray) -> np.ndarray:
    """A film of any size as ``detector.predict`` takes it: checked, windowed, fitted, resized.

    Args:
        image: (height, width), float in [0, 1] or uint8.

    Raises:
        ImageError: too small, constant, not finite or out of range.
    """
    return detector.preprocessing.apply(_as_float(image))


def check_placement(detector: Detector, images: np.ndarray) -> list[list[Finding]]:
    """What is wrong with each image as a whole: not of the kind that the model was trained on.

    By features of the image, never by its anomaly score. A model that was saved without this
    check, or was trained on too few normals for it, finds nothing.

    Args:
        images: (batch, height, width) as ``prepare_image`` gives them.
    """
    return detector.placement.findings(detector.as_batch(images).to(detector.device))


def verdicts(
    detector: Detector,
    prediction: Prediction,
    score: str | None = None,
    doubtful: Sequence[bool] | None = None,
) -> list[str]:
    """'normal' or 'abnormal' for each image, at the calibration's false-alarm rate.

    'undecided' for all when there are too few calibration normals to support that rate, and for
    those that are ``doubtful``: the rate was never measured on images of another kind.

    Args:
        doubtful: whether ``check_placement`` found something, for each image.
    """
    calibration, name = detector.calibration, score or detector.score_names[0]
    if not np.isfinite(calibration.threshold(name)):
        return [UNDECIDED] * len(prediction)
    flagged = calibration.is_abnormal(name, prediction.score)
    words = [ABNORMAL if flag else NORMAL for flag in flagged]
    doubtful = doubtful or [False] * len(words)
    return [UNDECIDED if doubt else word for doubt, word in zip(doubtful, words, strict=True)]


def _as_float(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        image = image.astype(np.float32) / np.float32(255)
    image = image.astype(np.float32, copy=False)
    check_image(image)
    return image
