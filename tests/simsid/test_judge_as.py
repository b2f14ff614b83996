"""Films that somebody knows are judged by the population that they are told to be of."""

from __future__ import annotations

import copy
import csv
from pathlib import Path

import numpy as np
import pytest

from simsid.archive.shard_files import SHARD_COLUMNS
from simsid.detectors import Detector, save_model
from simsid.errors import SimsidError
from simsid.score import main
from simsid.scoring import ScoredFilm, basis, score_film, score_films, score_prepared
from simsid.scoring.film import prepare_image
from simsid.scoring.rows import numbers_of
from simsid.scoring.table import COLUMNS, csv_line, is_score_table
from tests.simsid.two_populations import NAMES, films_of, make_two, strangers, write_films


@pytest.fixture(scope="module")
def two() -> Detector:
    return make_two()


@pytest.fixture
def folder(two: Detector, tmp_path: Path, registered: None) -> Path:
    save_model(two, tmp_path / "model")
    return tmp_path / "model"


def test_the_chosen_population_gives_threshold_p_value_and_rate(two):
    wide = films_of("wide", 6, 50)
    found = score_films(two, list(wide))
    chosen = score_films(two, list(wide), population="narrow")
    assert {film.population for film in found} == {"wide"}
    assert [film.score for film in chosen] == [film.score for film in found]
    for film, before in zip(chosen, found, strict=True):
        assert (film.population, film.judged_as, film.looks_like) == ("narrow", "narrow", "wide")
        assert (before.judged_as, before.looks_like) == ("", "wide")
        at_least = (two.calibration.reference("fused", 0) >= film.score).sum()
        assert film.p_value == (1 + at_least) / (60 + 1) == 1 / 61
        assert film.threshold == two.calibration.threshold("fused", 0) < before.threshold
        assert film.percentile == 100.0 and film.state == "unusual"
        assert np.array_equal(film.normals, two.calibration.reference("fused", 0))


def test_choosing_what_a_film_looks_like_changes_no_number(two):
    film = films_of("wide", 1, 51)[0]
    found, chosen = score_film(two, film), score_film(two, film, population="wide")
    told = numbers_of(chosen)
    assert told.pop("judged_as") == "wide"
    assert told == {k: v for k, v in numbers_of(found).items() if k != "judged_as"}
    again = score_prepared(two, prepare_image(two, film), population="wide")
    assert (again.judged_as, again.p_value) == ("wide", chosen.p_value)


def test_words_say_that_it_was_chosen_and_what_that_costs(two):
    film = films_of("wide", 1, 51)[0]
    assert "by choice" not in basis(score_film(two, film))
    same = basis(score_film(two, film, population="wide"))
    assert "judged as wide by choice, and looks like it, too" in same and "assured" not in same
    other = basis(score_film(two, film, population="narrow"))
    assert "judged as narrow by choice; it looks more like wide" in other
    assert "for this film it is not assured" in other


def test_a_choice_makes_no_stranger_a_film_of_the_population(two):
    for film in score_films(two, list(strangers(5, 52)), population="narrow"):
        assert isinstance(film, ScoredFilm) and film.state == "another population: no verdict"
        assert film.p_value is None and film.judged_as == "narrow"


def test_an_unknown_population_is_refused_with_those_that_there_are(two, detector):
    with pytest.raises(
        SimsidError, match=r"no population 'wode': did you mean wide\? it has narrow, wide"
    ):
        score_film(two, films_of("wide", 1, 51)[0], population="wode")
    with pytest.raises(SimsidError, match="knows one population alone"):
        score_film(detector, np.full((32, 32), 9, np.uint8), population="wide")


