"""``simsid.fit``: train and calibrate on arrays, no files."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch

from simsid.data.datasets import split_calibration
from simsid.detectors.base import Detector
from simsid.detectors.calibration import DEFAULT_FALSE_ALARM_RATE
from simsid.training.loop import Training
from simsid.training.options import TrainOptions

D = TypeVar("D", bound=Detector)


def fit(
    detector: D,
    images: np.ndarray,
    calibration: np.ndarray | None = None,
    false_alarm_rate: float = DEFAULT_FALSE_ALARM_RATE,
    **options: Any,
) -> D:
    """Train on normals, then calibrate on normals held out from them.

    Args:
        images: (n, height, width) normals, uint8 or float in [0, 1].
        calibration: (m, height, width) normals; None holds out a tenth of ``images``.
        options: fields of :class:`TrainOptions`; ``epochs`` defaults to the detector's 'quick'.

    Returns:
        The detector itself.
    """
    images = as_uint8(detector, images)
    if calibration is None:
        images, calibration = split_calibration(images)
    steps = len(images) // options.get("batch_size", TrainOptions.batch_size)
    options.setdefault("epochs", detector.epochs_for("quick", detector.config, steps))
    options.setdefault("progress", False)
    Training(detector, images, TrainOptions(**options)).run()
    detector.calibrate(calibration, false_alarm_rate)
    return detector


def as_uint8(detector: Detector, images: np.ndarray) -> np.ndarray:
    """Check images as ``predict`` does and store them in 8 bits."""
    batch = detector.as_batch(images)
    return (batch[:, 0] * 255.0).round().to(torch.uint8).numpy()
