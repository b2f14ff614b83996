"""What stands in for an operator gives the values of the operator."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from simsid.data.preprocess import FITS, Preprocessing
from simsid.export.operators import PlainOperators
from simsid.export.resize import Resize


def numbers(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random(shape, np.float32))


CASES = {
    "the normal deviate": lambda: torch.special.ndtri(torch.linspace(1e-6, 1 - 1e-6, 4001)),
    "distances": lambda: torch.cdist(numbers(2, 30, 8), numbers(2, 20, 8, seed=1)),
    "distances that torch takes one by one": lambda: torch.cdist(
        numbers(30, 8), numbers(20, 8, seed=1), compute_mode="donot_use_mm_for_euclid_dist"
    ),
    "small inverses": lambda: torch.linalg.inv(numbers(5, 2, 2) + 2 * torch.eye(2)),
    "means": lambda: numbers(3, 1, 40, 40).mean((1, 2, 3), keepdim=True),
    "standard deviations": lambda: numbers(3, 1, 40, 40).std((1, 2, 3)),
    "antialiased interpolation": lambda: F.interpolate(
        numbers(2, 1, 41, 30), (12, 17), mode="bilinear", antialias=True, align_corners=False
    ),
    "interpolation by area": lambda: F.interpolate(numbers(2, 1, 41, 30), (12, 7), mode="area"),
    "plain interpolation": lambda: F.interpolate(numbers(2, 1, 9, 9), (20, 20), mode="bilinear"),
    "adaptive means": lambda: F.adaptive_avg_pool2d(numbers(2, 3, 14, 14), (4, 4)),
    "adaptive maxima": lambda: F.adaptive_max_pool2d(numbers(2, 1, 32, 64), (4, 2)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_replaced_operator_gives_the_same_values(case):
    with PlainOperators():
        ours = CASES[case]()
    theirs = CASES[case]()
    assert ours.dtype == theirs.dtype
    torch.testing.assert_close(ours, theirs, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", [(97, 61), (61, 97), (20, 23), (64, 64), (32, 64)])
def test_films_are_fitted_as_the_kit_fits_them_to_a_grey_level(fit, shape):
    preprocessing = Preprocessing((32, 48), fit)
    film = numbers(*shape).numpy()
    graph = Resize(preprocessing)(torch.from_numpy(film)[None, None])[0, 0].numpy()
    kit = preprocessing.apply(film)
    assert np.abs(graph - kit).max() <= 1.001 / 255
    assert np.mean(graph != kit) < 0.01


@pytest.mark.parametrize("fit", FITS)
def test_a_film_of_the_models_size_stays_as_it_is(fit):
    film = torch.round(numbers(2, 1, 32, 48) * 255) / 255
    assert torch.equal(Resize(Preprocessing((32, 48), fit))(film), film)
