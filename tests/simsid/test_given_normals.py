"""What normals that a user gives are worth: copies count once, and many unusual ones are told."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from demo.own_normals import learn
from demo.own_words import own_section
from simsid.cli import run_command
from simsid.detectors import load_model, save_model
from simsid.detectors.calibration import Calibration
from simsid.detectors.recalibration import recalibrate
from simsid.detectors.unusual_before import AboveBefore, above_before, by_chance, unusual_before
from simsid.detectors.unusual_words import unusual_told
from simsid.detectors.usable_normals import usable_normals
from simsid.errors import SimsidError
from simsid.evaluation.recalibrated_card import recalibrated_card
from simsid.examine import main as examine
from simsid.marks import NORMAL, Mark, Marks
from simsid.recalibrate import main
from simsid.scoring.normals import former_verdicts
from simsid.scoring.table import COLUMNS, csv_line
from simsid.shares import of_all
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


UNLIKELY = (
    "of these films lay above the threshold before: that is either another look than the model's"
)


def opaque(count: int, seed: int) -> np.ndarray:
    """Films of the narrow look that are all a little brighter than its normals."""
    return (films_of("narrow", count, seed).astype(np.float32) + 12).clip(0, 255).astype(np.uint8)


def test_the_chance_is_that_of_rate_and_threshold():
    normals = Calibration({"fused": np.arange(1000.0)}, 0.05)
    assert by_chance(normals, 0, [22]) == pytest.approx(1)
    assert by_chance(normals, -2, [22]) == pytest.approx(1)
    # binomial, 22 films at 5 %: 1 - P(0..4) = 0.0040, 1 - P(0..5) = 0.0006
    assert binom.sf(4, 22, 0.05) < by_chance(normals, 5, [22]) < 0.006
    assert binom.sf(5, 22, 0.05) < by_chance(normals, 6, [22]) < 0.001
    assert unusual_before(normals, AboveBefore(5, (22,)), 0) == []
    assert unusual_before(normals, AboveBefore(6, (22,)), 0) == [6, 22]
    assert unusual_before(normals, AboveBefore(6, (22,)), 1) == []  # one more is left out
    few = Calibration({"fused": np.arange(20.0)}, 0.05)  # its largest normal: a rate of 0 to 14 %
    assert by_chance(few, 6, [22]) == pytest.approx(betabinom.sf(5, 22, 1, 20))
    assert unusual_before(few, AboveBefore(6, (22,)), 0) == []
    assert unusual_before(few, AboveBefore(14, (22,)), 0) == [14, 22]


def test_normals_of_which_too_many_were_unusual_are_told_at_all_doors(
    two, run, tmp_path, capsys, caplog
):
    films = opaque(24, 70)
    write_films(Path("films"), films)
    before = former_verdicts(two, list(films.astype(np.float32) / 255))
    assert before.above == above_before(two, two.as_batch(films))
    assert before.called > 10
    count = of_all(before.called, before.films - before.no_verdict)
    told = (
        f"{count} {UNLIKELY} normals have, or disease. Look at some: with abnormal films among the"
    )
    assert run("--normals", "films") == 0
    said = capsys.readouterr()
    assert said.err == f"warning: {told} normals the new threshold hides what they show.\n"
    card = recalibrated_card("# A model\n", load_model(tmp_path / "new"))
    assert told in card.partition("**Recalibrated**")[2].partition("\n")[0]
    page = unescape(own_section(learn(two, "m", list(films)), "m"))
    assert page.index("</table>") < page.index(told) and not caplog.records
    own = recalibrate(two, films)
    assert [record.message for record in caplog.records] == [unusual_told(own.facts)]
    assert told in unusual_told(own.facts)


def test_normals_like_the_models_own_are_not_warned_of(two, run, capsys, caplog):
    films = films_of("narrow", 40, 70)
    write_films(Path("films"), films)
    assert run("--normals", "films") == 0
    assert capsys.readouterr().err == ""
    assert UNLIKELY not in unescape(own_section(learn(two, "m", list(films)), "m"))
    assert recalibrate(two, films).facts["recalibrated"]["unusual_before"] == []
    assert not caplog.records


def test_an_examination_tells_of_unusual_normals_too(two, run, capsys):
    films = opaque(24, 70)
    write_films(Path("odd"), films)
    write_films(Path("normal"), films_of("narrow", 24, 71))
    counted = above_before(two, two.as_batch(films))
    assert run("--normals", "odd", command=examine) == 0
    told = capsys.readouterr().err
    count = of_all(counted.above, sum(counted.judged))
    assert told.startswith(
        f"warning: {count} of these films lie above the model's threshold: that is"
    )
    assert told.endswith(
        "with abnormal films among the normals, made ones seem harder to tell than they are.\n"
    )
    Path("new").unlink()
    assert run("--normals", "normal", command=examine) == 0
    assert capsys.readouterr().err == ""


def test_of_an_archive_only_more_than_the_share_left_out_are_told(two, caplog):
    films = np.concatenate([films_of("narrow", 20, 70), opaque(20, 71)])
    assert recalibrate(two, films, abnormal_share=0.5).facts["recalibrated"]["unusual_before"] == []
    own = recalibrate(two, films, abnormal_share=0.05)
    assert "with more abnormal films among them than were left out" in unusual_told(own.facts)


@pytest.mark.parametrize(
    ("option", "command", "remedy"),
    [
        ("--normals", main, "mark its films with simsid.review and give the marks with --normals (see "
         "--help), or name a folder of normal films"),
        ("--unlabelled", main, "name the folder of films that it was made from"),
        ("--normals", examine, "name a folder of normal films"),
    ],
)  # fmt: skip
def test_a_score_table_in_place_of_films_is_told(option, command, remedy, run, capsys):
    Path("mix.csv").write_bytes(csv_line(COLUMNS))
    assert run(option, "mix.csv", command=command) == 2
    assert capsys.readouterr().err == f"error: mix.csv is a score table: {remedy}\n"
    Path("none.png").write_bytes(b"")  # as a table that a kill cut short, but a film by its name
    assert run(option, "none.png", command=command) == 2
    assert "score table" not in capsys.readouterr().err
