"""The expected film knows a place from all others, and never from the place itself."""

import pytest
import torch

from simsid.models.expected import ExpectedFilm

SIZE, GRID = (32, 32), (2, 2)


def films(count: int, seed: int) -> torch.Tensor:
    """A picture in one brightness: what any place has is told by all others."""
    rng = torch.Generator().manual_seed(seed)
    picture = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(99)) * 0.5
    return picture * (0.5 + torch.rand(count, 1, 1, 1, generator=rng))


@pytest.fixture
def fitted() -> ExpectedFilm:
    expected = ExpectedFilm(SIZE, GRID)
    expected.fit(films(60, 0))
    return expected


def test_a_blank_place_is_rebuilt_from_the_rest(fitted):
    whole = films(5, 1)
    blank = whole.clone()
    blank[:, :, :16, 16:] = 0
    told = fitted(blank, whole.mean(0, keepdim=True))
    assert (told - whole)[:, :, :16, 16:].abs().max() < 0.02


@pytest.mark.parametrize("learned", [True, False])
def test_what_a_place_holds_never_changes_what_is_expected_there(fitted, learned):
    expected = fitted if learned else ExpectedFilm(SIZE, GRID)
    whole, usual = films(3, 1), films(20, 2).mean(0, keepdim=True)
    other = whole.clone()
    other[:, :, 16:, :16] = torch.rand(3, 1, 16, 16)
    first, second = expected(whole, usual), expected(other, usual)
    assert torch.allclose(first[:, :, 16:, :16], second[:, :, 16:, :16], atol=1e-4)
    assert not torch.allclose(first[:, :, :16], second[:, :, :16], atol=1e-3)


def test_without_directions_the_mean_film_takes_the_exposure_of_the_rest():
    usual = films(20, 2).mean(0, keepdim=True)
    film = 0.2 + 0.5 * usual
    blank = film.clone()
    blank[:, :, :16, :16] = 1
    told = ExpectedFilm(SIZE, GRID)(blank, usual)
    assert torch.allclose(told[:, :, :16, :16], film[:, :, :16, :16], atol=1e-2)


def test_places_that_say_nothing_of_each_other_get_their_mean():
    torch.manual_seed(0)
    expected = ExpectedFilm(SIZE, GRID)
    brightness = torch.rand(400, 1, 2, 2).repeat_interleave(16, 2).repeat_interleave(16, 3)
    expected.fit(brightness[:300])
    told = expected(brightness[300:], brightness.mean(0, keepdim=True))
    assert (told - 0.5).abs().mean() < 0.1


def test_odd_sizes_and_a_single_place_are_told_too():
    expected = ExpectedFilm((112, 64), (1, 1))
    normals = torch.rand(4, 1, 112, 64)
    expected.fit(normals)
    told = expected(normals, normals.mean(0, keepdim=True))
    assert told.shape == normals.shape
    assert torch.allclose(told[0], told[1], atol=1e-4)
