"""Speed of scoring beside an earlier commit: what is asked, and what is said of it."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from simsid.benchmark.cost import scoring
from simsid.benchmark.cost.scoring import ask_in_turn, check_out, main, make_films, ratios
from simsid.benchmark.cost.scoring_probe import tasks
from simsid.benchmark.cost.speed_records import Answer, Asked, BothRounds
from simsid.cli import run_command
from simsid.errors import SimsidError

ECHO = """if True:
    import json, sys
    print(json.dumps({"tasks": ["one film"]}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": 2.0, "processor": 1.0, "scores": [0.5, 1.5]}), flush=True)
"""


def answer(seconds, *scores):
    return Answer(seconds=seconds, processor=seconds, scores=scores)


def test_a_row_tells_both_speeds_their_ratio_and_how_far_scores_moved():
    old = tuple(answer(seconds, 1.0, 2.0) for seconds in (4.0, 2.0, 6.0))
    new = (answer(1.0, 1.0, 2.5),) * 3
    ((name, before, now, ratio, moved),) = ratios({"one film": BothRounds(old=old, new=new)}).rows
    assert (name, before, now) == ("one film", "0.5", "2.0")
    assert ratio == "4.00 [2.00, 6.00]"
    assert float(moved) == 0.5


def test_both_are_asked_in_every_round_but_the_first_which_warms_up(tmp_path, monkeypatch):
    (tmp_path / "probe.py").write_text(ECHO)
    monkeypatch.setattr(scoring, "scoring_probe", SimpleNamespace(__file__=tmp_path / "probe.py"))
    asked = Asked(model="bundled:chest", batch=2, rounds=3)
    found = ask_in_turn(tmp_path, tmp_path, tmp_path, asked)
    assert list(found) == ["one film"]
    assert found["one film"].old == found["one film"].new
    assert found["one film"].new == (Answer(seconds=2.0, processor=1.0, scores=(0.5, 1.5)),) * 3


def test_the_page_is_written_to_a_folder_that_was_not_there(tmp_path, monkeypatch, capsys):
    both = BothRounds(old=(answer(2.0, 1.0),), new=(answer(1.0, 1.0),))
    monkeypatch.setattr(scoring, "check_out", lambda *_: None)
    monkeypatch.setattr(scoring, "make_films", lambda *_: None)
    monkeypatch.setattr(scoring, "ask_in_turn", lambda *_: {"one film": both})
    out = tmp_path / "not" / "there"
    assert main(["--against", "HEAD", "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "scoring.md")
    assert "2.00 [2.00, 2.00]" in (out / "scoring.md").read_text()
    kept = json.loads((out / "scoring.json").read_text())
    assert kept["rows"]["one film"]["old"][0]["seconds"] == 2.0


def test_a_probe_that_says_something_else_is_no_answer(tmp_path, monkeypatch):
    (tmp_path / "probe.py").write_text(ECHO.replace("seconds", "weeks"))
    monkeypatch.setattr(scoring, "scoring_probe", SimpleNamespace(__file__=tmp_path / "probe.py"))
    with pytest.raises(SimsidError, match="what a process that scores said"):
        ask_in_turn(tmp_path, tmp_path, tmp_path, Asked(model="bundled:chest", batch=2, rounds=1))


def test_large_films_have_16_bits_and_small_ones_are_jpeg(tmp_path):
    make_films(tmp_path, 1)
    with Image.open(tmp_path / "large" / "000.png") as large:
        assert large.size == (2000, 2500) and large.mode.startswith("I;16")
        assert np.asarray(large).max() > 2**15
    with Image.open(tmp_path / "small" / "000.jpg") as small:
        assert small.size == (500, 600) and small.format == "JPEG"


def test_every_task_scores_its_films(model, tmp_path):
    for name in ("large", "small"):
        (tmp_path / "films" / name).mkdir(parents=True)
        noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "films" / name / "a.png")
    known = tasks(str(model), tmp_path / "films", 3)
    assert {name: len(task()) for name, task in known.items()} == {
        "one film": 3,
        "a batch of 3": 3,
        "command, large films": 1,
        "command, small films": 1,
    }


def test_the_files_of_a_commit_are_written_to_a_folder_of_their_own(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

    (tmp_path / "a.py").write_text("old")
    git("init", "-q")
    git("add", "a.py")
    git("commit", "-q", "-m", "a")
    (tmp_path / "a.py").write_text("new")
    monkeypatch.setattr(scoring, "_ROOT", Path(tmp_path))
    check_out("HEAD", tmp_path / "old")
    assert (tmp_path / "old" / "a.py").read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--against", "no-such-commit"], "no-such-commit"),
        (["--against", "HEAD", "--rounds", "0"], "at least 1"),
    ],
)
def test_bad_usage_is_one_line(arguments, words, capsys):
    assert run_command(lambda: main(arguments)) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1
