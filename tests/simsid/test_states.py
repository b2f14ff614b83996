"""Six states, one scoring path: what a film is called, where its map lies, and what that stands on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hub
from simsid.detectors.calibration import Calibration
from simsid.detectors.findings import ANOTHER, WARN, Finding
from simsid.detectors.found_share import FoundShare, found_shares
from simsid.map_scale import MapScale
from simsid.scoring import (
    BORDERLINE,
    NOT_A_FILM,
    NOTHING_UNUSUAL,
    STATES,
    TOO_FEW_NORMALS,
    UNUSUAL,
    RefusedFilm,
    ScoredFilm,
    basis,
    score_film,
)
from simsid.scoring.body import body_mask
from simsid.scoring.rows import numbers_of, row_of
from simsid.scoring.table import COLUMNS, is_score_table
from simsid.scoring.words import rate_in_words, stated_share
from synth import DigitAnatomy


@pytest.fixture(scope="module")
def film() -> ScoredFilm:
    """A film of the digits' model."""
    return score_film(
        hub.load("bundled:digitanatomy"), DigitAnatomy().sample("test", "novel", 1).image
    )


def at(film: ScoredFilm, score: float) -> ScoredFilm:
    return replace(film, score=score)


def test_a_score_within_the_thresholds_uncertainty_is_borderline_on_either_side(film) -> None:
    low, high = film.threshold_interval
    assert low < film.threshold < high
    above = int((film.normals > high).sum()), int((film.normals > low).sum())
    rate = film.rate_interval
    assert above[0] <= rate[0] * 200 + 1 and above[1] <= rate[1] * 200 + 1
    for score, told in ((low - 0.1, NOTHING_UNUSUAL), (low, BORDERLINE), (high, BORDERLINE),
                        (high + 0.1, UNUSUAL)):  # fmt: skip
        assert at(film, score).state == told
    assert "is itself uncertain" in basis(at(film, low))
    assert "is itself uncertain" not in basis(at(film, high + 0.1))


def test_few_normals_leave_more_films_borderline_but_not_all(film) -> None:
    few = replace(film, normals=film.normals[::10], rate_interval=(0.003, 0.14))
    few = replace(few, threshold=float(few.normals[-1]))
    low, high = few.threshold_interval
    assert high == few.threshold and at(few, low).state == BORDERLINE
    assert at(few, high + 1).state == UNUSUAL


def test_a_film_without_a_verdict_is_never_borderline(film) -> None:
    on_the_edge = at(film, film.threshold)
    for severity, told in ((ANOTHER, STATES[3]), (WARN, NOT_A_FILM)):
        doubted = replace(on_the_edge, findings=(Finding("odd", severity, "odd"),))
        assert doubted.state == told
    few = replace(on_the_edge, threshold=float("inf"), num_normals=12, rate_interval=(0.0, 1.0))
    assert few.state == TOO_FEW_NORMALS
    told = "12 normals are too few for a verdict at a false-alarm rate of 5 %. Recalibrate the model on"
    assert f"{told} at least 20 normal films." in basis(few)
    assert "at most 5 %. Recalibrate the model on at least 45" in basis(
        replace(few, rate_confidence=0.9)
    )
    assert RefusedFilm("inverted", "a negative", out_of_place=True).state == NOT_A_FILM
    assert RefusedFilm("empty", "0 bytes").state == ""


def test_the_former_words_stay_for_one_version_and_say_that_they_go(film) -> None:
    low, high = film.threshold_interval
    for score, word in ((low - 1, "normal"), (high, "abnormal"), (high + 1, "abnormal")):
        with pytest.warns(DeprecationWarning, match="read 'state'"):
            assert at(film, score).verdict == word
    row = row_of(Path("a.png"), at(film, low - 1), "model")
    assert (row["state"], row["verdict"]) == (NOTHING_UNUSUAL, "normal")
    assert set(row) == set(COLUMNS)


def test_tables_of_the_former_version_are_still_known(tmp_path) -> None:
    table = tmp_path / "scores.csv"
    table.write_text(
        "file,score,percentile,p_value,verdict,false_alarm_rate,rate_low,rate_high,num_normals,"
        "population,status,message,model\n"
    )
    assert is_score_table(table)


def test_the_map_stays_on_the_body_and_lungs_belong_to_it() -> None:
    image = np.zeros((96, 96), np.float32)
    image[:, 20:76] = 0.6
    image[30:60, 30:45] = 0.02  # a lung: dark, enclosed
    body = body_mask(image)
    assert body[:, 25:71].min() > 0.9 and body[:, :16].max() < 0.05 and body[:, 80:].max() < 0.05
    assert 0 < body[50, 21] < 1
    assert (body_mask(np.full((64, 64), 0.5, np.float32)) > 0.99).all()
    assert (body_mask(np.zeros((64, 64), np.float32)) == 1).all()


def test_a_map_is_drawn_on_the_body_of_a_film_and_all_over_digits(film) -> None:
    assert np.array_equal(film.shown_map, film.anomaly_map)
    image = np.zeros((96, 96), np.float32)
    image[:, 20:76] = 0.6
    on_film = replace(film, image=image, of_a_body=True)
    assert np.abs(on_film.shown_map[:, :16]).max() < 0.05 * np.abs(film.anomaly_map).max()


