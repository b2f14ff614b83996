"""A visit's own normals: what was left out is told with its reason."""

from __future__ import annotations

from html import unescape

import numpy as np
import pytest

from demo.own_normals import learn, with_own
from demo.own_words import own_section
from demo.pictures import map_figure
from simsid.detectors.training_films import TrainingFilms
from simsid.errors import SimsidError
from simsid.scoring import score_film
from tests.simsid.two_populations import films_of, make_grey_two


def test_a_population_without_own_normals_is_told_to_lose_most_of_its_verdicts() -> None:
    own = learn(make_grey_two(), "m", list(films_of("wide", 40, 70)))
    told = unescape(own_section(own, "m"))  # some of its films look like the others: not all
    assert "Most films of narrow get no verdict now: hardly any of your normals look" in told
    assert "look like your normals are judged by these" in told and "of wide" not in told


def test_films_that_could_not_be_used_are_told_with_the_reason() -> None:
    detector = make_grey_two()
    films = films_of("narrow", 60, 70)
    detector.training_films = TrainingFilms.of(films[:20])
    own = learn(detector, "m", list(films), left_out=2)
    assert (own.films, own.left_out) == (40, 22)
    told = unescape(own_section(own, "m"))
    assert "22 more films could not be used: 20 are in this model's training: such films" in told
    assert "2 are unreadable" in told
    with pytest.raises(SimsidError, match=r"15 of 35 films .*\(20 are in this model's training"):
        learn(detector, "m", list(films[:35]))
    assert "could not be used" not in own_section(learn(detector, "m", list(films[20:])), "m")


def test_own_normals_move_the_colours_of_a_map_and_not_its_values_and_the_page_says_so() -> None:
    detector, films = make_grey_two(), films_of("wide", 60, 70)
    view = with_own(detector, learn(detector, "m", list(films[:40])))
    before, after = (
        score_film(model, films[50], accept_out_of_place=True) for model in (detector, view)
    )
    assert np.array_equal(before.anomaly_map, after.anomaly_map)
    assert np.array_equal(before.regions, after.regions)
    assert before.scale != after.scale
    drawn = [
        map_figure(film.image, film.shown_map, film.scale, by_own=film.own_normals > 0)
        for film in (before, after)
    ]
    assert ["your normals set where colour begins" in each for each in drawn] == [False, True]
