"""The examination finds a blind default score, and mends it from a part that sees."""

import dataclasses

import numpy as np
import pytest

from simsid.detectors.base import FUSED
from simsid.examination.default_score import (
    findings_of,
    missing_part,
    settle_score,
    weakness_of,
)
from simsid.examination.examine import Examination, _hits, examine
from simsid.examination.families import FAMILIES, STRENGTHS
from simsid.examination.table import rows_of, to_text
from tests.simsid.helpers import MeanImageConfig, MeanImageDetector, make_data


@pytest.fixture
def detector():
    data = make_data()
    config = MeanImageConfig(
        image_size=(32, 32), grid_size=(2, 2), fusion=(("brightness", 1.0),), reduce="mean"
    )
    own = MeanImageDetector(config)
    own.mean_image.copy_(own.as_batch(data.train).mean(0, keepdim=True))
    own.set_reference(lambda: iter(own.as_batch(data.train).split(16)))
    own.calibrate(data.calibration)
    own.settles_score = True
    return own


def table(**fused: float) -> Examination:
    """The default score as told, 0.9 elsewhere; 'residual' sees everything."""
    auroc = {
        FUSED: {f: dict.fromkeys(STRENGTHS, fused.get(f, 0.9)) for f in FAMILIES},
        "residual": {f: dict.fromkeys(STRENGTHS, 0.95) for f in FAMILIES},
        "brightness": {f: dict.fromkeys(STRENGTHS, 0.5) for f in FAMILIES},
    }
    return Examination(40, ("painted",), auroc)


def test_a_score_that_sees_every_family_stays_as_it_is(detector):
    assert missing_part(detector, table()) is None


def test_a_blind_score_lacks_the_part_that_sees(detector):
    assert missing_part(detector, table(exchanged=0.5)) == "residual"


def test_families_of_training_do_not_judge(detector):
    assert missing_part(detector, table(painted=0.5)) is None


def test_the_mended_score_sees_more_and_is_calibrated_anew(detector):
    data = make_data()
    before = examine(detector, data.calibration)
    assert before is not None and before.strong(FUSED, "exchanged") < 0.65
    calls = []

    def calibrate() -> None:
        calls.append(dict(detector.config.fusion))
        detector.calibrate(data.calibration)

    after = settle_score(detector, data.calibration, calibrate)
    assert after is not None and after.added == ("residual",)
    assert calls == [{"brightness": 0.5, "residual": 0.5}]
    assert after.mean(FUSED) > before.mean(FUSED)
    assert findings_of(after)[0].startswith(
        "training gave half of the default score to 'residual', another"
    )
    score = detector.predict(data.calibration).score
    assert np.array_equal(np.sort(score), detector.calibration.scores[FUSED])


def test_a_score_that_the_user_chose_is_examined_and_kept(detector):
    fusion = detector.config.fusion
    data = make_data()
    assert settle_score(detector, data.calibration, pytest.fail, may_change=False) is not None
    assert detector.config.fusion == fusion


def test_few_normals_say_nothing(detector):
    assert examine(detector, make_data().calibration[:19]) is None


def test_a_model_that_sees_nothing_is_told():
    blind = table(**dict.fromkeys(FAMILIES, 0.5))
    assert "sees none" in findings_of(blind)[0]


def test_a_score_behind_its_part_is_weak_only_beyond_chance():
    behind = table(**dict.fromkeys(FAMILIES, 0.7))
    by_chance = dataclasses.replace(behind, ahead={"residual": -0.01, "brightness": -0.3})
    sure = dataclasses.replace(behind, ahead={"residual": 0.12, "brightness": -0.3})
    assert weakness_of(by_chance) is None
    found = weakness_of(sure)
    assert found is not None and (found.code, found.part) == ("behind", "residual")
    assert found.message in findings_of(sure)
    near = dataclasses.replace(table(**dict.fromkeys(FAMILIES, 0.92)), ahead={"residual": 0.01})
    assert weakness_of(near) is None  # surely, but by too little to matter


def test_the_interval_of_a_part_that_sees_what_the_score_does_not_lies_above_zero(detector):
    films = make_data().calibration
    examination = examine(detector, films)
    assert examination is not None
    gained = examination.mean("residual") - examination.mean(FUSED)
    assert 0 < examination.ahead["residual"] < gained
    assert abs(examination.ahead["brightness"]) < 0.05  # it is the default score


def test_the_table_survives_a_file_and_marks_what_flatters():
    again = Examination.from_json(table(exchanged=0.5).to_json())
    rows = {row[0]: row[1:] for row in rows_of(again)}
    assert rows["two places exchanged"] == ("0.50", "0.50", "0.50", "residual 0.95", "n/a")
    assert "painted lesions of training *" in rows
    assert "no label was needed" in to_text(dataclasses.replace(again))


def test_the_table_tells_how_often_the_map_is_hottest_where_the_film_was_changed(detector):
    films = make_data().calibration
    detector.config = dataclasses.replace(detector.config, fusion=(("residual", 1.0),))
    detector.calibrate(films)
    found = examine(detector, films)
    assert found is not None and set(found.hottest) == set(FAMILIES)
    assert all(0 < found.covered[family] < 0.6 for family in FAMILIES)
    assert found.hottest["erased"] > 2 * found.covered["erased"]
    told = Examination.from_json(found.to_json())
    assert rows_of(told)[0][-1].endswith(f"({100 * found.covered['opacity']:.0f} %)")


def test_a_map_without_a_top_hits_by_chance():
    places = np.zeros((1, 4, 4), bool)
    places[0, :2] = True
    assert _hits(np.ones((1, 4, 4)), places) == 0.5
    top = np.zeros((1, 4, 4))
    top[0, 0, 0] = 1
    assert _hits(top, places) == 1 and _hits(top, ~places) == 0
