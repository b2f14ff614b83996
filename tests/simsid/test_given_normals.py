"""What normals that a user gives are worth: copies count once, and many unusual ones are told."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import numpy as np
import pytest

from demo.own_normals import learn
from demo.own_words import own_section
from simsid.cli import run_command
from simsid.detectors import load_model, save_model
from simsid.detectors.recalibration import recalibrate
from simsid.detectors.usable_normals import usable_normals
from simsid.errors import SimsidError
from simsid.examine import main as examine
from simsid.marks import NORMAL, Mark, Marks
from simsid.recalibrate import main
from tests.simsid.two_populations import films_of, make_grey_two, write_films


@pytest.fixture
def two():
    return make_grey_two()


@pytest.fixture
def run(two, tmp_path, monkeypatch):
    """A command on a model of two populations; its exit code."""
    monkeypatch.chdir(tmp_path)
    save_model(two, tmp_path / "two")
    return lambda *words, command=main: run_command(
        lambda: command(["--model", "two", "--out", "new", *words])
    )


def test_the_first_of_films_with_the_same_pixels_counts_and_is_named(two):
    narrow, wide = films_of("narrow", 3, 70), films_of("wide", 2, 71)
    films = np.concatenate([narrow, narrow[:1], wide, narrow[:1], wide[1:]])
    names = list("abcdefgh")
    usable = usable_normals(two, two.as_batch(films), names=names)
    assert usable.kept.tolist() == [True, True, True, False, True, True, False, False]
    assert usable.left_out == {"the same film as a": 2, "the same film as f": 1}
    nameless = usable_normals(two, two.as_batch(films))
    assert nameless.left_out == {"the same film as another of these": 3}
    assert usable_normals(two, two.as_batch(films), seen=True).kept.all()  # who sets no threshold
    pairs = np.concatenate([narrow, wide, narrow, wide])  # five lines of one film each help nobody
    told = usable_normals(two, two.as_batch(pairs), names=list("abcdefghij")).left_out
    assert told == {"the same film as another of these": 5}


def test_copies_of_one_film_are_no_normals_for_function_and_page(two):
    films = np.repeat(films_of("narrow", 1, 70), 22, axis=0)
    with pytest.raises(
        SimsidError, match=r"^1 films are too few .* 21 are the same film as another"
    ):
        recalibrate(two, films)
    with pytest.raises(SimsidError, match=r"^1 of 22 films .*\(21 are the same film as another of"):
        learn(two, "m", list(films))
    more = np.concatenate([films_of("narrow", 25, 71), films])
    own = recalibrate(two, more)
    assert own.calibration.num_normals == 26
    assert own.facts["recalibrated"]["left_out"] == {"the same film as another of these": 21}
    page = learn(two, "m", list(more))
    assert (page.films, page.left_out) == (26, 21)
    assert "21 are the same film as another of these" in unescape(own_section(page, "m"))


@pytest.mark.parametrize("asked", ["--normals", "--unlabelled", "marks", "examine"])
def test_copies_of_one_film_are_no_normals_for_a_command(asked, run, tmp_path, capsys):
    films = write_films(Path("films"), np.repeat(films_of("narrow", 1, 70), 22, axis=0))
    if asked == "marks":
        marks = Marks(Path("marks.csv"))
        for film in sorted(films.iterdir()):
            marks.put(str(film), Mark(NORMAL, "random"))
    words = {"--unlabelled": ("--unlabelled", "films", "--abnormal-share", "0")}
    words["marks"] = ("--normals", "marks.csv")
    command = examine if asked == "examine" else main
    assert run(*words.get(asked, ("--normals", "films")), command=command) == 2
    told = capsys.readouterr().err
    assert "holds 1 film" in told and "21 are the same film as films/000.png" in told
    assert not (tmp_path / "new").exists()


def test_a_few_copies_are_told_and_no_name_of_a_film_gets_into_the_model(run, tmp_path, capsys):
    films = films_of("narrow", 30, 70)
    write_films(Path("films"), np.concatenate([films, films[:2]]))
    assert run("--normals", "films") == 0
    told = capsys.readouterr().out
    assert "recalibrated on 30 films" in told
    assert "left out: 1 film, the same film as films/000.png" in told
    assert "left out: 1 film, the same film as films/001.png" in told
    facts = load_model(tmp_path / "new").facts["recalibrated"]
    assert facts["left_out"] == {"the same film as another of these": 2}
