"""An exported folder only scores: every other command says so in one line, and what to give."""

from __future__ import annotations

import json

import pytest

from simsid.benchmark.__main__ import main as benchmark
from simsid.cli import run_command
from simsid.detectors.model_files import EXPORTED
from simsid.detectors.model_folder import FORMAT_VERSION
from simsid.errors import ModelFolderError
from simsid.evaluate import main as evaluate
from simsid.examine import main as examine
from simsid.recalibrate import main as recalibrate
from simsid.score import main as score
from simsid.training.transfer import load_model
from tests.simsid.data import trees


@pytest.fixture
def graph(tmp_path):
    folder = tmp_path / "graph"
    folder.mkdir()
    described = {"format_version": FORMAT_VERSION, "detector": EXPORTED}
    (folder / "config.json").write_text(json.dumps(described))
    return folder


WAYS = {
    "recalibrate": (recalibrate, "--normals {films} --out {at}/m"),
    "examine": (examine, "--normals {films}"),
    "evaluate": (evaluate, "--dataset folder --data-root {films} --out {at}/r.json"),
    "score": (score, "{films} --out {at}/s.csv"),
    "robustness": (benchmark, "robustness --dataset folder --data-root {films} --out {at}/b"),
}


@pytest.mark.parametrize("way", WAYS)
def test_one_line_says_what_to_give(way, graph, tmp_path, capsys):
    trees.film(tmp_path / "films/a.png")
    main, words = WAYS[way]
    asked = [*words.format(films=tmp_path / "films", at=tmp_path).split(), "--model", str(graph)]
    assert run_command(lambda: main(asked)) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"{graph} is an exported model" in told and "--engine onnx" in told


def test_no_training_begins_from_a_graph(graph):
    with pytest.raises(ModelFolderError, match="which only scores"):
        load_model(graph)


def test_a_gpu_is_not_asked_for_in_vain(graph, tmp_path, capsys):
    asked = ["--model", str(graph), "--engine", "onnx", "--device", "cuda",
             str(trees.film(tmp_path / "a.png")), "--out", str(tmp_path / "s.csv")]  # fmt: skip
    assert run_command(lambda: score(asked)) == 2
    assert "computes on the CPU: leave out --device cuda" in capsys.readouterr().err
