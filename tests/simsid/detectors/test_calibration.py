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
    assert ours.is_abnormal("fused", score)[0] == (score[0] > ours.threshold("fused"))


def test_too_few_normals_support_no_verdict():
    ours = calibration(range(18))
    assert ours.threshold("fused") == float("inf")
    assert not ours.is_abnormal("fused", np.array([1e9]))[0]
    assert calibration(range(19)).threshold("fused") == 18


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
