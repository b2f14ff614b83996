from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from simsid.benchmark.sweeps.contamination import parse_rates
from simsid.benchmark.sweeps.mixtures import FilmMixtures, GeneratedMixtures
from simsid.errors import DataError, SimsidError
from tests.simsid.helpers import make_data

RATES = (0.0, 0.1, 0.5)


def loader(normals: int = 100, pool: int = 30):
    """A film set as ``load_films`` gives it: mixed-in films last, each grey level a film."""
    grey = np.arange(normals + pool, dtype=np.uint8)
    films = np.broadcast_to(grey[:, None, None], (len(grey), 32, 32))
    facts = {"films": {"pool": {"normal": 0, "abnormal": pool}}}

    def load(contamination: float):
        wanted = round(contamination * normals / (1 - contamination))
        if wanted > pool:
            raise DataError("too few")
        train = films[: normals + wanted]
        return dataclasses.replace(make_data(), train=train, facts=facts)

    return load


def greys(images: np.ndarray) -> set[int]:
    return set(images[:, 0, 0].tolist())


def test_every_share_has_the_same_number_of_films_and_its_own_abnormals():
    mixtures = FilmMixtures(loader(), RATES)
    assert mixtures.size == 60  # 30 abnormals are half of it
    for rate in RATES:
        films = greys(mixtures.train(rate, seed=0))
        assert len(films) == 60  # none twice
        assert sum(grey >= 100 for grey in films) == round(60 * rate)


def test_with_many_abnormals_the_normals_bound_the_size():
    assert FilmMixtures(loader(pool=120), (0.0, 0.5)).size == 100
    assert FilmMixtures(loader(pool=120), (0.5,)).size == 200


def test_higher_shares_keep_the_abnormals_of_lower_ones_and_seeds_differ():
    mixtures = FilmMixtures(loader(), RATES)
    few = {g for g in greys(mixtures.train(0.1, 1)) if g >= 100}
    many = {g for g in greys(mixtures.train(0.5, 1)) if g >= 100}
    assert few <= many
    assert greys(mixtures.train(0.1, 1)) != greys(mixtures.train(0.1, 2))
    assert greys(mixtures.train(0.1, 1)) == greys(mixtures.train(0.1, 1))


def test_a_smaller_size_may_be_asked_for_and_a_larger_is_cut():
    assert FilmMixtures(loader(), RATES, 20).size == 20
    assert FilmMixtures(loader(), RATES, 500).size == 60


def test_a_set_without_abnormals_on_its_training_side_says_so():
    with pytest.raises(DataError, match="no abnormal films on its training side"):
        FilmMixtures(loader(pool=0), RATES)
    assert FilmMixtures(loader(pool=0), (0.0,)).size == 100
    with pytest.raises(DataError, match="at least 10"):
        FilmMixtures(loader(pool=2), RATES)


def test_generated_sets_have_one_size():
    made = GeneratedMixtures(lambda rate: make_data(seed=round(rate * 10)), 30)
    assert made.size == 30
    assert made.train(0.1, 0).shape == (30, 32, 32)
    assert made.abnormal(0.1) == 3


@pytest.mark.parametrize("text", ["a,b", "0,1", "-0.1", ""])
def test_rates_that_cannot_be_are_refused(text):
    with pytest.raises(SimsidError, match="--rates"):
        parse_rates(text)


def test_rates_rise_without_repetition():
    assert parse_rates("0.5, 0,0.1,0.1") == [0.0, 0.1, 0.5]
