import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsid.detectors import Calibration


def calibration(values, rate=0.05):
    return Calibration({"fused": np.asarray(values, float)}, rate)


def test_p_value_is_the_conformal_formula():
    ours = calibration([1, 2, 3, 4])
    assert ours.p_value("fused", np.array([0, 1, 2.5, 4, 5])).tolist() == [1, 1, 0.6, 0.4, 0.2]


def test_percentile_is_the_share_of_normals_below():
    assert calibration([1, 2, 3, 4]).percentile("fused", np.array([0, 3, 9])).tolist() == [
        0,
        50,
        100,
    ]


@given(
    values=st.lists(st.integers(0, 20), min_size=1, max_size=80),
    rate=st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5]),
    score=st.integers(-1, 21),
)
def test_above_the_threshold_is_exactly_a_p_value_within_the_rate(values, rate, score):
    ours = calibration(values, rate)
    score = np.array([float(score)])
    within = ours.p_value("fused", score)[0] <= rate + 1e-12
    assert ours.is_abnormal("fused", score)[0] == (score[0] > ours.threshold("fused")) == within


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.013])
def test_near_each_calibration_score_verdict_and_p_value_agree_whatever_rounding_does(rate):
    values = np.concatenate([np.arange(200.0), np.geomspace(1e-3, 9e3, 100)])
    populations = np.repeat([0, 1], [200, 100])
    ours = Calibration({"fused": values}, rate, populations=populations, names=("even", "skewed"))
    for steps in (-4e-5, -2e-5, -1e-6, -1e-12, 0, 1e-12, 1e-6, 5e-6, 2e-5, 2.1e-5, 4e-5):
        apart = steps * np.array([values[:200].std(), values[200:].std()])[populations]
        score = values + apart
        above = ours.is_abnormal("fused", score, populations)
        assert (above == (ours.p_value("fused", score, populations) <= rate + 1e-12)).all(), steps
    tied = np.array([190 + 1e-6 * values[:200].std(), 190 + 4e-5 * values[:200].std()])
    even = calibration(np.arange(200))
    assert even.is_abnormal("fused", tied).tolist() == [False, True]
    assert (even.p_value("fused", tied) * 201).tolist() == [11, 10]
    assert even.to_json()["thresholds"] == {"fused": 190.0}


def test_too_few_normals_support_no_verdict():
    ours = calibration(range(18))
    assert ours.threshold("fused") == float("inf")
    assert not ours.is_abnormal("fused", np.array([1e9]))[0]
    told = calibration(range(19))
    assert told.threshold("fused") == 18 + told.tie("fused")


def test_false_alarms_stay_within_the_stated_rate_on_exchangeable_normals():
    rng = np.random.default_rng(0)
    flagged = []
    for _ in range(400):
        ours = calibration(rng.normal(size=60), 0.1)
        flagged.append(ours.is_abnormal("fused", rng.normal(size=50)).mean())
    assert 0.08 < np.mean(flagged) <= 0.105


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(ValueError, match="false_alarm_rate"):
        calibration([1.0], rate)


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf]])
def test_scores_that_are_not_numbers_are_refused(values):
    with pytest.raises(ValueError, match="fused"):
        calibration(values)


def test_json_gives_the_calibration_back_and_is_strict():
    import json

    ours = Calibration({"a": np.array([3.0, 1.0])}, 0.05, (0.5, 2.0))
    text = json.dumps(ours.to_json(), allow_nan=False)
    again = Calibration.from_json(json.loads(text))
    assert again.scores["a"].tolist() == [1.0, 3.0]
    assert again.map_quantiles == (0.5, 2.0)


def two_populations(rate=0.1, **more):
    return Calibration(
        {"fused": np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 101, 102, 103])}, rate,
        populations=np.array([0] * 9 + [1] * 3), names=("child", "adult"), **more,
    )  # fmt: skip


