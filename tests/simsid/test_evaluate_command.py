from __future__ import annotations

import json

import pytest

from simsid import evaluate
from simsid.cli import run_command
from simsid.data.choice import DataChoice
from simsid.detectors import save_model
from tests.simsid.helpers import make_detector


@pytest.fixture
def model(data, tmp_path, registered, monkeypatch):
    save_model(make_detector(data), tmp_path / "model")
    monkeypatch.setattr(DataChoice, "load", lambda *args, **options: data)
    return tmp_path / "model"


def test_command_writes_json_and_report_side_by_side(model, tmp_path, capsys):
    out = tmp_path / "deep" / "result.json"
    assert run_command(lambda: evaluate.main(["--model", str(model), "--out", str(out)])) == 0
    assert json.loads(out.read_text())["detector"] == "mean-image"
    assert out.with_suffix(".html").exists()
    assert out.with_suffix(".md").exists()
    assert "image AUROC" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "nowhere", "--out", "r.json"], "no model folder at nowhere"),
        (["--model", "nowhere", "--out", "r.txt"], "--out must name a .json file"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_command(lambda: evaluate.main(arguments)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error
    assert error.count("\n") == 1


def test_ctrl_c_and_a_gone_reader_have_their_codes(capsys):
    def interrupted():
        raise KeyboardInterrupt

    assert run_command(interrupted) == 130
    assert run_command(lambda: 1) == 1
