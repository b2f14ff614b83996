from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from simsid.benchmark.ranking import bootstrap_p, holm, mean_scores, rank

LABELS = [0] * 60 + [1] * 40
COST = {
    "train_seconds": 60.0,
    "command_seconds": 70.0,
    "train_images_per_second": 100.0,
    "score_images_per_second": 500.0,
    "peak_memory_mb": None,
    "model_mb": 2.0,
    "parameters": 1000,
    "device": "cpu",
    "cores": 2,
}


def line(strength: float, seed: int, noise: int = 0) -> dict:
    rng = np.random.default_rng(seed + 100 * noise)
    scores = rng.normal(size=len(LABELS)) + strength * np.array(LABELS)
    return {
        "ok": True,
        "auroc": {"score": roc_auc_score(LABELS, scores)},
        "scores": {"score": scores.tolist()},
        "aupr": 0.9,
        "oracle": {"oracle_accuracy": 0.9, "oracle_f1": 0.8},
        "decision": {"f1": 0.7, "sensitivity": 0.6, "specificity": 0.95},
        "normals_flagged": {"share": 0.05, "ci": [0.0, 0.1], "n": 60},
        "by_kind": {"novel": 0.9, "missing": 0.7},
        "by_score": {"fused": 0.9, "reconstruction": 0.6 + 0.1 * seed},
        "pixel": None,
        "boxes": None,
        "cost": COST,
        "command": "python -m simsid.train",
        "commit": "a" * 40,
    }


@pytest.fixture
def lines() -> dict:
    found = {}
    for seed in range(3):
        found["digits/weak", seed] = line(0.3, seed, 1)
        found["digits/strong", seed] = line(2.5, seed, 2)
        found["digits/same", seed] = line(2.5, seed, 2)
        found["films/strong", seed] = line(0.1, seed, 3)
    found["digits/broken", 0] = {"ok": False, "error": "SimsidError: no"}
    return found


def test_the_best_comes_first_and_what_failed_last(lines):
    models = [entry["model"] for entry in rank(lines, "digits", LABELS, "strong")]
    assert set(models[:2]) == {"strong", "same"}
    assert models[2:] == ["weak", "broken"]


def test_a_model_is_compared_with_the_reference_on_its_own_data_set(lines):
    entries = {entry["model"]: entry for entry in rank(lines, "digits", LABELS, "strong")}
    weak = entries["weak"]["auroc"]
    assert weak["difference"] < -0.2 and weak["difference_ci"][1] < 0
    assert weak["difference_p_adjusted"] <= 0.01
    (film,) = rank(lines, "films", LABELS, "strong")
    assert "difference" not in film["auroc"]


def test_equal_scores_do_not_differ(lines):
    entries = rank(lines, "digits", LABELS, "strong")
    same = next(entry["auroc"] for entry in entries if entry["model"] == "same")
    assert same["difference"] == 0 and same["difference_p_adjusted"] == 1


def test_what_a_method_cannot_tell_is_none_not_zero(lines):
    entries = {entry["model"]: entry for entry in rank(lines, "digits", LABELS, "strong")}
    assert entries["weak"]["dice"] is None and entries["weak"]["cost"]["peak_memory_mb"] is None
    broken = entries["broken"]
    assert broken["auroc"] is None and broken["failed"] == ["seed 0: SimsidError: no"]


def test_false_alarms_are_the_share_of_normals_flagged(lines):
    entry = rank(lines, "digits", LABELS, "strong")[0]
    assert entry["false_alarms"]["mean"] == pytest.approx(0.05)
    assert entry["by_kind"]["missing"]["by_seed"] == [0.7] * 3
    assert entry["by_score"]["reconstruction"]["mean"] == pytest.approx(0.7)


def test_scores_are_kept_by_seed(lines):
    assert mean_scores(lines, "digits", "weak").shape == (3, 100)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_a_bootstrap_p_value_is_two_sided_and_never_zero():
    always = np.full(999, 0.1)
    assert bootstrap_p(always) == pytest.approx(2 / 1000)
    assert bootstrap_p(-always) == bootstrap_p(always)
    assert bootstrap_p(np.array([-1.0, 1.0])) == 1.0


def test_training_seeds_are_drawn_anew_too(lines):
    one_seed = {key: value for key, value in lines.items() if key[1] == 0}
    one = {e["model"]: e["auroc"] for e in rank(one_seed, "digits", LABELS, "strong") if e["auroc"]}
    low, high = one["weak"]["difference_ci"]
    assert low < one["weak"]["difference"] < high
    # The better seed and the worse one alone bound what the mean of two may be.
    for seed in (1, 2):
        lines["digits/weak", seed] = line(3.0 * seed, seed, 4)
    mixed = {e["model"]: e["auroc"] for e in rank(lines, "digits", LABELS, "strong") if e["auroc"]}
    wide_low, wide_high = mixed["weak"]["difference_ci"]
    assert wide_high - wide_low > high - low


def test_a_reference_that_failed_leaves_rows_without_a_comparison(lines):
    entries = rank(lines, "digits", LABELS, "broken")
    assert all("difference" not in (entry["auroc"] or {}) for entry in entries)
