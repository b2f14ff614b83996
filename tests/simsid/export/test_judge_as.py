"""Films that are judged as a chosen population by an exported model, as by the model itself."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

import hub
from hub.export import export
from simsid.archive.shard_files import read_shards
from simsid.detectors import load_model, save_model
from simsid.errors import SimsidError
from simsid.export.graph import ABNORMAL, P_VALUE, PERCENTILE, THRESHOLD, ExportedGraph
from simsid.scoring import ScoredFilm, score_films
from tests.simsid.export.models import fitted
from tests.simsid.scoring.conftest import run
from tests.simsid.two_populations import NAMES, films_of, make_grey_two, strangers, write_films

pytestmark = pytest.mark.usefixtures("graphs_are_made_once")


@pytest.fixture(scope="module", params=["onnx", pytest.param("openvino", marks=pytest.mark.slow)])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``model``, what was ``exported`` of it, and ``films``: four narrow, four wide, two strangers."""
    pytest.importorskip("onnxruntime" if request.param == "onnx" else request.param)
    folder = tmp_path_factory.mktemp(request.param)
    save_model(make_grey_two(), folder / "model")
    export(folder / "model", request.param, folder / "exported")
    films = np.concatenate([*(films_of(name, 4, 53) for name in NAMES), strangers(2, 52)])
    write_films(folder / "films", films)
    return folder


def test_an_exported_model_judges_films_as_the_population_that_is_named(folder):
    model, exported = load_model(folder / "model"), hub.load_exported(folder / "exported")
    films = list(films_of("wide", 6, 50))
    for chosen in NAMES:
        found = score_films(exported, films, population=chosen)
        for ours, theirs in zip(score_films(model, films, population=chosen), found, strict=True):
            assert isinstance(ours, ScoredFilm) and isinstance(theirs, ScoredFilm)
            told = (theirs.population, theirs.judged_as, theirs.looks_like)
            assert told == (chosen, chosen, "wide")
            index = NAMES.index(chosen)
            assert theirs.threshold == model.calibration.threshold("fused", index)
            at_least = (model.calibration.reference("fused", index) >= theirs.score).sum()
            assert theirs.p_value == (1 + at_least) / (60 + 1)
            assert (theirs.state, theirs.percentile) == (ours.state, ours.percentile)


def test_the_graph_counts_ranks_and_sets_verdicts_near_each_calibration_score_as_the_kit_does():
    model = fitted("ae")
    graph, calibration, name = ExportedGraph(model), model.calibration, model.score_names[0]
    normals, spread = calibration.reference(name), calibration.spread(name)
    for steps in (-4e-5, -1e-6, 0, 1e-6, 2e-5, 4e-5):
        scores = normals + steps * spread
        told = graph._judged(torch.zeros(()), torch.as_tensor(scores))
        assert told[P_VALUE].tolist() == calibration.p_value(name, scores).tolist()
        assert told[PERCENTILE].tolist() == calibration.percentile(name, scores).tolist()
        assert told[ABNORMAL].tolist() == calibration.is_abnormal(name, scores).tolist()
        assert set(told[THRESHOLD].tolist()) == {calibration.threshold(name)}


def test_the_command_writes_the_same_rows_by_both_engines_and_into_shards(folder, tmp_path, capsys):
    tables = {}
    for kind in ("model", "exported"):
        engine = hub.load_exported(folder / kind).config.engine if kind == "exported" else "torch"
        given = [
            folder / "films",
            "--model",
            folder / kind,
            "--engine",
            engine,
            "--judge-as",
            "narrow",
        ]
        assert run(*given, "--out", tmp_path / f"{kind}.csv") == 0
        assert "chosen (--judge-as): 4 of 8 films look more like another" in capsys.readouterr().out
        with open(tmp_path / f"{kind}.csv", encoding="utf-8", newline="") as file:
            tables[kind] = list(csv.DictReader(file))
        assert run(*given, "--shard-rows", 4, "--out", tmp_path / kind) == 0
        assert "4 of 8 films look more like another" in capsys.readouterr().out
        rows = [
            {name: row[name] for name in tables[kind][0]} for row in read_shards(tmp_path / kind)
        ]
        assert rows == tables[kind]
    for ours, theirs in zip(tables["model"], tables["exported"], strict=True):
        for column in ("state", "population", "judged_as", "looks_like", "threshold", "status"):
            assert ours[column] == theirs[column], column
        assert theirs["model"].endswith(" judge-as=narrow") and theirs["judged_as"] == "narrow"
    assert [row["looks_like"] for row in tables["exported"]][:8] == ["narrow"] * 4 + ["wide"] * 4
    assert [row["p_value"] for row in tables["exported"]][8:] == [
        "",
        "",
    ]  # strangers stay strangers


def test_an_unknown_population_is_refused_by_an_exported_model(folder):
    with pytest.raises(SimsidError, match="did you mean wide"):
        score_films(
            hub.load_exported(folder / "exported"), [films_of("wide", 1, 1)[0]], population="wode"
        )
