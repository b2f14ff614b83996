from __future__ import annotations

import numpy as np
import pytest

from simsid.data.ages import age_group
from simsid.evaluation.groups import calibration_by_group, expected_range, group_names
from simsid.evaluation.tables import group_table, group_words


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("0", "under 10"), ("9.9", "under 10"), ("10", "10-19"), ("031Y", "20-39"),
        ("59", "40-59"), ("60", "60-79"), ("80", "80 and over"), ("018M", "under 10"),
        ("200W", "under 10"), ("", "unknown"), ("nan", "unknown"), ("414", "unknown"),
        ("-3", "unknown"),
    ],
)  # fmt: skip
def test_ages_fall_into_their_group(text, group):
    assert age_group(text) == group


def test_groups_are_in_order_and_the_unknown_stand_last():
    assert list(group_names("age", np.array(["70", "", "5", "30"]))) == [
        "under 10", "20-39", "60-79", "unknown",
    ]  # fmt: skip
    assert list(group_names("sex", np.array(["M", "F", ""]))) == ["F", "M", "unknown"]
    assert group_names("sex", np.array(["", ""])) == {}
    assert group_names("sex", None) == {}


def case(normals: int = 60, abnormals: int = 40):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [normals, abnormals])
    scores = rng.normal(labels * 1.5, 1)
    return labels, scores, scores > 1.6


def test_each_group_has_its_own_share_and_auroc():
    labels, scores, flagged = case()
    view = np.array(["AP", "PA"])[np.arange(100) % 2]
    got = calibration_by_group(labels, scores, flagged, {"view": view}, [(5, 100)], 0.05)
    members = got["by"]["view"]
    assert members["AP"]["normal"] + members["PA"]["normal"] == got["all"]["normal"] == 60
    pa = (view == "PA") & (labels == 0)
    assert members["PA"]["flagged"]["share"] == pytest.approx(flagged[pa].mean())
    assert members["PA"]["auroc_ci"][0] <= members["PA"]["auroc"] <= members["PA"]["auroc_ci"][1]


def test_small_groups_have_counts_alone():
    labels, scores, flagged = case()
    view = np.where(np.arange(100) < 9, "AP", "PA")
    members = calibration_by_group(labels, scores, flagged, {"view": view}, [(5, 100)], 0.05)["by"][
        "view"
    ]
    assert members["AP"] == {"normal": 9, "abnormal": 0, "flagged": None, "expected": None,
                             "auroc": None, "auroc_ci": None}  # fmt: skip
    assert members["PA"]["flagged"]["n"] == 51


def test_a_share_of_a_group_takes_ten_normals_with_a_verdict_and_tells_how_many_it_is_of():
    labels, scores, flagged = case()
    view = np.array(["AP", "PA"])[np.arange(100) % 2]
    decided = np.ones(100, bool)
    decided[np.flatnonzero((view == "PA") & (labels == 0))[9:]] = False  # of 30, 9 have a verdict
    decided[np.flatnonzero((view == "AP") & (labels == 0))[12:]] = False
    got = calibration_by_group(labels, scores, flagged, {"view": view}, [(5, 100)], 0.05, decided)
    members = got["by"]["view"]
    assert (members["PA"]["normal"], members["PA"]["flagged"], members["PA"]["expected"]) == (
        30, None, None
    )  # fmt: skip
    assert members["PA"]["auroc"] is not None  # of all 30
    assert members["AP"]["flagged"]["n"] == 12
    words = {
        "groups": got,
        "part": "test",
        "calibration": {"calibration_normals_flagged": {"n": 9}},
    }
    rows = {row[0]: row for row in group_table(words).rows}
    assert rows["view: AP"][1] == "30" and rows["view: AP"][3].endswith("] of 12")
    assert rows["view: PA"][3] == "n/a" and "10 normals with a verdict" in group_words(words)[-1]


def test_without_enough_abnormals_there_is_a_share_but_no_auroc():
    labels, scores, flagged = case(60, 9)
    got = calibration_by_group(labels, scores, flagged, {}, [(5, 100)], 0.05)
    assert got["all"]["flagged"] is not None
    assert got["all"]["auroc"] is None
    assert got["by"] == {}


def test_without_verdicts_there_are_no_shares():
    labels, scores, _ = case()
    got = calibration_by_group(labels, scores, None, {}, [(0, 5)], 0.05)
    assert got["all"]["flagged"] is None
    assert got["all"]["auroc"] is not None


def test_the_expected_range_is_what_exchangeable_normals_show():
    rng = np.random.default_rng(0)
    scores = rng.random((4000, 60 + 80))
    p = (1 + (scores[:, :60, None] >= scores[:, None, 60:]).sum(1)) / 61
    shares = (p <= 0.05).mean(1)
    low, high = expected_range([(80, 3, 60)])
    assert low <= np.quantile(shares, 0.025) + 0.013  # one image of 80
    assert high == pytest.approx(np.quantile(shares, 0.975), abs=0.013)
    assert expected_range([(80, 0, 10)]) is None


def test_the_expected_range_of_two_populations_is_that_of_their_sum():
    rng = np.random.default_rng(1)
    flagged = np.zeros(20000)
    for normals, rank, calibration in ((30, 1, 60), (50, 5, 100)):
        flagged += rng.binomial(normals, rng.beta(rank, calibration + 1 - rank, 20000))
    low, high = expected_range([(30, 1, 60), (50, 5, 100), (0, 0, 4)])
    assert [low, high] == pytest.approx(np.quantile(flagged / 80, [0.025, 0.975]), abs=0.013)


def test_a_group_of_one_population_is_expected_to_show_that_one_alone():
    labels, scores, flagged = case()
    view = np.array(["AP", "PA"])[np.arange(100) % 2]
    both = [(1, 60), (5, 100)]
    got = calibration_by_group(
        labels, scores, flagged, {"view": view}, both, 0.05, None, (view == "PA").astype(int)
    )
    assert got["by"]["view"]["AP"]["expected"] == expected_range([(30, 1, 60)])
    assert got["by"]["view"]["PA"]["expected"] == expected_range([(30, 5, 100)])
