from pathlib import Path

import numpy as np
import pytest

import hub
from simsid.data.load import load_data
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.errors import ModelFolderError
from simsid.scoring.film import check_placement

FILMS = Path(__file__).parents[3] / "shared" / "data" / "cxr" / "zhanglab"


def test_every_bundled_model_opens_twice_to_the_same_bit():
    assert hub.bundled_models() == ["bundled:digitanatomy", "bundled:zhanglab"]
    for name in hub.bundled_models():
        one, two = hub.load(name), hub.load(name)
        images = np.random.default_rng(0).random((3, *one.image_size), np.float32)
        first, second = one.predict(images), two.predict(images)
        assert np.array_equal(first.score, second.score)
        assert np.array_equal(first.anomaly_map, second.anomaly_map)


def test_the_bundled_digits_model_tells_abnormal_from_normal():
    data = make_digitanatomy(train=1, calibration=1, validation=0, test_normal=30, test_per_kind=10)
    score = hub.load("bundled:digitanatomy").predict(data.test.images).score
    normal, abnormal = score[data.test.labels == 0], score[data.test.labels == 1]
    assert (abnormal[:, None] > normal[None]).mean() > 0.95


@pytest.mark.parametrize("name", ["digitanatomy", "zhanglab"])
def test_a_bundled_model_is_small_and_has_its_card(name):
    folder = hub.BUNDLED_FOLDER / name
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 8e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "not a medical device" in card.lower()


def test_the_chest_models_card_names_whose_films_they_were_and_who_they_were():
    card = (hub.BUNDLED_FOLDER / "zhanglab" / "README.md").read_text(encoding="utf-8")
    for words in (
        "CC BY 4.0",
        "10.17632/rscbjbr9sj.2",
        "Children",
        "one hospital",
        "aspect ratios",
    ):
        assert words in card


@pytest.mark.skipif(not FILMS.is_dir(), reason="needs the films of ../shared/data")
def test_the_bundled_chest_model_tells_pneumonia_from_normal():
    detector = hub.load("bundled:zhanglab")
    data = load_data("zhanglab", str(FILMS), detector.preprocessing)
    score = detector.predict(data.validation.images).score
    normal, abnormal = score[data.validation.labels == 0], score[data.validation.labels == 1]
    assert (abnormal[:, None] > normal[None]).mean() > 0.95
    placement = check_placement(detector, data.validation.images / np.float32(255))
    assert np.mean([bool(findings) for findings in placement]) <= 0.02


def test_an_unknown_bundled_model_names_those_that_there_are():
    with pytest.raises(ModelFolderError, match="there are: bundled:digitanatomy"):
        hub.load("bundled:knees")
