"""The border between page and models: bytes in, numbers out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import hub
from demo.batch import csv_of, table_html
from demo.histogram import histogram
from demo.inference import Inference
from demo.pictures import map_figure, region_at, regions_picture
from demo.words import headline
from simsid.detectors.findings import WARN, Finding
from simsid.errors import ModelFolderError
from simsid.scoring import RefusedFilm, basis, score_film
from tests.demo.conftest import png

MODEL = "bundled:digitanatomy"


@pytest.fixture(scope="module")
def inference() -> Iterator[Inference]:
    made = Inference()
    yield made
    made.close()


def test_the_page_scores_as_python_does(inference: Inference, digits: dict) -> None:
    detector = hub.load(MODEL)
    for kind, image in digits.items():
        answer = inference.score_bytes(png(image), MODEL)
        film, expected = answer.film, score_film(detector, image)
        assert answer.status == "ok", kind
        assert abs(film.score - expected.score) < 1e-6
        assert film.p_value == expected.p_value
        np.testing.assert_allclose(film.anomaly_map, expected.anomaly_map, atol=1e-5)


def test_verdicts_come_with_the_rate_they_stand_on(inference: Inference, digits: dict) -> None:
    normal = inference.score_array(digits["normal"], MODEL).film
    novel = inference.score_array(digits["novel"], MODEL).film
    assert (normal.state, novel.state) == ("nothing unusual found", "unusual")
    assert headline(novel) == "Unusual"
    assert "5 % (3 to 8 %) of such normal films" in basis(novel) and "200 normal films" in basis(
        novel
    )


def test_a_refused_file_has_reason_and_remedy_and_no_score(inference: Inference) -> None:
    files = {
        "not_an_image": b"this is no image",
        "constant": png(np.full((64, 64), 7, np.uint8)),
        "too_small": png(np.eye(8, dtype=np.uint8)),
        "truncated": png(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))[:400],
    }
    for code, content in files.items():
        result = inference.score_bytes(content, MODEL)
        assert result.status == code
        assert isinstance(result.film, RefusedFilm)
        assert "the file" in result.message and result.message.endswith(".")


def test_sixteen_bit_films_keep_their_depth(inference: Inference, digits: dict) -> None:
    deep = digits["novel"].astype(np.uint16) * 257
    shallow = inference.score_bytes(png(digits["novel"]), MODEL).film
    assert inference.score_bytes(png(deep), MODEL).film.score == shallow.score


def test_only_the_models_of_the_page_can_be_named(inference: Inference) -> None:
    for name in ("../../etc", "bundled:../..", "somebody/model", "/tmp"):
        with pytest.raises(ModelFolderError):
            inference.detector(name)


def test_a_region_is_explained_by_remembered_normals(inference: Inference, digits: dict) -> None:
    film = inference.score_array(digits["novel"], MODEL).film
    why = inference.explain(film.image, MODEL, 1, 2)
    assert why.patch.shape == (32, 32) and len(why.slot_images) == len(why.weights) > 0


def test_every_pixel_belongs_to_the_region_it_shows(inference: Inference, digits: dict) -> None:
    film = inference.score_array(digits["normal"], MODEL).film
    height, width = regions_picture(film.image, film.regions).shape[:2]
    assert region_at((0, 0), (96, 96), (3, 3)) == (0, 0)
    assert region_at((width - 1, 0), (96, 96), (3, 3)) == (0, 2)
    assert region_at((width // 2, height - 1), (96, 96), (3, 3)) == (2, 1)


def test_pictures_say_in_words_what_they_show(inference: Inference, digits: dict) -> None:
    film = inference.score_array(digits["novel"], MODEL).film
    figure = map_figure(film.image, film.shown_map, film.scale)
    assert figure.count("<img") == figure.count("alt=") == 2 and "aria-label" in figure
    scores = inference.detector(MODEL).calibration.scores["fused"]
    drawn = histogram(scores, 1e9, 6.8, 0.005)
    assert "→" in drawn and 'role="img"' in drawn
    assert "→" not in histogram(scores, float(scores[3]), 6.8, 0.9)


def test_no_line_goes_through_the_words_of_the_threshold() -> None:
    normals = np.linspace(-0.7, 3.4, 118)
    for score in (1.59, 1.9, 2.2, 2.7):
        narrow = histogram(normals, score, 2.58, 0.08).split("<svg")[2]
        mark = narrow.partition('class="threshold"')[2].partition("</g>")[0]
        own = narrow.partition('class="own"')[2]
        line = float(own.partition('x1="')[2].partition('"')[0])
        start = float(mark.partition('<text x="')[2].partition('"')[0])
        long = 7 * len("threshold 2.58")
        left, right = (start - long, start) if 'anchor="end"' in mark else (start, start + long)
        assert not left < line < right and left >= 0 and right <= 340, score


def test_tables_number_films_in_the_order_of_the_upload(inference: Inference, digits: dict) -> None:
    results = [inference.score_bytes(b"no", MODEL), inference.score_array(digits["normal"], MODEL)]
    table = table_html(results)
    assert table.index('data-film="1"') < table.index('data-film="2"')
    assert 'data-film="1" data-verdict="Not scored"' in table
    assert 'data-film="2" data-verdict="Nothing unusual found"' in table
    assert "of the normals of" not in table  # which this model knows one kind of
    adult = replace(results[1].film, population="nih")
    told = table_html([replace(results[1], film=adult)])
    assert (
        f"threshold {adult.threshold:.2f}, of the normals of nih (chest films, mostly adults)"
        in told
    )
    assert b",'=1+1," in csv_of([replace(results[1], model="=1+1")])  # no formula
    lines = csv_of(results).decode().splitlines()
    assert lines[1].startswith(
        "1," + "," * (lines[0].split(",").index("status") - 1) + "not_an_image,"
    ) and lines[2].startswith("2,")
    assert "verdict" not in lines[0].split(",") and ",normal" not in lines[2]


def test_a_film_of_another_kind_gets_no_verdict(
    inference: Inference, digits: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt = Finding("not_like_training", WARN, "it looks like something else")
    monkeypatch.setattr("simsid.scoring.film.check_films", lambda *_: [([doubt], None)])
    answer = inference.score_bytes(png(digits["novel"]), MODEL)
    film = answer.film
    assert answer.status == "ok" and film.p_value is None
    assert headline(film) == "Not a film for this model"
    assert "does not look like" in basis(film) and "something else" in answer.message


def test_the_models_say_what_they_are_for(inference: Inference) -> None:
    assert "children" in inference.shelf.description("bundled:zhanglab")
    assert "digits" in inference.shelf.description("bundled:digitanatomy")
