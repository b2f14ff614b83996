"""Anomalies made from normals: changed where they should be, the same with the same seed."""

import pytest
import torch

from simsid.examination.families import FAMILIES, STRENGTHS, change_films


@pytest.fixture
def films() -> torch.Tensor:
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(6, 1, 6, 6), (48, 48), mode="bicubic")
    return smooth.clamp(0, 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_film_is_changed_and_stays_in_range(films, family):
    changed = change_films(films, family, "strong")
    assert changed.shape == films.shape
    assert changed.min() >= 0 and changed.max() <= 1
    assert ((changed - films).abs().amax((1, 2, 3)) > 0.02).all()


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "painted"])
def test_most_of_a_film_stays_as_it_was(films, family):
    touched = (change_films(films, family, "weak") != films).float().mean()
    assert 0 < touched < 0.12


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_gives_the_same_bits_and_another_does_not(films, family):
    state = torch.get_rng_state()
    first = change_films(films, family, "medium", seed=3)
    assert torch.equal(first, change_films(films, family, "medium", seed=3))
    assert not torch.equal(first, change_films(films, family, "medium", seed=4))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("family", FAMILIES)
def test_stronger_anomalies_change_more(films, family):
    amounts = [(change_films(films, family, s) - films).abs().mean() for s in STRENGTHS]
    assert amounts[0] < amounts[-1]
