"""Intervals over the measured images of what is read at a threshold, of AUPR, and by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from simsid.benchmark.records import Interval
from simsid.evaluation.bootstrap import RESAMPLES, auroc_resamples, draws, interval_of


@dataclass(frozen=True)
class ImageIntervals:
    """95 % intervals over the measured images, of means over seeds.

    Attributes:
        sensitivity, false_alarms, f1: None where there was no threshold.
        by_kind: of the AUROC of each kind against all normals.
    """

    aupr: Interval
    sensitivity: Interval | None
    false_alarms: Interval | None
    f1: Interval | None
    by_kind: dict[str, Interval]


def image_intervals(
    scores: Float[np.ndarray, "seeds n"],
    labels: Int[np.ndarray, " n"],
    flagged: Bool[np.ndarray, "seeds n"] | None,
    kinds: Sequence[str] = (),
) -> ImageIntervals:
    """95 % bootstrap intervals of means over seeds; see :mod:`simsid.evaluation.bootstrap`.

    Args:
        labels: 0 normal, 1 abnormal.
        flagged: what each seed called abnormal; None where there was no threshold.
        kinds: of the images, 'normal' for normals; none where they are not known.
    """
    order = np.argsort(labels, kind="stable")  # as ``draws`` counts them: normals come first
    normals = int((labels == 0).sum())
    scores = scores[:, order]
    chunks = [
        np.concatenate(chunk, axis=1).astype(float)
        for chunk in draws(normals, len(labels) - normals, RESAMPLES, 0)
    ]
    weights = np.concatenate(chunks)
    counts = (
        [_verdicts(row, normals, weights) for row in flagged[:, order]]
        if flagged is not None
        else []
    )

    def at_threshold(name: str) -> Interval | None:
        return _of_mean([each[name] for each in counts]) if counts else None

    return ImageIntervals(
        aupr=_of_mean([_average_precision(row, normals, weights) for row in scores]),
        sensitivity=at_threshold("sensitivity"),
        false_alarms=at_threshold("false_alarms"),
        f1=at_threshold("f1"),
        by_kind={
            kind: _kind(scores, labels[order], np.asarray(kinds)[order], kind)
            for kind in dict.fromkeys(k for k, label in zip(kinds, labels, strict=False) if label)
        },
    )


def flags(
    scores: Float[np.ndarray, " n"],
    labels: Int[np.ndarray, " n"],
    sensitivity: float,
    false_alarms: float,
) -> Bool[np.ndarray, " n"]:
    """Which images lay above a threshold of which only the shares that it gave are kept."""
    above = np.zeros(len(scores), bool)
    for label, share in ((0, false_alarms), (1, sensitivity)):
        own = np.flatnonzero(labels == label)
        most = round(share * len(own))
        above[own[np.argsort(-scores[own], kind="stable")[:most]]] = True
    return above


def sensitivity_at(
    scores: Float[np.ndarray, " n"], labels: Int[np.ndarray, " n"], false_alarm_rate: float
) -> float:
    """Share of abnormals above the threshold at which no more of *these* normals are called so.

    An ``oracle_`` number: nobody who scores a film has these normals. It compares methods at one
    rate, which thresholds from few calibration normals do not.
    """
    normals = np.sort(scores[labels == 0])[::-1]
    threshold = normals[int(false_alarm_rate * len(normals) + 1e-9)]
    return float((scores[labels == 1] > threshold).mean())


def _average_precision(
    scores: np.ndarray, normals: int, weights: np.ndarray
) -> Float[np.ndarray, " resamples"]:
    """Of every resample; images of one score are taken in together."""
    order = np.argsort(-scores, kind="stable")
    last = np.searchsorted(-scores[order], -scores[order], side="right") - 1
    drawn = weights[:, order]
    hits = drawn * (order >= normals)
    precision = np.cumsum(hits, 1) / np.maximum(np.cumsum(drawn, 1), 1)
    return (hits * precision[:, last]).sum(1) / hits.sum(1)


def _verdicts(flagged: np.ndarray, normals: int, weights: np.ndarray) -> dict[str, np.ndarray]:
    above = weights * flagged
    alarms, hits = above[:, :normals].sum(1), above[:, normals:].sum(1)
    abnormals = len(flagged) - normals
    return {
        "sensitivity": hits / abnormals,
        "false_alarms": alarms / normals,
        "f1": 2 * hits / (hits + alarms + abnormals),
    }


def _kind(scores: np.ndarray, labels: np.ndarray, kinds: np.ndarray, kind: str) -> Interval:
    own = (labels == 0) | (kinds == kind)
    return _of_mean([auroc_resamples(labels[own], row[own], RESAMPLES) for row in scores])


def _of_mean(by_seed: list[np.ndarray]) -> Interval:
    return interval_of(np.mean(by_seed, axis=0))
