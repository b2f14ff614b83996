"""One contract, every registered detector."""

import numpy as np
import pytest
import torch
from torch import nn

from simsid.data.image_kind import FILMS, Cells
from simsid.detectors import detector_class, detector_names, load_model, save_model
from simsid.errors import SimsidError
from simsid.prediction import Prediction
from simsid.training.fit import fit
from tests.simsid.training.tiny import blobs

SIZE = (64, 64)
NORMALS = 24
BACKBONES = "simsid.models.backbones"  # a kind of its own there
VISIBLE = 1e-2  # standard deviations of normals


def build(name, size=SIZE, grid=None):
    torch.manual_seed(0)
    cls = detector_class(name)
    return cls(cls.config_class.preset("quick", size, Cells(grid) if grid else FILMS))


def films(count, seed=0):
    return blobs(count, seed).repeat(2, axis=1).repeat(2, axis=2)


@pytest.fixture(scope="module", params=detector_names())
def fitted(request):
    return fit(build(request.param), films(NORMALS), epochs=1, batch_size=8, device="cpu")


@pytest.fixture(scope="module")
def images():
    return films(6, seed=1).astype(np.float32) / 255.0


def assert_sound(detector, images):
    """Shapes and ranges; a map that is neither the same all over nor the same for every image."""
    prediction, count = detector.predict(images), len(images)
    by_image = (prediction.score, prediction.p_value, prediction.percentile)
    assert all(values.shape == (count,) for values in by_image)
    assert prediction.anomaly_map.shape == (count, 1, *detector.image_size)
    assert prediction.regions.shape == (count, *detector.grid_size)
    if detector.gives_reconstruction:
        assert prediction.reconstruction.shape == (count, 1, *detector.image_size)
    else:
        assert prediction.reconstruction is None
    assert set(prediction.scores) == set(detector.score_names)
    assert ((prediction.p_value > 0) & (prediction.p_value <= 1)).all()
    for values in (prediction.score, prediction.anomaly_map, prediction.regions):
        assert np.isfinite(values).all()
    assert np.ptp(prediction.anomaly_map, axis=(1, 2, 3)).min() > VISIBLE
    assert np.abs(prediction.anomaly_map[0] - prediction.anomaly_map[1]).max() > VISIBLE


@pytest.mark.parametrize("grid", [None, (2, 2)], ids=["films", "cells"])
@pytest.mark.parametrize("name", detector_names())
def test_threads_do_not_wait_awake_for_a_strided_convolution_that_is_trained(name, grid):
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    found = [layer for layer in build(name, grid=grid).modules() if isinstance(layer, kinds)]
    strided = [layer for layer in found if layer.stride != (1, 1) and layer.weight.requires_grad]
    assert {type(layer).__module__ for layer in strided} <= {"simsid.models.strided", BACKBONES}


def test_prediction_has_its_shapes_and_ranges_and_its_map_shows_places(fitted, images):
    assert_sound(fitted, images)


@pytest.fixture(scope="module", params=detector_names())
def small(request):
    """Trained on few normals, with a grid of its own."""
    return fit(
        build(request.param, (32, 32), (2, 1)), blobs(12), epochs=1, batch_size=4, device="cpu"
    )


def test_a_grid_of_its_own_is_kept_in_predictions_and_in_the_model_folder(small, tmp_path):
    assert small.grid_size == (2, 1)
    images = blobs(4, seed=1)
    assert_sound(small, images)
    save_model(small, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.grid_size == (2, 1)
    assert np.array_equal(again.predict(images).regions, small.predict(images).regions)


def test_every_named_score_can_be_asked_for(fitted, images):
    for name in fitted.score_names:
        prediction = fitted.predict(images, score=name)
        assert np.array_equal(prediction.score, prediction.scores[name])
        assert np.isfinite(prediction.anomaly_map).all()
        assert np.abs(prediction.anomaly_map[0] - prediction.anomaly_map[1]).max() > VISIBLE


def test_save_load_predict_is_bit_equal(fitted, images, tmp_path):
    save_model(fitted, tmp_path / "model")
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


@pytest.mark.parametrize("name", detector_names())
def test_images_that_nothing_can_be_learned_from_stop_training_in_a_sentence(name):
    detector, normals = build(name), films(6)
    broken = (normals / 255).astype(np.float32)
    broken[3, 5, 5] = np.nan
    bad = {
        "too few": normals[:1],
        "the same picture": normals[:1].repeat(6, 0),
        "64x64 px, got 32x32": normals[:, ::2, ::2],
        r"must lie in \[0, 1\]": broken,
    }
    for message, images in bad.items():
        with pytest.raises((SimsidError, ValueError), match=message) as error:
            fit(detector, images, epochs=1, device="cpu")
        assert "\n" not in str(error.value)


def test_an_unknown_score_is_refused_and_the_known_are_named(fitted, images):
    with pytest.raises(ValueError, match="fused"):
        fitted.predict(images, score="alert")


@pytest.mark.parametrize("name", detector_names())
def test_an_uncalibrated_detector_neither_predicts_nor_saves(name, tmp_path, images):
    detector = build(name)
    with pytest.raises(ValueError, match="not calibrated"):
        detector.predict(images)
    with pytest.raises(ValueError, match="not calibrated"):
        save_model(detector, tmp_path / "model")


@pytest.mark.parametrize("name", detector_names())
@pytest.mark.parametrize("preset", ["fast", ""])
def test_an_unknown_preset_is_refused(name, preset):
    with pytest.raises(ValueError, match="preset"):
        detector_class(name).config_class.preset(preset, SIZE, FILMS)


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
    assert why.nearest_training.max() < NORMALS


def test_predictions_join_in_order(fitted, images):
    whole = fitted.predict(images)
    halves = Prediction.concatenate([fitted.predict(images[:3]), fitted.predict(images[3:])])
    assert np.allclose(whole.score, halves.score, rtol=1e-4, atol=1e-4)
    assert list(halves.scores) == list(whole.scores)


def assert_tells_apart(detector, images):
    scores = detector.predict(images).score
    assert len(np.unique(scores)) > 0.75 * len(images)
    assert np.abs(scores).max() < 1000


def test_few_normals_give_scores_that_still_tell_films_apart(small):
    assert_tells_apart(small, blobs(20, seed=4))


@pytest.mark.slow
@pytest.mark.parametrize("name", detector_names())
@pytest.mark.parametrize("count", [12, 60])
def test_few_normals_of_another_size_do_so_too(name, count):
    detector = fit(build(name), films(count), epochs=1, batch_size=4, device="cpu")
    assert_tells_apart(detector, films(20, seed=4))


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
