from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from simsid.benchmark.ranking import rank as ranking
from simsid.benchmark.ranking.rank import compare, holm, mean_scores, rank
from simsid.benchmark.ranking.tables import cost_table
from simsid.evaluation.bootstrap import auroc_resamples

LABELS = [0] * 60 + [1] * 40
COST = {
    "train_seconds": 60.0,
    "command_seconds": 70.0,
    "train_images_per_second": 100.0,
    "score_images_per_second": 500.0,
    "peak_memory_mb": None,
    "peak_gpu_mb": None,
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
    models = [entry.model for entry in rank(lines, "digits", LABELS, "strong")]
    assert set(models[:2]) == {"strong", "same"}
    assert models[2:] == ["weak", "broken"]


def test_a_row_that_lacks_seeds_never_comes_first(lines):
    lines["digits/lucky", 0] = line(6.0, 0, 5)
    models = [entry.model for entry in rank(lines, "digits", LABELS, "strong")]
    assert models[-2:] == ["lucky", "broken"]


def test_a_model_is_compared_with_the_reference_on_its_own_data_set(lines):
    entries = {entry.model: entry for entry in rank(lines, "digits", LABELS, "strong")}
    weak = entries["weak"].against_reference
    assert weak.difference < -0.2 and weak.ci[1] < 0 and weak.seeds == 3
    assert weak.p_adjusted <= 0.05
    assert entries["strong"].against_reference is None
    (film,) = rank(lines, "films", LABELS, "strong")
    assert film.against_reference is None and film.against_best is None


def test_every_row_is_compared_with_the_best_too(lines):
    best, *others = rank(lines, "digits", LABELS, "weak")
    assert best.against_best is None
    weak = next(entry for entry in others if entry.model == "weak")
    assert weak.against_best.difference == pytest.approx(weak.area - best.area)


def test_equal_scores_do_not_differ(lines):
    entries = {entry.model: entry for entry in rank(lines, "digits", LABELS, "strong")}
    same = entries["same"].against_reference
    assert same.difference == 0 and same.p_adjusted == 1


def test_what_a_method_cannot_tell_is_none_not_zero(lines):
    entries = {entry.model: entry for entry in rank(lines, "digits", LABELS, "strong")}
    assert entries["weak"].dice is None and entries["weak"].cost.peak_memory_mb is None
    broken = entries["broken"]
    assert broken.auroc is None and broken.failed == ("seed 0: SimsidError: no",)


def test_false_alarms_are_the_share_of_normals_flagged(lines):
    entry = rank(lines, "digits", LABELS, "strong")[0]
    assert entry.false_alarms.mean == pytest.approx(0.05)
    assert entry.by_kind["missing"].by_seed == (0.7,) * 3
    assert entry.by_score["reconstruction"].mean == pytest.approx(0.7)


def test_scores_are_kept_by_seed(lines):
    assert mean_scores(lines, "digits", "weak").shape == (3, 100)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_seeds_widen_the_interval_and_one_seed_gives_no_p(lines):
    one = {(name, seed): value for (name, seed), value in lines.items() if seed == 0}
    alone = compare(one, "digits", "weak", "strong", np.array(LABELS))
    assert alone.p is None and alone.ci[0] < alone.difference < alone.ci[1]
    for seed in (1, 2):
        lines["digits/weak", seed] = line(3.0 * seed, seed, 4)
    mixed = compare(lines, "digits", "weak", "strong", np.array(LABELS))
    assert np.diff(mixed.ci) > 2 * np.diff(alone.ci)


@pytest.mark.parametrize("seed_sd", [0.3, pytest.param(0.0, marks=pytest.mark.slow)])
def test_equal_models_are_called_different_in_one_of_twenty(seed_sd, monkeypatch):
    """Of 1000, 50 are meant; a method that calls 11 % different passes less than once in 500.

    With seeds as noisy as 0.3 it is about 65: three are few to tell their variance from.
    """
    monkeypatch.setattr(ranking, "auroc_resamples", partial(auroc_resamples, resamples=150))
    rng, labels, found = np.random.default_rng(0), np.array(LABELS), 0
    for _ in range(1000):
        images = rng.normal(size=len(LABELS)) + labels
        lines = {}
        for name in ("one", "other"):
            for seed in range(3):
                own = images + rng.normal(size=len(LABELS)) * 0.5
                scores = own + rng.normal() * seed_sd * labels
                lines[f"digits/{name}", seed] = {
                    "ok": True,
                    "auroc": {"score": share_of_pairs(labels, scores)},
                    "scores": {"score": scores},
                }
        found += compare(lines, "digits", "one", "other", labels).p < 0.05
    assert found <= 80


def share_of_pairs(labels: np.ndarray, scores: np.ndarray) -> float:
    """The AUROC of scores without ties."""
    return float((scores[labels == 1][:, None] > scores[labels == 0]).mean())


def test_costs_say_how_many_seeds_know_them(lines):
    lines["digits/weak", 1] = line(0.3, 1, 1) | {"cost": COST | {"train_seconds": None}}
    entry = next(e for e in rank(lines, "digits", LABELS, "strong") if e.model == "weak")
    assert entry.cost.train_seconds == 60 and entry.cost_seeds.train_seconds == 2
    row = next(row for row in cost_table([entry]).rows)
    assert row[1] == "60 (2 of 3)"


def test_a_reference_that_failed_leaves_rows_without_a_comparison(lines):
    entries = rank(lines, "digits", LABELS, "broken")
    assert all(entry.against_reference is None for entry in entries)
