"""Borderline, diffuse, confined to the body: what the page says beyond the score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import hub
from demo.body import body_mask
from demo.docstrings import described
from demo.doubt import diffuse, is_borderline, threshold_interval
from demo.full_size import map_place
from demo.histogram import histogram
from demo.pictures import map_layer
from demo.words import basis, css_class, headline
from simsid.data.preprocess import Preprocessing
from simsid.map_scale import MapScale, overlay
from simsid.scoring import ScoredFilm, score_film

SCALE = MapScale(2.0, 8.0)


@pytest.fixture(scope="module")
def film() -> ScoredFilm:
    """A film of the digits' model."""
    from synth import DigitAnatomy

    return score_film(
        hub.load("bundled:digitanatomy"), DigitAnatomy().sample("test", "novel", 1).image
    )


def at(film: ScoredFilm, score: float) -> ScoredFilm:
    return replace(film, score=score, verdict="abnormal" if score > film.threshold else "normal")


def test_a_score_within_the_thresholds_uncertainty_is_borderline_on_either_side(film) -> None:
    low, high = threshold_interval(film)
    assert low < film.threshold < high
    above = int((film.normals > high).sum()), int((film.normals > low).sum())
    rate = film.rate_interval
    assert above[0] <= rate[0] * 200 + 1 and above[1] <= rate[1] * 200 + 1
    for score, told in ((low - 0.1, "Nothing unusual found"), (low, "Borderline"),
                        (high, "Borderline"), (high + 0.1, "Unusual")):  # fmt: skip
        assert headline(at(film, score)) == told
    assert css_class(at(film, low)) == "borderline"
    assert "is itself uncertain" in basis(at(film, low))


def test_few_normals_leave_more_films_borderline_but_not_all(film) -> None:
    few = replace(film, normals=film.normals[::10], rate_interval=(0.003, 0.14))
    few = replace(few, threshold=float(few.normals[-1]))
    low, high = threshold_interval(few)
    assert high == few.threshold and is_borderline(at(few, low))
    assert headline(at(few, high + 1)) == "Unusual"


def test_a_film_without_a_verdict_is_never_borderline(film) -> None:
    for verdict in ("undecided", "another population"):
        assert not is_borderline(replace(film, score=film.threshold, verdict=verdict))


def test_the_map_stays_on_the_body_and_lungs_belong_to_it() -> None:
    image = np.zeros((96, 96), np.float32)
    image[:, 20:76] = 0.6
    image[30:60, 30:45] = 0.02  # a lung: dark, enclosed
    body = body_mask(image)
    assert body[:, 25:71].min() > 0.9 and body[:, :16].max() < 0.05 and body[:, 80:].max() < 0.05
    assert 0 < body[50, 21] < 1
    assert (body_mask(np.full((64, 64), 0.5, np.float32)) > 0.99).all()
    assert (body_mask(np.zeros((64, 64), np.float32)) == 1).all()


def test_a_score_that_no_place_explains_is_called_diffuse(film) -> None:
    body, nothing = np.ones((96, 96)), np.zeros((96, 96))
    spot, flood = nothing.copy(), nothing + 5
    spot[:9, :9] = 5
    odd, fine = at(film, film.threshold + 9), at(film, film.threshold - 9)
    assert "none of them enough" in diffuse(odd, nothing, body, SCALE)
    assert "100 % of the body" in diffuse(odd, flood, body, SCALE)
    assert diffuse(odd, spot, body, SCALE) == "" == diffuse(fine, flood, body, SCALE)


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
