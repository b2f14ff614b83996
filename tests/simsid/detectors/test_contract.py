"""One contract, every registered detector."""

import numpy as np
import pytest
import torch

from simsid.detectors import detector_class, detector_names, load_model
from simsid.errors import SimsidError
from simsid.prediction import AnomalyDetector, Prediction
from tests.simsid.training.tiny import blobs

SIZE = (64, 64)


def build(name):
    torch.manual_seed(0)
    cls = detector_class(name)
    return cls(cls.config_class.preset("quick", SIZE, None))


def films(count, seed=0):
    return blobs(count, seed).repeat(2, axis=1).repeat(2, axis=2)


@pytest.fixture(scope="module", params=detector_names())
def fitted(request):
    return build(request.param).fit(films(40), epochs=1, batch_size=8, device="cpu")


@pytest.fixture(scope="module")
def images():
    return films(6, seed=1).astype(np.float32) / 255.0


def test_a_fitted_detector_is_a_detector(fitted):
    assert isinstance(fitted, AnomalyDetector)


def test_prediction_has_its_shapes_and_ranges(fitted, images):
    prediction = fitted.predict(images)
    rows, cols = fitted.grid_size
    assert prediction.score.shape == prediction.p_value.shape == prediction.percentile.shape == (6,)
    assert prediction.anomaly_map.shape == (6, 1, *SIZE)
    assert prediction.regions.shape == (6, rows, cols)
    if fitted.gives_reconstruction:
        assert prediction.reconstruction.shape == (6, 1, *SIZE)
    else:
        assert prediction.reconstruction is None
    assert set(prediction.scores) == set(fitted.score_names)
    assert ((prediction.p_value > 0) & (prediction.p_value <= 1)).all()
    for values in (prediction.score, prediction.anomaly_map, prediction.regions):
        assert np.isfinite(values).all()


def test_every_named_score_can_be_asked_for(fitted, images):
    for name in fitted.score_names:
        prediction = fitted.predict(images, score=name)
        assert np.array_equal(prediction.score, prediction.scores[name])
        assert np.isfinite(prediction.anomaly_map).all()


def test_save_load_predict_is_bit_equal(fitted, images, tmp_path):
    fitted.save(tmp_path / "model")
    again = load_model(tmp_path / "model").predict(images)
    before = fitted.predict(images)
    for name in ("score", "anomaly_map", "regions", "p_value", "percentile", "reconstruction"):
        if name == "reconstruction" and not fitted.gives_reconstruction:
            continue
        assert np.array_equal(getattr(before, name), getattr(again, name)), name


def test_the_detector_is_not_collapsed(fitted):
    scores = fitted.predict(films(30, seed=2)).score
    assert len(np.unique(scores)) > 25


def test_scores_do_not_depend_on_the_company_of_an_image(fitted, images):
    together = fitted.predict(images).score
    alone = np.concatenate([fitted.predict(image[None]).score for image in images])
    # A thousandth of a standard deviation of normals: kernels round differently by batch size.
    assert np.allclose(together, alone, rtol=1e-4, atol=1e-3)


def test_predicting_leaves_nothing_behind(fitted, images):
    state = {name: value.clone() for name, value in fitted.state_dict().items()}
    fitted.predict(images)
    assert all(torch.equal(state[name], value) for name, value in fitted.state_dict().items())


def test_eight_bit_and_float_images_score_alike(fitted):
    eight_bit = films(3, seed=3)
    assert np.allclose(
        fitted.predict(eight_bit).score, fitted.predict(eight_bit / np.float32(255)).score
    )


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((1, 32, 32), np.float32), "64x64 px, got 32x32"),
        (np.full((1, *SIZE), 2.0, np.float32), r"must lie in \[0, 1\]"),
        (np.full((1, *SIZE), np.nan, np.float32), r"must lie in \[0, 1\]"),
        (np.zeros((1, 3, *SIZE), np.float32), "expected images"),
        (np.zeros((0, *SIZE), np.float32), "expected images"),
    ],
)
def test_images_that_do_not_fit_are_refused_with_both_values(fitted, images, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(images)


def test_an_unknown_score_is_refused_and_the_known_are_named(fitted, images):
    with pytest.raises(ValueError, match="fused"):
        fitted.predict(images, score="alert")


@pytest.mark.parametrize("name", detector_names())
def test_an_uncalibrated_detector_neither_predicts_nor_saves(name, tmp_path, images):
    detector = build(name)
    with pytest.raises(ValueError, match="not calibrated"):
        detector.predict(images)
    with pytest.raises(ValueError, match="calibrate first"):
        detector.save(tmp_path / "model")


@pytest.mark.parametrize("name", detector_names())
@pytest.mark.parametrize("preset", ["fast", ""])
def test_an_unknown_preset_is_refused(name, preset):
    with pytest.raises(ValueError, match="preset"):
        detector_class(name).config_class.preset(preset, SIZE, None)


def test_an_explanation_names_slots_or_says_there_is_no_memory(fitted, images):
    try:
        why = fitted.explain(images[0], (0, 1))
    except SimsidError as error:
        assert "no memory" in str(error)
        return
    assert len(why.slots) == len(why.weights) > 0
    assert (np.diff(why.weights) <= 0).all()
    assert why.weights.sum() <= 1 + 1e-4
    rows, cols = fitted.grid_size
    assert why.patch.shape == (SIZE[0] // rows, SIZE[1] // cols)
    assert np.array_equal(
        why.patch, images[0][: why.patch.shape[0], why.patch.shape[1] :][:, : why.patch.shape[1]]
    )
    assert why.nearest_training.shape[0] == len(why.slots)
    assert why.nearest_training.max() < 36


def test_predictions_join_in_order(fitted, images):
    whole = fitted.predict(images)
    halves = Prediction.concatenate([fitted.predict(images[:3]), fitted.predict(images[3:])])
    assert np.allclose(whole.score, halves.score, rtol=1e-4, atol=1e-4)
    assert list(halves.scores) == list(whole.scores)


@pytest.mark.parametrize("name", detector_names())
@pytest.mark.parametrize("count", [12, 60])
def test_few_normals_give_scores_that_still_tell_films_apart(name, count):
    detector = build(name).fit(films(count), epochs=1, batch_size=4, device="cpu")
    scores = detector.predict(films(20, seed=4)).score
    assert len(np.unique(scores)) > 15
    assert np.abs(scores).max() < 1000


def test_bfloat16_scores_are_near_and_say_the_same(fitted, images):
    exact, rounded = fitted.predict(images), fitted.predict(images, precision="bf16")
    assert np.isfinite(rounded.score).all()
    assert rounded.anomaly_map.dtype == exact.anomaly_map.dtype == np.float32


@pytest.mark.parametrize("name", detector_names())
def test_settings_that_cannot_be_reduced_or_fused_are_refused_at_once(name):
    from dataclasses import replace

    config = build(name).config
    for changes in ({"reduce": "sum"}, {"fusion": (("unheard-of", 1.0),)}, {"fusion": ()}):
        with pytest.raises(ValueError, match=r"reduce|fusion"):
            detector_class(name)(replace(config, **changes))