def rows(table: Path) -> list[dict[str, str]]:
    with open(table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_judges_all_films_so_and_says_so(folder, tmp_path, capsys):
    films = write_films(tmp_path / "films", np.concatenate([films_of(n, 3, 53) for n in NAMES]))
    out = tmp_path / "scores.csv"
    given = [str(films), "--model", str(folder), "--out", str(out)]
    assert main([*given, "--judge-as", "narrow"]) == 0
    told = rows(out)
    assert (
        [row["population"] for row in told] == [row["judged_as"] for row in told] == ["narrow"] * 6
    )
    assert [row["looks_like"] for row in told] == ["narrow"] * 3 + ["wide"] * 3
    said = capsys.readouterr().out
    assert "chosen (--judge-as): 3 of 6 films look more like another population" in said
    with pytest.raises(SimsidError, match="other options"):  # rows of both are never mixed
        main([*given, "--resume"])
    with pytest.raises(SimsidError, match="it has narrow, wide"):
        main([*given[:-1], str(tmp_path / "new.csv"), "--judge-as", "adults"])
    assert not (tmp_path / "new.csv").exists()


@pytest.mark.parametrize("few", NAMES)
@pytest.mark.parametrize("shards", [[], ["--shard-rows", "8"]])
def test_too_few_normals_are_told_of_the_population_that_has_them(
    few, shards, two, tmp_path, registered, capsys
):
    own = copy.deepcopy(two)
    counts = {name: 5 if name == few else 60 for name in NAMES}
    normals = np.concatenate([films_of(name, counts[name], 60) for name in NAMES])
    own.calibrate(normals, names=NAMES)
    assert [own.calibration.num_normals_of(i) for i in (0, 1)] == list(counts.values())
    save_model(own, tmp_path / "model")
    films = write_films(tmp_path / "films", np.concatenate([films_of(n, 2, 61) for n in NAMES]))
    given = [str(films), "--model", str(tmp_path / "model"), *shards]
    states = {name: f"films judged by the normals of {name} are 'too few" for name in NAMES}
    other = next(name for name in NAMES if name != few)

    assert main([*given, "--out", str(tmp_path / "both")]) == 0
    said = capsys.readouterr().out
    assert states[few] in said and states[other] not in said and "every film" not in said
    assert "'unusual' is stated at a false-alarm rate of 5 %" in said
    assert "no verdict: 2, too few normals" in said
    assert (
        "5 %; python -m simsid.recalibrate --same-populations on at least 20 normal films" in said
    )
    for name in NAMES:
        assert main([*given, "--out", str(tmp_path / name), "--judge-as", name]) == 0
        said = capsys.readouterr().out
        assert ("every film is 'too few normals" in said) == (name == few)
        assert ("'unusual' is stated" in said) == (name != few) and states[few] not in said


def test_shards_carry_the_choice(folder, tmp_path):
    films = write_films(tmp_path / "films", films_of("wide", 3, 54))
    given = [
        str(films),
        "--model",
        str(folder),
        "--shard-rows",
        "2",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*given, "--judge-as", "narrow"]) == 0
    told = [row for part in sorted((tmp_path / "out").glob("*.csv")) for row in rows(part)]
    assert [(row["judged_as"], row["looks_like"]) for row in told] == [("narrow", "wide")] * 3
    assert set(SHARD_COLUMNS) == set(told[0])


def test_a_folder_of_shards_is_gone_on_with_by_the_options_that_made_it(folder, tmp_path):
    films = write_films(tmp_path / "films", films_of("wide", 3, 54))
    given = [str(films), "--model", str(folder), "--out", str(tmp_path / "out")]
    shards = ["--shard-rows", "2", "--shard-format", "csv", "--batch-size", "2"]
    assert main([*given, *shards]) == 0
    with pytest.raises(SimsidError, match=f"is a folder of shards: add {' '.join(shards)}$"):
        main([*given, "--resume"])
    assert main([*given, *shards, "--resume"]) == 0


def test_a_table_of_before_the_choice_is_still_a_score_table(tmp_path):
    before = [name for name in COLUMNS if name not in ("looks_like", "judged_as")]
    (tmp_path / "scores.csv").write_bytes(csv_line(before))
    assert is_score_table(tmp_path / "scores.csv")
