"""Intervals over images of what is read at a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from simsid.benchmark.ranking.image_intervals import (
    _average_precision,
    flags,
    image_intervals,
    sensitivity_at,
)

LABELS = np.repeat([0, 1], [40, 30])
KINDS = ["normal"] * 40 + ["novel"] * 20 + ["missing"] * 10


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 70)).round(1) + 1.5 * LABELS  # with ties


def test_average_precision_of_drawn_images_is_that_of_scikit_learn(scores) -> None:
    weights = np.random.default_rng(1).integers(0, 3, (5, 70)).astype(float)
    found = _average_precision(scores[0], 40, weights)
    for value, drawn in zip(found, weights.astype(int), strict=True):
        labels, drawn_scores = np.repeat(LABELS, drawn), np.repeat(scores[0], drawn)
        assert value == pytest.approx(average_precision_score(labels, drawn_scores))


def test_intervals_hold_what_was_measured_and_are_narrower_for_more_images(scores) -> None:
    flagged = scores > 1
    few = image_intervals(scores, LABELS, flagged, KINDS)
    shares = {
        "sensitivity": flagged[:, 40:].mean(),
        "false_alarms": flagged[:, :40].mean(),
        "aupr": np.mean([average_precision_score(LABELS, row) for row in scores]),
    }
    for name, value in shares.items():
        assert getattr(few, name)[0] < value < getattr(few, name)[1], name
    many = image_intervals(np.tile(scores, 9), np.tile(LABELS, 9), np.tile(flagged, 9))
    for name in ("sensitivity", "false_alarms", "f1", "aupr"):
        assert np.diff(getattr(many, name)) < 0.5 * np.diff(getattr(few, name)), name
    assert set(few.by_kind) == {"novel", "missing"} and many.by_kind == {}


def test_the_order_of_images_means_nothing(scores) -> None:
    other = np.r_[40:70, 0:40]  # abnormals first, otherwise the same order
    kinds = np.array(KINDS)[other].tolist()
    found = image_intervals(scores[:, other], LABELS[other], (scores > 1)[:, other], kinds)
    assert found == image_intervals(scores, LABELS, scores > 1, KINDS)


def test_without_a_threshold_there_are_no_verdicts(scores) -> None:
    found = image_intervals(scores, LABELS, None)
    assert found.sensitivity is None and found.f1 is None and found.aupr


def test_flags_are_those_of_the_threshold(scores) -> None:
    row = scores[0] + np.arange(70) * 1e-6  # no ties
    above = row > 1.2
    assert (flags(row, LABELS, above[40:].mean(), above[:40].mean()) == above).all()


def test_sensitivity_at_a_rate_calls_no_more_normals_abnormal() -> None:
    scores = np.r_[np.arange(40.0), 37.5, 36.5, 50.0]
    labels = np.repeat([0, 1], [40, 3])
    assert sensitivity_at(scores, labels, 0.05) == pytest.approx(2 / 3)  # two of 40: above 37
    assert sensitivity_at(scores, labels, 0.0) == pytest.approx(1 / 3)
