"""One case of a sweep: a detector changed in one thing, trained at the common budget, and scored."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simsid.benchmark.adapter import untrained
from simsid.data.datasets import LabelledImages, RadiographData
from simsid.detectors import Detector
from simsid.detectors.renewal import has_threshold
from simsid.evaluation import metrics
from simsid.evaluation.evaluate import predict_in_batches, strict_json
from simsid.evaluation.provenance import kit_commit
from simsid.training.fit import fit

_DIGITS = 7  # of scores in the journal: enough to rank by


@dataclass(frozen=True)
class Budget:
    """What every case of a sweep is trained with; equal, so that only the case differs.

    Attributes:
        preset, epochs, batch_size: as ``python -m simsid.train`` has them.
        device: 'cpu' or 'cuda'. precision: 'fp32' or 'bf16'.
        false_alarm_rate: share of normals that may be called abnormal.
    """

    preset: str
    epochs: int
    batch_size: int
    device: str
    precision: str
    false_alarm_rate: float


@dataclass(frozen=True)
class Case:
    """What differs between the rows of a table.

    Attributes:
        name: as the table shows it, unique.
        settings: of the detector, that differ from the preset; nested ones are merged.
        place: position on the horizontal axis, for sweeps over a number.
        acts_on: scores whose evidence the change touches directly; others can only change
            through shared features. Empty: all.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    place: float | None = None
    acts_on: Sequence[str] = ()


def train_and_measure(
    model: str,
    case: Case,
    seed: int,
    data: RadiographData,
    labelled: LabelledImages,
    budget: Budget,
    progress: bool = False,
) -> dict[str, Any]:
    """Train the case on ``data`` and measure it on ``labelled``; the content of a journal line.

    Raises:
        SimsidError: settings that do not make a detector, or training that fails.
    """
    started = time.perf_counter()
    detector = untrained(model, budget.preset, case.settings, seed, data)
    fit(
        detector,
        data.train,
        data.calibration,
        false_alarm_rate=budget.false_alarm_rate,
        epochs=budget.epochs,
        batch_size=budget.batch_size,
        seed=seed,
        device=budget.device,
        precision=budget.precision,
        progress=progress,
    )
    line = measure(detector, labelled.images, labelled)
    return line | {
        "train_images": len(data.train),
        "parameters": sum(p.numel() for p in detector.parameters()),
        "seconds": time.perf_counter() - started,
        "commit": kit_commit(),
    }


def measure(detector: Detector, images: np.ndarray, labelled: LabelledImages) -> dict[str, Any]:
    """Scores of every name, and the metrics of each, of ``images`` with ``labelled``'s truth.

    Verdicts are counted where every population has a threshold, as in a report.
    """
    prediction = predict_in_batches(detector, images)
    labels = labelled.labels.astype(np.int64)
    calibration, default = detector.calibration, detector.score_names[0]
    flagged = calibration.is_abnormal(default, prediction.score, prediction.population)
    judged = all(has_threshold(calibration, index) for index in range(len(calibration.names)))
    normals = labels == 0
    share = metrics.share_interval(int(flagged[normals].sum()), int(normals.sum()))
    return strict_json(
        {
            "auroc": {n: metrics.auroc(labels, prediction.scores[n]) for n in detector.score_names},
            "oracle": metrics.oracle_metrics(labels, prediction.score),
            "decision": metrics.decision_metrics(labels, flagged) if judged else None,
            "normals_flagged": share if judged else None,
            "scores": {
                name: [float(f"{value:.{_DIGITS}g}") for value in prediction.scores[name]]
                for name in detector.score_names
            },
        }
    )


def merged(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``settings`` with ``changes`` over them; nested dictionaries are merged, not replaced."""
    result = dict(settings)
    for key, value in changes.items():
        inner = isinstance(result.get(key), dict) and isinstance(value, dict)
        result[key] = merged(result[key], value) if inner else value
    return result


def same_detector(model: str, one: Case, other: Case, data: RadiographData, preset: str) -> bool:
    """Whether comparing two cases shows nothing.

    They make the same configuration, or ``other`` acts on scores only that this detector has not.
    """
    detectors = [untrained(model, preset, case.settings, 0, data) for case in (one, other)]
    if other.acts_on and not set(other.acts_on) & set(detectors[1].components):
        return True
    configs = [dataclasses.asdict(detector.config) for detector in detectors]
    return configs[0] == configs[1]
