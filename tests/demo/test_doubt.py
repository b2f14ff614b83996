"""What the page says and draws beyond the score; the states themselves: tests/simsid/test_states.py."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import numpy as np
import pytest

import hub
from demo.docstrings import described
from demo.full_size import map_place
from demo.histogram import histogram
from demo.inference import Answer
from demo.pictures import hottest_region, map_figure, map_layer, region_choices
from demo.verdict import Shown, refused_section, verdict_section
from demo.words import css_class, headline, is_strange
from simsid.data.preprocess import Preprocessing
from simsid.detectors.findings import ANOTHER, Finding
from simsid.map_scale import MapScale, overlay
from simsid.scoring import STATES, RefusedFilm, ScoredFilm, basis, score_film
from simsid.shares import of_all

SCALE = MapScale(2.0, 8.0)


@pytest.fixture(scope="module")
def film() -> ScoredFilm:
    """A film of the digits' model."""
    from synth import DigitAnatomy

    return score_film(
        hub.load("bundled:digitanatomy"), DigitAnatomy().sample("test", "novel", 1).image
    )


@pytest.mark.parametrize("margin", [-9.0, 0.0, 9.0])
def test_the_page_says_the_state_that_every_door_says(film: ScoredFilm, margin: float) -> None:
    told = replace(film, score=film.threshold + margin)
    assert headline(told).lower() == told.state == STATES[int(margin > -9) + int(margin > 0)]
    assert (
        css_class(told)
        == ("nothing-unusual-found", "borderline", "unusual")[STATES.index(told.state)]
    )
    section = verdict_section(told, "", Shown("a model"))
    assert headline(told) in section and escape(basis(told), quote=False) in section


def test_the_layer_over_a_film_looks_as_the_overlay_does() -> None:
    rng = np.random.default_rng(0)
    image, values = rng.random((32, 32)), rng.random((32, 32)) * 12
    layer = map_layer(values, SCALE) / 255
    over = (1 - layer[..., 3:]) * image[..., None] + layer[..., 3:] * layer[..., :3]
    np.testing.assert_allclose(over, overlay(image, values, SCALE) / 255, atol=0.02)


@pytest.mark.parametrize("fit", ["squash", "letterbox", "crop"])
def test_the_map_lies_on_the_film_where_preprocessing_took_it_from(fit: str) -> None:
    settings, shape = Preprocessing((64, 64), fit=fit), (200, 300)
    film = np.zeros(shape, np.float32)
    film[90:110, 190:210] = 1
    row, col = np.argwhere(settings.apply(film) > 0.5).mean(0) + 0.5
    left, top, width, height = map_place(settings, shape)
    assert (left + col / 64 * width) * 300 == pytest.approx(200, abs=4)
    assert (top + row / 64 * height) * 300 == pytest.approx(100, abs=4)


def test_without_a_threshold_there_is_nothing_to_try() -> None:
    normals = np.arange(10.0)
    assert "try-threshold" in histogram(normals, 3.0, 8.0, 0.5)
    assert "try-threshold" not in histogram(normals, 3.0, float("inf"), 0.5)


def test_broken_lines_of_a_docstring_become_sentences() -> None:
    def tool(film: str, other: int) -> None:
        """Do a thing.

        Args:
            film: a film that goes
                on here: and on
            other: a number.

        Returns:
            score,
            percentile.
        """

    text, told = described(tool)
    assert text == "Do a thing. It returns score, percentile."
    assert told == {"film": "A film that goes on here: and on.", "other": "A number."}


def test_a_picture_that_the_nearest_model_refuses_fits_none_of_the_shelf() -> None:
    refused = RefusedFilm("not_like_training", "it looks like something else", out_of_place=True)
    none = refused_section(refused, "a photo", Shown("a <model>", fits_none=True))
    assert "No model on the shelf fits this picture; a &lt;model&gt; was the nearest." in none
    assert "looks like those of this model" not in none and "Model:" not in none
    assert "Model: a model" in refused_section(refused, "a photo", Shown("a model"))


def test_the_page_says_once_that_a_film_is_of_another_population(film: ScoredFilm) -> None:
    odd = Finding("another_population", ANOTHER, "it does not look like the populations")
    answer = Answer(replace(film, findings=(odd,)), "m", None, ("16 bits were read",))
    assert "another population: it does not look" in answer.message  # for programs and tables
    assert answer.note == "16 bits were read"
    section = verdict_section(answer.film, answer.note, Shown("a model"))
    assert section.count("not look like") == 1 and "Note: 16 bits were read." in section


@pytest.mark.parametrize("of_a_body", [True, False])
def test_without_a_verdict_no_threshold_is_drawn_and_the_map_is_faded(
    film: ScoredFilm, of_a_body: bool
) -> None:
    odd = Finding("another_population", ANOTHER, "it does not look like the populations")
    strange = replace(film, findings=(odd,), of_a_body=of_a_body)
    judged, unjudged = (verdict_section(each, "", Shown("a")) for each in (film, strange))
    assert 'class="threshold"' in judged and "try-threshold" in judged
    assert 'class="threshold"' not in unjudged and "try-threshold" not in unjudged
    assert ("lateral view looks like this" in unjudged) == of_a_body
    drawn = [map_figure(film.image, film.shown_map, SCALE, None, odd) for odd in (False, True)]
    assert "opacity:0.85" in drawn[0] and "No verdict" not in drawn[0]
    assert "opacity:0.35" in drawn[1] and "No verdict stands behind this map" in drawn[1]


def test_a_verdict_says_its_threshold_and_that_the_benchmark_has_others(film: ScoredFilm) -> None:
    section = verdict_section(film, "", Shown("a"))
    assert f"The threshold of {film.threshold:.2f} is set so that" in section
    assert "The tab Benchmark has other models" in section


def test_too_few_normals_are_no_reason_to_fade_a_map(film: ScoredFilm) -> None:
    assert not is_strange(replace(film, threshold=float("inf")))


def test_a_refused_film_is_named_where_the_check_tells_what_it_is() -> None:
    told = [
        refused_section(RefusedFilm(code, "reason", out_of_place=True), "reason", Shown("a"))
        for code in ("not_frontal", "turned_left", "not_like_training")
    ]
    named = ["Not a film for this model: looks like no frontal view, perhaps a lateral one</h2>"]
    named += ["Not a film for this model: looks turned to the left</h2>"]
    for section, heading in zip(told, [*named, "Not a film for this model</h2>"], strict=True):
        assert heading in section


def test_shares_below_ten_percent_have_one_decimal() -> None:
    told = [of_all(1, 40), of_all(4, 40), of_all(3, 1000), of_all(0, 40), of_all(40, 40)]
    assert told == [
        "1 of 40 (2.5 %)", "4 of 40 (10 %)", "3 of 1000 (0.3 %)", "0 of 40 (0 %)", "40 of 40 (100 %)"
    ]  # fmt: skip


def test_why_opens_where_the_map_is_hottest_even_where_another_region_scores_higher() -> None:
    regions = np.array([[1.0, 5.0], [2.0, 0.5]])
    values = np.zeros((8, 6))
    values[6, 1] = 3.0
    assert hottest_region(values, regions) == (1, 0)
    assert hottest_region(np.zeros((8, 6)), regions) == (0, 1)  # a flat map points nowhere
    choices = region_choices(regions, (1, 0))
    assert [value for _, value in choices] == [
        "1,0",
        "0,1",
        "0,0",
        "1,1",
    ]  # it opens with the first
    assert [words for words, _ in choices if "hottest" in words] == [
        "row 2, column 1: 2.0, hottest on the map"
    ]
