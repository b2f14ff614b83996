"""A command line that is refused is told in the words of those who typed it."""

from __future__ import annotations

import pytest

from demo.launch import main as page_main
from hub.__main__ import main as hub_main
from simsid.benchmark.__main__ import main as benchmark_main
from simsid.cli import run_command
from simsid.data.__main__ import main as check_main
from simsid.recalibrate import main as recalibrate_main
from simsid.score import main as score_main
from simsid.train import main as train_main
from synth.cli import main as synth_main

SCORE = ["films", "--model", "m", "--out", "s.csv"]
MOVE = ["--model", "m", "--normals", "films", "--out", "new"]


@pytest.mark.parametrize(
    ("main", "arguments", "told"),
    [
        (score_main, [*SCORE, "--engine", "onx"],
         "--engine must be one of torch, onnx, openvino, ray, not 'onx'"),
        (score_main, [*SCORE, "--device", "gpu"], "--device must be one of auto, cpu, cuda, not 'gpu'"),
        (score_main, [*SCORE, "--batch-size", "ten"], "--batch-size must be a whole number, not 'ten'"),
        (score_main, [*SCORE, "--shard-rows", "1.5"], "--shard-rows must be a whole number, not '1.5'"),
        (score_main, SCORE[:3], "please give --out"),
        (train_main, ["--preset", "fast"], "--preset must be one of quick, paper, not 'fast'"),
        (train_main, ["--epochs", "ten"], "--epochs must be a whole number, not 'ten'"),
        (train_main, ["--false-alarm-rate", "5%"], "--false-alarm-rate must be a number, not '5%'"),
        (train_main, ["--examine", "perhaps"], "--examine must be true or false, not 'perhaps'"),
        (train_main, ["--detector", "big"],
         "--detector must be given setting by setting, as --detector.NAME VALUE, not 'big'"),
        (score_main, [*SCORE, "--overwrit"], "there is no option --overwrit; did you mean --overwrite?"),
        (train_main, ["--epoch=3"], "there is no option --epoch; did you mean --epochs?"),
        (hub_main, ["pull", "a/b", "--revisio", "2"],
         "there is no option --revisio; did you mean --revision?"),
        (page_main, ["--hos", "0.0.0.0"], "there is no option --hos; did you mean --host?"),
        (score_main, [*SCORE, "--xyzzyx"], "unrecognized arguments: --xyzzyx"),
        (train_main, ["--epochs"], "--epochs needs a value behind it"),
        (recalibrate_main, [*MOVE, "--rate-confidence", "much"],
         "--rate-confidence must be a number, not 'much'"),
        (hub_main, ["export", "m", "--out", "o", "--format", "onxx"],
         "--format must be one of onnx, openvino, not 'onxx'"),
        (hub_main, ["export"], "please give MODEL, --out"),
        (hub_main, ["exprt", "m"],
         "there is no command 'exprt'; choose one of: push, push-dataset, pull, list, verify, export, "
         "deploy-space"),
        (page_main, ["--port", "80a"], "--port must be a whole number, not '80a'"),
        (page_main, ["--queue"], "--queue needs a value behind it"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_by_the_option_as_it_is_typed(main, arguments, told, capsys):
    assert run_command(lambda: main(arguments)) == 2
    assert capsys.readouterr().err.startswith(f"error: {told} (see python ")


def test_an_abbreviated_option_replaces_no_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.csv").write_text("precious")
    assert run_command(lambda: score_main([*SCORE, "--overwrit"])) == 2
    assert (tmp_path / "s.csv").read_text() == "precious"


@pytest.mark.parametrize("name", ["-dash.jpg", "-h.jpg", "--dash=1.jpg"])
def test_a_film_whose_name_looks_like_an_option_is_told_alone(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    films = [name, "=SUM(A1).jpg", "b.jpg"]
    for film in films:
        (tmp_path / film).touch()
    assert run_command(lambda: score_main(["--model", "m", "--out", "s.csv", *films])) == 2
    told = f"error: {name} begins with -: write ./{name}, or name its folder (see python "
    assert capsys.readouterr().err.startswith(told)


@pytest.mark.parametrize(
    ("typed", "main", "arguments", "help_of"),
    [
        ("/usr/bin/simsid", score_main, SCORE[:3], "simsid score"),
        ("/usr/bin/simsid.exe", hub_main, ["export"], "simsid hub"),
        ("/usr/bin/simsid", page_main, ["--queue"], "simsid page"),
        ("/usr/bin/simsid", check_main, ["check", "--xyz"], "simsid data"),
        ("/kit/simsid/__main__.py", score_main, SCORE[:3], "python -m simsid score"),
        ("/kit/simsid/score/__main__.py", score_main, SCORE[:3], "python -m simsid.score"),
        ("/kit/hub/__main__.py", hub_main, ["export"], "python -m hub"),
        ("/usr/bin/synth", synth_main, ["--xyz"], "synth"),
        ("/kit/synth/__main__.py", synth_main, ["--xyz"], "python -m synth"),
    ],
)
def test_help_is_named_by_the_door_that_the_user_came_in(
    typed, main, arguments, help_of, monkeypatch, capsys
):
    monkeypatch.setattr("sys.argv", [typed, *arguments])
    assert run_command(lambda: main(arguments)) == 2
    assert f"(see {help_of} --help)" in capsys.readouterr().err


def test_subcommands_are_listed_by_the_door_that_the_user_came_in(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["/usr/bin/simsid"])
    assert run_command(lambda: benchmark_main(["--help"])) == 0
    assert "usage: simsid benchmark COMMAND" in capsys.readouterr().out
