"""Films to the model: window, fit, resize, and the same geometry for masks and boxes."""

import numpy as np
import pytest

from simsid.data.preprocess import FITS, Preprocessing

SHAPES = [(64, 64), (120, 80), (80, 120), (301, 200), (97, 64)]


def film(shape, seed=0):
    return np.random.default_rng(seed).random(shape).astype(np.float32)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_film_comes_out_at_the_models_size_in_256_levels(fit, shape):
    out = Preprocessing((64, 48), fit).apply(film(shape))
    assert out.shape == (64, 48) and out.dtype == np.float32
    assert np.array_equal(out, np.round(out * 255) / np.float32(255))


def test_letterbox_keeps_the_shape_and_pads_with_black():
    out = Preprocessing((64, 64), "letterbox").apply(np.full((100, 50), 0.8, np.float32))
    assert (out[:, :16] == 0).all() and (out[:, 48:] == 0).all()
    assert np.allclose(out[:, 16:48], 0.8, atol=0.01)


def test_crop_keeps_the_middle():
    image = np.zeros((100, 50), np.float32)
    image[25:75] = 1
    assert (Preprocessing((64, 64), "crop").apply(image) == 1).all()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_box_and_a_mask_end_where_their_picture_ends(fit, shape):
    prepare = Preprocessing((96, 96), fit)
    rows, cols = shape
    top, bottom, left, right = rows // 3, rows * 2 // 3, cols // 4, cols * 3 // 4
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    picture = prepare.apply(mask.astype(np.float32)) > 0.5
    assert (prepare.apply_mask(mask) != picture).mean() < 0.02  # ties at its edge
    box = prepare.apply_boxes([(left / cols, top / rows, right / cols, bottom / rows)], shape)[0]
    found_rows, found_cols = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
    seen = (found_cols[0], found_rows[0], found_cols[-1] + 1, found_rows[-1] + 1)
    assert np.abs(np.array(seen) - box).max() <= 1.5, (seen, box)


def test_no_boxes_are_no_boxes():
    assert Preprocessing((32, 32)).apply_boxes([], (50, 50)).shape == (0, 4)


def test_boxes_are_cut_off_where_the_film_is():
    boxes = Preprocessing((64, 64), "crop").apply_boxes([(0.0, 0.0, 1.0, 1.0)], (128, 64))
    assert boxes.tolist() == [[0, 0, 64, 64]]


def test_a_box_in_what_was_cropped_away_is_dropped():
    boxes = [(0.1, 0.0, 0.9, 0.1), (0.1, 0.4, 0.9, 0.6)]
    assert len(Preprocessing((64, 64), "crop").apply_boxes(boxes, (128, 64))) == 1


def test_a_window_makes_films_of_other_exposure_alike():
    image = film((64, 64)) * 0.8 + 0.1
    prepare = Preprocessing((64, 64), window=(1.0, 99.0))
    assert np.allclose(prepare.apply(image), prepare.apply(image * 0.5 + 0.2), atol=0.02)
    assert prepare.apply(image).min() == 0 and prepare.apply(image).max() == 1


def test_letterbox_padding_does_not_move_the_window():
    image = film((64, 32)) * 0.4 + 0.3
    boxed = Preprocessing((64, 64), "letterbox", window=(1.0, 99.0)).apply(image)
    plain = Preprocessing((64, 32), window=(1.0, 99.0)).apply(image)
    assert np.array_equal(boxed[:, 16:48], plain)


def test_a_window_over_nearly_constant_film_changes_nothing():
    image = np.full((64, 64), 0.5, np.float32)
    image[0, 0] = 1
    assert Preprocessing((64, 64), window=(1.0, 99.0)).apply(image)[5, 5] == pytest.approx(
        0.5, abs=0.01
    )


def test_clahe_raises_local_contrast_and_stays_in_range():
    image = film((64, 64)) * 0.1 + 0.45
    out = Preprocessing((64, 64), clahe=0.02).apply(image)
    assert out.std() > 2 * image.std() and out.min() >= 0 and out.max() <= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fit": "stretch"}, "fit must be one of"),
        ({"window": (99.0, 1.0)}, "the lower one first"),
        ({"window": (-1.0, 50.0)}, "the lower one first"),
        ({"clahe": 2.0}, "clahe"),
        ({"image_size": (0, 5)}, "image_size"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Preprocessing(**({"image_size": (32, 32)} | settings))
