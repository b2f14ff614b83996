import numpy as np
import pytest

import hub
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.errors import ModelFolderError


def test_every_bundled_model_opens_twice_to_the_same_bit():
    assert "bundled:digitanatomy" in hub.bundled_models()
    images = make_digitanatomy(train=1, calibration=1, validation=0, test_normal=3, test_per_kind=1)
    for name in hub.bundled_models():
        one, two = hub.load(name), hub.load(name)
        first, second = one.predict(images.test.images), two.predict(images.test.images)
        assert np.array_equal(first.score, second.score)
        assert np.array_equal(first.anomaly_map, second.anomaly_map)


def test_the_bundled_digits_model_tells_abnormal_from_normal():
    data = make_digitanatomy(train=1, calibration=1, validation=0, test_normal=30, test_per_kind=10)
    score = hub.load("bundled:digitanatomy").predict(data.test.images).score
    normal, abnormal = score[data.test.labels == 0], score[data.test.labels == 1]
    assert (abnormal[:, None] > normal[None]).mean() > 0.95


def test_a_bundled_model_is_small_and_has_its_card():
    folder = hub.BUNDLED_FOLDER / "digitanatomy"
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 6e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "not a medical device" in card.lower()


def test_an_unknown_bundled_model_names_those_that_there_are():
    with pytest.raises(ModelFolderError, match="there are: bundled:digitanatomy"):
        hub.load("bundled:knees")
