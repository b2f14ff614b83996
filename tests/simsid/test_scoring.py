"""One way from pixels to a verdict, and no door beside it."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import hub
from simsid.detectors import Detector
from simsid.detectors.weakness import BEHIND, Weakness
from simsid.dicom_out.files import told_of
from simsid.scoring import RefusedFilm, ScoredFilm, basis, score_film, score_films
from simsid.scoring.film import prepare_or_refuse
from simsid.scoring.rows import row_of
from synth import DigitAnatomy

ROOT = Path(__file__).parents[2]
DOORS = [ROOT / "app.py", *(ROOT / "demo").rglob("*.py")]
DOORS += [*(ROOT / "hub").rglob("*.py"), *(ROOT / "simsid" / "score").rglob("*.py")]


@pytest.fixture(scope="module")
def digits() -> Detector:
    return hub.load("bundled:digitanatomy")


@pytest.fixture(scope="module")
def novel() -> np.ndarray:
    return DigitAnatomy().sample("test", "novel", 1).image


@pytest.mark.parametrize("door", DOORS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_door_predicts_by_itself(door: Path) -> None:
    for node in ast.walk(ast.parse(door.read_text(encoding="utf-8"))):
        called = node.func if isinstance(node, ast.Call) else None
        assert not (
            isinstance(called, ast.Attribute)
            and called.attr == "predict"
            and ("client" not in ast.unparse(called.value))
        ), f"line {node.lineno}: score through simsid.scoring"


def test_a_film_that_cannot_be_read_is_refused_whoever_reads_it(digits: Detector) -> None:
    def fails() -> bytes:
        raise OSError(5, "Input/output error")

    settings = digits.preprocessing
    kinds = {b"no picture": "not_an_image", b"\x89PNG\r\n\x1a\n": "truncated"}
    for data, code in kinds.items():
        refused = prepare_or_refuse(settings, "shard.tar/a.png", lambda data=data: data).image
        assert isinstance(refused, RefusedFilm) and refused.code == code
        assert refused.message.startswith("a.png") and not refused.out_of_place
    refused = prepare_or_refuse(settings, "shard.tar/a.png", fails).image
    assert refused == RefusedFilm("unreadable", "shard.tar/a.png: Input/output error")


def test_a_film_has_everything_that_a_door_may_say(digits: Detector, novel: np.ndarray) -> None:
    film, prediction = score_film(digits, novel), digits.predict(novel[None])
    assert isinstance(film, ScoredFilm) and film.state == "unusual" and not film.doubtful
    assert (film.score, film.p_value) == (prediction.score[0], prediction.p_value[0])
    assert film.percentile == prediction.percentile[0]
    assert np.array_equal(film.regions, prediction.regions[0])
    assert np.array_equal(film.anomaly_map, prediction.anomaly_map[0, 0])
    assert np.array_equal(film.reconstruction, prediction.reconstruction[0, 0])
    assert film.scores == {name: values[0] for name, values in prediction.scores.items()}
    assert (film.false_alarm_rate, film.num_normals) == (0.05, 200)


def test_what_is_no_film_of_the_model_is_refused_or_accepted_with_a_doubt(
    digits: Detector, novel: np.ndarray
) -> None:
    refused = score_film(digits, 255 - novel)
    assert isinstance(refused, RefusedFilm) and refused.out_of_place
    assert refused.code == "inverted" and "negative" in refused.message
    accepted = score_film(digits, 255 - novel, accept_out_of_place=True)
    assert isinstance(accepted, ScoredFilm) and accepted.findings[0].code == "inverted"
    assert accepted.state == "not a film for this model"
    assert accepted.p_value is None and accepted.percentile is None  # as at every door
    row = row_of(Path("a.png"), accepted, "")
    assert (row["p_value"], row["percentile"], row["status"]) == ("", "", "ok")
    assert row["score"] == accepted.score and "no rank among its normals" in basis(accepted)
    assert "p 0" not in told_of(accepted)


def test_a_bad_film_costs_no_other_its_score(digits: Detector, novel: np.ndarray) -> None:
    blank = np.zeros((96, 96), np.uint8)
    films = score_films(digits, [novel, blank, novel[:8, :8], novel], batch_size=3)
    assert [type(film) for film in films] == [ScoredFilm, RefusedFilm, RefusedFilm, ScoredFilm]
    assert [film.code for film in films[1:3]] == ["constant", "too_small"]
    assert not films[1].out_of_place
    assert films[0].score == pytest.approx(films[3].score, abs=1e-5)


def test_another_score_of_the_model_can_be_asked_for(digits: Detector, novel: np.ndarray) -> None:
    film = score_film(digits, novel, score="reconstruction")
    assert film.score == film.scores["reconstruction"] != film.scores["fused"]
    assert score_films(digits, []) == []
    with pytest.raises(ValueError, match="unknown score"):
        score_film(digits, novel, score="best")


def test_a_weak_model_says_so_with_its_default_score_alone(
    digits: Detector, novel: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = Weakness(BEHIND, 0.61, "region_posterior", 0.91)
    assert "or choose that score" in weak.message
    strange = Weakness(BEHIND, 0.61, "context_distance", 0.91).message
    assert "--score context_distance" in strange and "train longer" not in strange
    sound = score_film(digits, novel)
    monkeypatch.setattr(digits, "facts", digits.facts | weak.to_facts())
    told = score_film(digits, novel)
    assert isinstance(sound, ScoredFilm) and isinstance(told, ScoredFilm)
    assert (sound.weakness, told.weakness) == ("", weak.message)
    assert told.verdict == sound.verdict
    named = score_film(digits, novel, score="region_posterior")
    assert isinstance(named, ScoredFilm) and named.weakness == ""
