"""The page takes an exported folder as a model of its own, other doors say what it is."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import hub
from demo.own_models import open_folders
from demo.shelf import ModelShelf
from hub.errors import HubError
from hub.export import export
from hub.push import collect
from hub.verify import verify
from simsid.detectors import load_model, save_model
from simsid.detectors.recalibration import recalibrate
from simsid.errors import ModelFolderError, SimsidError
from simsid.scoring import score_film
from tests.simsid.export.models import films, fitted

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.usefixtures("graphs_are_made_once")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    save_model(fitted("mean-grey"), folder / "model")
    export(str(folder / "model"), "onnx", folder / "graph")
    return folder


def test_the_shelf_holds_it_by_its_folder_s_name_and_it_scores_as_the_model_does(folder):
    own = open_folders([str(folder / "graph")])
    shelf = ModelShelf(own=own)
    assert shelf.default == "graph" and "not a medical device" in shelf.card("graph")
    detector, model = shelf.detector("graph"), load_model(folder / "model")
    for film in films(2):
        ours = score_film(model, film, accept_out_of_place=True)
        theirs = score_film(detector, film, accept_out_of_place=True)
        spread = model.calibration.scores["fused"].std()
        assert abs(ours.score - theirs.score) < 1e-3 * spread
        assert ours.state == theirs.state
    with pytest.raises(SimsidError, match="no memory to explain"):
        detector.explain(films(1)[0], (0, 0))


def test_a_visitor_s_own_normals_move_its_thresholds(folder):
    detector = hub.load(folder / "graph")
    own = recalibrate(detector, films(40)[:30])
    assert own.engine is detector.engine
    assert own.calibration.num_normals == 30


def test_a_missing_runtime_is_told_in_one_sentence(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SimsidError, match="needs the package onnxruntime"):
        open_folders([str(folder / "graph")])


def test_no_graph_of_a_stranger_is_opened_and_none_is_pushed(folder):
    with pytest.raises(HubError, match="a stranger's graph is not opened"):
        verify(folder / "graph", sums_needed=True)
    with pytest.raises(HubError, match="push the model that it was made from"):
        collect(folder / "graph")


@pytest.mark.parametrize("name", ["evil.py", "weights.pkl", "link.txt"])
def test_what_no_model_folder_may_hold_a_graph_s_may_not_either(name, folder, tmp_path):
    shutil.copytree(folder / "graph", tmp_path / "graph")
    (tmp_path / "graph" / "model.bin").write_bytes(b"")  # as OpenVINO's are called
    hub.load(tmp_path / "graph")
    if name == "link.txt":
        (tmp_path / "graph" / name).symlink_to(folder)
    else:
        (tmp_path / "graph" / name).write_bytes(b"1")
    with pytest.raises(HubError, match=r"can run code|holds a link"):
        hub.load(tmp_path / "graph")


def test_commands_that_need_the_networks_say_what_it_is(folder):
    with pytest.raises(ModelFolderError, match="is an exported model, which only scores"):
        load_model(folder / "graph")
