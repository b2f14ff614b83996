from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from simsid.evaluation.bootstrap import auroc_interval, auroc_resamples, curve_bands
from simsid.evaluation.metrics import (
    auroc_by_kind,
    decision_metrics,
    oracle_metrics,
    ranking_metrics,
    share_interval,
)

LABELS = np.array([0, 0, 0, 0, 1, 1])
SCORES = np.array([0.1, 0.2, 0.3, 0.9, 0.4, 1.0])


def random_case(seed: int = 0, ties: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [60, 40])
    scores = rng.normal(labels * 1.0, 1.0)
    return labels, np.round(scores, 1) if ties else scores


def test_auroc_counts_pairs_in_the_right_order():
    # 8 pairs; only (0.9 normal, 0.4 abnormal) is in the wrong order
    assert ranking_metrics(LABELS, SCORES)["auroc"] == pytest.approx(7 / 8)


def test_decisions_are_counted_by_hand():
    flagged = np.array([False, False, False, True, False, True])
    got = decision_metrics(LABELS, flagged)
    assert got["accuracy"] == pytest.approx(4 / 6)
    assert got["sensitivity"] == pytest.approx(1 / 2)
    assert got["specificity"] == pytest.approx(3 / 4)
    assert got["f1"] == pytest.approx(2 * 1 / (2 * 1 + 1 + 1))


def test_oracle_is_the_best_of_all_thresholds_even_with_ties():
    labels, scores = random_case()
    got = oracle_metrics(labels, scores)
    verdicts = [scores >= threshold for threshold in np.unique(scores)]
    assert got["oracle_accuracy"] == pytest.approx(max(accuracy_score(labels, v) for v in verdicts))
    assert got["oracle_f1"] == pytest.approx(max(f1_score(labels, v) for v in verdicts))
    at_threshold = accuracy_score(labels, scores >= got["oracle_accuracy_threshold"])
    assert at_threshold == pytest.approx(got["oracle_accuracy"])


def test_a_missing_class_gives_none_and_no_crash():
    normals_only = np.zeros(5, int)
    scores = np.arange(5.0)
    assert ranking_metrics(normals_only, scores) == {"auroc": None, "auroc_ci": None, "aupr": None}
    assert set(oracle_metrics(normals_only, scores).values()) == {None}
    decided = decision_metrics(normals_only, scores > 3)
    assert decided["sensitivity"] is None
    assert decided["f1"] is None
    assert decided["specificity"] == pytest.approx(4 / 5)
    assert auroc_by_kind(normals_only, scores, np.repeat("normal", 5)) == {}


def test_each_kind_is_compared_with_all_normals():
    kinds = np.array(["normal"] * 4 + ["a", "b"])
    got = auroc_by_kind(LABELS, SCORES, kinds)
    assert got["a"]["auroc"] == pytest.approx(3 / 4)
    assert got["a"]["n"] == 1
    assert got["b"]["auroc"] == pytest.approx(1.0)


def test_bootstrap_agrees_with_a_plain_loop():
    labels, scores = random_case()
    rng = np.random.default_rng(1)
    normals, abnormals = scores[labels == 0], scores[labels == 1]
    plain = [
        roc_auc_score(labels, np.append(rng.choice(normals, 60), rng.choice(abnormals, 40)))
        for _ in range(600)
    ]
    expected = np.quantile(plain, [0.025, 0.975])
    assert auroc_interval(labels, scores) == pytest.approx(expected, abs=0.012)


def test_same_seed_gives_the_same_interval():
    labels, scores = random_case()
    assert auroc_interval(labels, scores, seed=3) == auroc_interval(labels, scores, seed=3)
    assert auroc_interval(labels, scores, seed=3) != auroc_interval(labels, scores, seed=4)


def test_interval_holds_the_value_and_narrows_with_more_images():
    labels, scores = random_case(ties=False)
    low, high = auroc_interval(labels, scores)
    assert low < roc_auc_score(labels, scores) < high
    many_low, many_high = auroc_interval(np.tile(labels, 9), np.tile(scores, 9))
    assert many_high - many_low < (high - low) / 2


def test_bands_lie_around_the_curves():
    labels, scores = random_case(ties=False)
    grid = np.linspace(0, 1, 21)
    bands = curve_bands(labels, scores, grid)
    for low, high in bands.values():
        assert (low <= high).all()
        assert low.min() >= 0
        assert high.max() <= 1
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    inside = np.interp(grid, fpr, tpr)[1:-1]
    assert (bands["roc"][0][1:-1] <= inside + 0.05).all()
    assert (bands["roc"][1][1:-1] >= inside - 0.05).all()


def test_share_interval_is_exact_at_the_ends():
    assert share_interval(0, 20)["ci"] == pytest.approx([0.0, 1 - 0.025 ** (1 / 20)])
    assert share_interval(20, 20)["ci"][1] == 1.0
    assert share_interval(0, 0) == {"share": None, "ci": None, "n": 0}


def test_two_scores_are_resampled_on_the_same_images():
    labels = np.repeat([0, 1], [30, 10])
    scores = np.r_[np.random.default_rng(0).normal(size=30), np.zeros(10)]
    # Turned around, whatever images are drawn: each pair that was right is wrong.
    both = auroc_resamples(labels, scores) + auroc_resamples(labels, -scores)
    assert np.allclose(both, 1)
