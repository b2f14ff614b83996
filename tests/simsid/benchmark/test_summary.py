from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from simsid.benchmark.cases import Case
from simsid.benchmark.difference import what_differences_cover
from simsid.benchmark.ranking.job import SCORE
from simsid.benchmark.ranking.rank import compare
from simsid.benchmark.records import CaseSummary
from simsid.benchmark.summary import summarise
from simsid.benchmark.sweeps.output import flat_rows

LABELS = np.repeat([0, 1], [40, 30])
CASES = [Case("full"), Case("worse"), Case("broken")]


def line(strength: float, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=70) + strength * LABELS
    return {
        "ok": True,
        "auroc": {"fused": roc_auc_score(LABELS, scores)},
        "oracle": {"oracle_accuracy": 0.8, "oracle_f1": 0.7},
        "decision": None,
        "normals_flagged": None,
        "scores": {"fused": scores.tolist()},
    }


@pytest.fixture
def summary() -> list[CaseSummary]:
    lines = {("full", s): line(2.0, s) for s in range(3)}
    lines |= {("worse", s): line(1.0, s) for s in range(3)}
    lines["broken", 0] = {"ok": False, "error": "ValueError: no"}
    return summarise(CASES, lines, LABELS, "full")


def test_mean_and_spread_are_over_seeds(summary):
    value = summary[0].scores["fused"]
    assert value.mean == pytest.approx(np.mean(value.by_seed))
    assert value.std == pytest.approx(np.std(value.by_seed, ddof=1))
    assert value.ci[0] < value.mean < value.ci[1]


def test_differences_are_paired_and_so_tighter_than_the_intervals(summary):
    worse = summary[1].scores["fused"]
    low, high = worse.difference_ci
    assert low < worse.difference < high < 0
    assert high - low < worse.ci[1] - worse.ci[0]
    assert summary[0].scores["fused"].difference is None


def test_seeds_that_disagree_widen_the_interval_of_a_difference(summary):
    lines = {("full", s): line(2.0, s) for s in range(3)}
    lines |= {("worse", s): line(0.5 * s, s) for s in range(3)}  # as much worse, here and there
    apart = summarise(CASES[:2], lines, LABELS, "full")[1].scores["fused"]
    steady = summary[1].scores["fused"]
    assert np.diff(apart.difference_ci) > 2 * np.diff(steady.difference_ci)


def test_a_sweep_and_a_ranking_give_one_interval(summary):
    lines = {(f"data/{name}", s): line(strength, s)
             for name, strength in (("full", 2.0), ("worse", 1.0)) for s in range(3)}  # fmt: skip
    for found in lines.values():
        for key in ("auroc", "scores"):
            found[key] = {SCORE: found[key]["fused"]}
    ranked = compare(lines, "data", "worse", "full", LABELS)
    assert ranked.ci == summary[1].scores["fused"].difference_ci


def test_what_an_interval_covers_is_said(summary):
    assert "the images (bootstrap) plus that of the seeds" in what_differences_cover(summary)
    lines = {(name, 0): line(2.0, 0) for name in ("full", "worse")}
    alone = summarise(CASES[:2], lines, LABELS, "full")
    assert "the measured images only" in what_differences_cover(alone)
    lines["full", 1] = lines["worse", 1] = line(1.0, 1)
    lines["broken", 0] = line(1.0, 2)
    mixed = summarise(CASES, lines, LABELS, "full")
    assert "with one seed, the images only" in what_differences_cover(mixed)


def test_a_case_that_only_failed_is_told_with_its_message(summary):
    assert summary[2].seeds == 0
    assert summary[2].failed == ("seed 0: ValueError: no",)
    assert summary[2].scores == {}
    assert flat_rows(summary)[-1]["failed"] == "seed 0: ValueError: no"


def test_one_seed_has_no_spread():
    entry = summarise([Case("full")], {("full", 0): line(2.0, 0)}, LABELS)[0]
    assert entry.scores["fused"].std is None
    assert "±" not in entry.scores["fused"].told()
    assert entry.default.false_alarms is None
