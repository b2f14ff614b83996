"""Gaussians of positions, by hand and by scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.covariance import OAS

from simsid.models.gaussian import PositionGaussian, shrunk_covariance


@pytest.fixture
def maps():
    torch.manual_seed(0)
    return torch.randn(30, 4, 2, 3) * torch.tensor([1.0, 2.0, 3.0, 0.5]).reshape(1, 4, 1, 1) + 5


def fitted(maps, parts=7):
    gaussian = PositionGaussian(4, (2, 3))
    gaussian.fit(lambda: iter(maps.split(parts)))
    return gaussian


def test_shrinkage_is_that_of_scikit_learn(maps):
    samples = maps[:, :, 0, 0].numpy()
    found = OAS().fit(samples).covariance_
    centred = samples - samples.mean(0)
    ours = shrunk_covariance(torch.tensor(centred.T @ centred / 30)[None], 30)[0].numpy()
    floor = 0.01 * np.trace(centred.T @ centred / 30) / 4
    assert np.allclose(ours, found + floor * np.eye(4), rtol=1e-3)


def test_distances_are_mahalanobis_by_hand(maps):
    gaussian, film = fitted(maps), maps[:1] + 1.0
    distance = gaussian(film)
    assert distance.shape == (1, 1, 2, 3)
    for row in range(2):
        for col in range(3):
            samples = maps[:, :, row, col]
            mean = samples.mean(0)
            covariance = (samples - mean).T @ (samples - mean) / 30
            floors = maps.flatten(2).var(0, correction=0).mean()
            inverse = torch.linalg.inv(
                shrunk_covariance(covariance[None], 30)[0]
                + 0.01 * (floors - covariance.trace() / 4) * torch.eye(4)
            )
            away = film[0, :, row, col] - mean
            assert torch.isclose(
                distance[0, 0, row, col], (away @ inverse @ away).sqrt(), rtol=1e-2
            )


def test_it_does_not_matter_how_films_are_batched(maps):
    assert torch.allclose(fitted(maps, 7)(maps), fitted(maps, 30)(maps), rtol=1e-2)


def test_two_films_and_positions_that_never_vary_give_finite_distances(maps):
    few = maps[:2].clone()
    few[:, :, 0, 0] = 1.0
    assert torch.isfinite(fitted(few)(maps)).all()
    assert torch.isfinite(fitted(torch.ones(3, 4, 2, 3))(maps)).all()


def test_before_fitting_it_is_the_distance_from_zero(maps):
    assert torch.allclose(PositionGaussian(4, (2, 3))(maps)[:, 0], maps.norm(dim=1))


def test_what_is_kept_is_exact_in_half_precision(maps):
    for values in fitted(maps).state_dict().values():
        assert torch.equal(values, values.half().float())
