"""Recalibration and examination bear a bad film as training does."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from simsid.cli import run_command
from simsid.detectors import load_model
from simsid.examine import main as examine
from simsid.recalibrate import main as recalibrate
from tests.simsid.helpers import make_data

FILMS = 60
COMMANDS = {"recalibrate": recalibrate, "examine": examine}


@pytest.fixture
def normals(tmp_path):
    folder = tmp_path / "normals"
    folder.mkdir()
    for index, image in enumerate(make_data(normals=FILMS, per_kind=0).test.images):
        Image.fromarray(image).save(folder / f"{index:02d}.png")
    return folder


def run(command, model, normals, out, *more):
    words = ["--model", model, "--normals", normals, "--out", out, *more]
    return run_command(lambda: COMMANDS[command]([str(word) for word in words]))


@pytest.mark.parametrize("command", COMMANDS)
def test_one_bad_film_of_sixty_is_named_and_gone_on_without(
    command, model, normals, tmp_path, capsys
):
    (normals / "07.png").write_bytes(b"not a film")
    assert run(command, model, normals, tmp_path / "out") == 0
    told = capsys.readouterr().out.splitlines()
    assert "films that cannot be read and are left out: 1" in told
    (line,) = (line for line in told if "07.png" in line)
    assert line.startswith(f"  {normals / '07.png'}: not_an_image: ")
    assert line.endswith("; remove or replace it")
    if command == "recalibrate":
        assert load_model(tmp_path / "out").calibration.num_normals == FILMS - 1


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("bad", "more", "why"),
    [
        (3, (), "at most 2 % of them may be left out"),
        (1, ("--no-skip-unreadable",), "without --skip-unreadable none is left out"),
    ],
)
def test_more_are_refused_all_are_listed_and_nothing_is_written(
    command, bad, more, why, model, normals, tmp_path, capsys
):
    for index in range(bad):
        (normals / f"0{index}.png").write_bytes(b"")
    assert run(command, model, normals, tmp_path / "out", *more) == 2
    *listed, last = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in listed] == [
        str(normals / f"0{index}.png") for index in range(bad)
    ]
    assert all(": empty: " in line and line.endswith("; copy it again") for line in listed)
    assert last.startswith(f"error: {bad} of 60 films cannot be read, and ")
    assert why in last
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_never_fewer_than_needed(command, model, normals, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(f"simsid.{command}.LEAST", FILMS)
    monkeypatch.setattr("simsid.detectors.recalibration.films_needed", lambda _: FILMS)
    (normals / "07.png").write_bytes(b"")
    assert run(command, model, normals, tmp_path / "out") == 2
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith(str(normals / "07.png"))
    assert "59 are left, at least 60 are needed" in last
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_what_decoders_noticed_is_said(command, model, normals, tmp_path, capsys):
    dark = np.zeros((64, 64), np.uint8)
    dark[::7, ::5] = 1
    Image.fromarray(dark).save(normals / "07.png")
    assert run(command, model, normals, tmp_path / "out") == 0
    assert (
        "1 of 60 films: the film is nearly black (nearly_black): 07.png" in capsys.readouterr().out
    )