def test_a_score_that_no_place_explains_is_called_diffuse(film) -> None:
    nothing = np.zeros((96, 96), np.float32)
    spot, flood = nothing.copy(), nothing + 5
    spot[:9, :9] = 5
    odd = replace(at(film, film.threshold + 9), scale=MapScale(2.0, 8.0), image=nothing + 0.5)
    fine = at(odd, film.threshold - 9)
    assert "none of them enough" in replace(odd, anomaly_map=nothing).diffuse
    assert "100 % of the body" in replace(odd, anomaly_map=flood).diffuse
    assert replace(odd, anomaly_map=spot).diffuse == ""
    assert replace(fine, anomaly_map=flood).diffuse == ""


def test_a_verdict_says_what_share_of_abnormals_was_found_at_this_threshold(film) -> None:
    assert (film.found.share, film.found.abnormals) == (0.995, 399)
    assert film.found.data == "digitanatomy, test part"
    assert "Of 399 abnormal films (digitanatomy, test part) this threshold found 99.5 %" in basis(
        at(film, film.threshold - 9)
    )
    assert "was not measured" in basis(replace(at(film, film.threshold - 9), found=None))


def test_a_rate_that_holds_with_confidence_is_told_as_at_most_wherever_it_is(film) -> None:
    over = at(film, film.threshold + 9)
    assert "is set so that 5 % (3 to 8 %) of such normal films" in basis(over)
    sure = replace(over, rate_confidence=0.9, rate_interval=(0.004, 0.043))
    assert "is set so that at most 5 % (0 to 4 %) of such normal films are called" in basis(sure)
    assert (rate_in_words(over), stated_share(over)) == ("5 % (3 to 8 %)", "5 %")
    assert stated_share(sure) == "at most 5 %"
    chest = hub.load("bundled:chest")
    image = np.random.default_rng(0).random(chest.image_size, np.float32)
    assert score_film(chest, image, accept_out_of_place=True).rate_confidence == 0.9


def test_a_share_found_at_other_thresholds_is_not_told() -> None:
    detector = hub.load("bundled:digitanatomy")
    image = DigitAnatomy().sample("test", "novel", 1).image
    assert score_film(detector, image, score="reconstruction").found is None
    moved = {name: values + 0.01 for name, values in detector.calibration.scores.items()}
    detector.calibration = Calibration(moved, 0.05)
    assert detector.found != () and score_film(detector, image).found is None


def test_a_card_of_somebody_else_says_nothing(tmp_path) -> None:
    card = tmp_path / "README.md"
    assert found_shares(card) == ()
    card.write_text("# A model\n\n| sensitivity at the threshold | 0.9 |\n")
    assert found_shares(card) == ()


def test_a_share_stays_that_of_its_threshold_where_a_card_states_the_calibration_score_alone():
    normals = Calibration({"fused": 1000 * np.arange(200.0)})  # a tie of 1.2: beyond any rounding
    share = FoundShare(0.7, 20, "test part", (190_000.0,))
    assert share.holds_for(normals, "fused") and normals.threshold("fused") > 190_001
    assert replace(share, thresholds=(190_001.155,)).holds_for(normals, "fused")
    assert not replace(share, thresholds=(190_003.0,)).holds_for(normals, "fused")
    assert not replace(share, thresholds=(189_000.0,)).holds_for(normals, "fused")


def test_a_film_of_several_populations_is_told_what_its_own_threshold_found(film) -> None:
    detector = hub.load("bundled:chest")
    at, part = (1.359, 2.37), "validation part"
    assert detector.found == (FoundShare(0.725, 80, part, at), FoundShare(0.214, 112, part, at))
    image = np.random.default_rng(0).random(detector.image_size, np.float32)
    noise = score_film(detector, image, accept_out_of_place=True)
    assert noise.findings and noise.found is None  # no verdict, so nothing is said of one
    assert numbers_of(noise)["found_share"] == numbers_of(noise)["found_of"] == ""
    adult = replace(film, score=film.threshold + 99, population="nih", found=detector.found[1])
    assert numbers_of(adult)["population"] == "nih" and numbers_of(adult)["found_share"] == 0.214
    said = basis(adult)
    assert (
        "normal films that look most like nih (chest films, mostly adults) and that training never saw"
        in said
    )
    assert noise.recalibrated and not film.recalibrated  # whose normals nobody can vouch for here
    given = basis(replace(adult, recalibrated=True))
    assert "and that set its threshold (p = " in given and "never saw" not in given
    assert "recalibrated" not in given  # a reader of a bundled model recalibrated nothing
    mine = basis(replace(adult, recalibrated=True, own_normals=60))
    assert "that this model was recalibrated on (p = " in mine and "never saw" not in mine
    assert (
        "Of 112 abnormal films (validation part) that look most like nih (chest films, mostly adults), "
        "sorted by looks so that some may be of another population, this threshold found 21.4 %"
        in said
    )  # 14 of them are children by record
    assert "this threshold found 21.4 %" in said and "36" not in said.rpartition("Of 112")[2]


def test_a_film_judged_as_it_does_not_look_is_told_of_which_films_a_share_was_measured(
    film,
) -> None:
    share = FoundShare(0.75, 20, "validation part", (1.0, 2.0))
    like = replace(
        at(film, film.threshold + 99),
        population="nih",
        judged_as="nih",
        looks_like="nih",
        found=share,
    )
    assert "this threshold found 75 %" in basis(like)
    unlike = basis(replace(like, looks_like="zhanglab", found=None))
    assert (
        "was not measured on films that look like zhanglab (chest films of children, 1 to 5 years): a "
        "share that the model's card tells is of films that look like nih (chest films, mostly adults)."
        in unlike
    )
    assert "What share of abnormal films this threshold finds was not measured. A film" in basis(
        replace(like, found=None)
    )
