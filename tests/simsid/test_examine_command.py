"""``python -m simsid.examine``: a table from normals alone, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from simsid.cli import run_command
from simsid.examination.examine import Examination
from simsid.examine import main
from synth import DigitAnatomy

MODEL = "bundled:digitanatomy"


@pytest.fixture
def normals(tmp_path: Path) -> Path:
    folder = tmp_path / "normals"
    folder.mkdir()
    for index, image in enumerate(DigitAnatomy().images("test", "normal", range(20))):
        Image.fromarray(image).save(folder / f"{index:02}.png")
    return folder


def test_it_tells_what_a_model_sees_and_writes_the_numbers(normals, tmp_path, capsys):
    out = tmp_path / "seen.json"
    (normals / "00.png.map.png").write_bytes((normals / "00.png").read_bytes())  # of a scoring run
    assert main(["--model", MODEL, "--normals", str(normals), "--out", str(out)]) == 0
    assert "two places exchanged" in capsys.readouterr().out
    found = Examination.from_json(json.loads(out.read_text()))
    assert found.normals == 20
    assert found.strong("fused", "exchanged") > 0.95


def test_too_few_normals_are_refused_with_their_number(normals, capsys):
    (normals / "00.png").unlink()
    asked = ["--model", MODEL, "--normals", str(normals)]
    assert run_command(lambda: main(asked)) == 2
    assert "holds 19 films" in capsys.readouterr().err


def test_nothing_of_the_users_is_replaced(normals, tmp_path, capsys):
    mine = tmp_path / "mine.json"
    mine.write_text("mine")
    asked = ["--model", MODEL, "--normals", str(normals), "--out", str(mine)]
    assert run_command(lambda: main(asked)) == 2
    assert mine.read_text() == "mine" and "exists already" in capsys.readouterr().err
