"""The cheap references against arithmetic by hand."""

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS, Cells
from simsid.detectors import detector_class
from simsid.training.fit import fit
from tests.simsid.training.tiny import blobs


def fitted(name, images):
    cls = detector_class(name)
    detector = cls(cls.config_class.preset("quick", (32, 32), Cells((2, 2))))
    return fit(detector, images, calibration=blobs(20, seed=9), progress=False)


@pytest.mark.parametrize(("name", "number"), [("mean-grey", np.mean), ("contrast", np.std)])
def test_brighter_and_darker_films_are_abnormal_alike(name, number):
    normals = np.full((8, 32, 32), 100, np.uint8)
    normals[:, ::2] += 50
    normals[::2] -= 10  # two kinds of normals, so that there is a spread
    spread = np.float32(normals - normals.mean((1, 2), keepdims=True)) * 0.6
    films = [normals[0] * 1.3, normals[0] * 0.7] if name == "mean-grey" else [
        np.clip(120 + 2 * spread[0], 0, 255), 120 + 0.2 * spread[0]]  # fmt: skip
    detector = fitted(name, normals)
    scores = detector.predict(np.stack(films).astype(np.uint8)).score
    assert (scores > detector.predict(normals).score.max()).all()


def test_the_mean_grey_score_is_the_distance_in_deviations_of_normals():
    normals, films = blobs(30), blobs(5, seed=1)
    detector = fitted("mean-grey", normals)
    greys = normals.mean((1, 2)) / 255
    distances = np.abs(greys - greys.mean())
    own = np.abs(films.mean((1, 2)) / 255 - greys.mean())
    expected = (own - distances.mean()) / distances.std(ddof=1)
    assert np.allclose(detector.predict(films).score, expected, atol=1e-3)


def test_sharpness_is_the_gradient_energy_whatever_the_exposure():
    normals = blobs(20)
    detector = fitted("sharpness", normals)
    films = torch.as_tensor(normals[:3] / 255, dtype=torch.float32)[:, None]
    standard = (films - films.mean((1, 2, 3), keepdim=True)) / films.std((1, 2, 3), keepdim=True)
    rows, cols = np.diff(standard.numpy(), axis=2), np.diff(standard.numpy(), axis=3)
    expected = (rows**2).mean((1, 2, 3)) + (cols**2).mean((1, 2, 3))
    assert np.allclose(detector.number(films), expected, rtol=0.03)
    assert torch.allclose(detector.number(0.2 + 0.5 * films), detector.number(films), rtol=0.03)
    noise = np.random.default_rng(0).integers(0, 255, (2, 32, 32), np.uint8)
    flat = np.repeat(np.repeat(normals[:1, ::8, ::8], 8, 1), 8, 2)
    stranger = detector.predict(np.concatenate([noise, flat])).score
    assert (stranger > detector.predict(normals).score.max()).any()


def test_the_nearest_thumbnail_is_shown_and_a_film_is_not_its_own_neighbour():
    normals = blobs(12)
    detector = fitted("thumbnail-nn", normals)
    other = normals[3].copy()
    other[:4, :4] = 255
    rebuilt = detector.predict(np.stack([normals[3], other])).reconstruction[:, 0] * 255
    flat = np.square(np.float32(normals) - normals[3]).mean((1, 2))
    assert np.abs(rebuilt[0] - normals[np.argsort(flat)[1]]).max() < 0.2
    assert np.abs(rebuilt[1] - normals[3]).max() < 0.2


@pytest.mark.parametrize("size", [(8, 8), (100, 100), (96, 104)])
def test_sizes_without_regions_are_refused_with_the_size(size):
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]} px has no regions"):
        detector_class("mean-grey").config_class.preset("quick", size, FILMS)


def test_a_long_list_of_normals_is_thinned_evenly(monkeypatch):
    monkeypatch.setattr("simsid.detectors.references._MOST_THUMBNAILS", 4)
    assert fitted("thumbnail-nn", blobs(10)).memory_bank.shape == (4, 32 * 32)


def test_the_pixel_gaussian_is_mean_and_variance_by_hand():
    normals, film = blobs(30), blobs(1, seed=1)
    detector = fitted("pixel-gaussian", normals)
    values = normals / 255
    variance = np.maximum(values.var(0, ddof=1), 0.02**2)
    squared = np.square(film[0] / 255 - values.mean(0)) / variance
    expected = [squared[y : y + 16, x : x + 16].mean() for y in (0, 16) for x in (0, 16)]
    found = detector.evidence(detector.as_batch(film)).regions["distance"][0]
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float32), rtol=1e-3)


def test_the_map_of_the_pixel_gaussian_peaks_where_a_film_differs():
    film = blobs(1, seed=1)
    film[0, 2:6, 26:30] = 255
    found = fitted("pixel-gaussian", blobs(30)).predict(film).anomaly_map[0, 0]
    row, col = np.unravel_index(found.argmax(), found.shape)
    assert 0 <= row < 8 and 24 <= col < 32


@pytest.mark.parametrize(
    "name", ["mean-grey", "contrast", "sharpness", "thumbnail-nn", "pixel-gaussian"]
)
def test_a_reference_says_which_options_it_has_no_use_for(name):
    cls = detector_class(name)
    detector = cls(cls.config_class.preset("paper", (64, 64), FILMS))
    assert detector.unused_options() == ("epochs", "batch_size", "precision")