def test_each_film_is_compared_with_normals_of_its_own_population():
    ours = two_populations()
    score, population = np.array([8.5, 8.5, 101.5]), np.array([0, 1, 1])
    assert ours.p_value("fused", score, population).tolist() == [0.2, 1.0, 0.75]
    assert ours.percentile("fused", score, population).tolist() == pytest.approx(
        [800 / 9, 0, 100 / 3]
    )
    assert ours.threshold("fused", 0) == 9 + ours.tie("fused", 0)
    assert ours.threshold("fused", 1) == float("inf")
    flagged = ours.is_abnormal("fused", np.array([9.5, 999]), np.array([0, 1]))
    assert flagged.tolist() == [True, False]
    assert ours.num_normals == 12 and ours.num_normals_of(1) == 3


def test_populations_survive_json_and_must_add_up():
    ours = two_populations(looks=np.linspace(0, 1, 12), confidence=0.5)
    content = ours.to_json()
    again = Calibration.from_json(content)
    assert again.names == ("child", "adult") and again.confidence == 0.5
    assert again.reference("fused", 1).tolist() == [101, 102, 103]
    assert again.looks_of(1).tolist() == ours.looks_of(1).tolist()
    content["populations"][0]["num_normals"] = 10**12
    with pytest.raises(ValueError, match="add up"):
        Calibration.from_json(content)


@pytest.mark.parametrize("count", [20, 50, 200])
def test_the_interval_covers_the_realised_rate_as_often_as_it_says(count):
    rng = np.random.default_rng(count)
    covered = 0
    for _ in range(600):
        ours = calibration(rng.random(count))
        low, high = ours.rate_interval()
        covered += low <= 1 - ours.threshold("fused") <= high  # the realised rate of uniform scores
    assert 0.86 < covered / 600 < 0.94


def test_with_confidence_the_rate_is_seldom_exceeded():
    rng = np.random.default_rng(1)
    rates = [
        1 - Calibration({"fused": rng.random(100)}, 0.05, confidence=0.9).threshold("fused")
        for _ in range(600)
    ]
    assert 0.88 < np.mean(np.array(rates) <= 0.05) <= 1
    assert calibration(rng.random(18)).rate_interval() == (0.0, 1.0)


def test_what_was_removed_from_an_archive_widens_the_interval_upwards():
    values = np.random.default_rng(0).random(100)
    plain, trimmed = calibration(values), Calibration({"fused": values}, removed=10)
    assert plain.rate_interval()[0] == trimmed.rate_interval()[0]
    assert trimmed.rate_interval()[1] > plain.rate_interval()[1] + 0.08


def test_a_threshold_that_keeps_its_rate_with_confidence_lies_above_films_of_a_p_below_the_rate():
    normals = {"fused": np.arange(200.0)}
    sure, average = Calibration(normals, 0.05, confidence=0.9), Calibration(normals, 0.05)
    film = np.array([sure.threshold("fused") - 0.5])
    tie = 2e-5 * np.arange(200.0).std()
    assert (average.threshold("fused"), sure.threshold("fused")) == (190 + tie, 194 + tie)
    assert 190 + tie < film[0] < 194 + tie
    assert average.is_abnormal("fused", film).all() and not sure.is_abnormal("fused", film).any()
    assert sure.p_value("fused", film)[0] == pytest.approx(7 / 201)  # 0.035


def test_a_calibration_film_scored_again_keeps_its_rank_whatever_rounding_does():
    scores = np.geomspace(1.0, 9.0, 200)
    ours = Calibration({"fused": scores})
    rank = 1 + np.array([(scores >= score).sum() for score in scores])
    for rounding in (-5e-6, 5e-6):
        again = scores + rounding * scores.std()
        assert (ours.p_value("fused", again) * 201).round(6).tolist() == rank.tolist()
        assert (ours.percentile("fused", again) * 2).round(6).tolist() == (201 - rank).tolist()
    clear = scores + 4e-5 * scores.std()  # no rounding: it lies above its own normal
    assert (ours.p_value("fused", clear) * 201).round(6).tolist() == (rank - 1).tolist()
    assert ours.tie("fused") == pytest.approx(2e-5 * scores.std())
