"""A model for OpenVINO says what the model says, under the same contract."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import hub
from hub.export import export
from simsid import score
from simsid.cli import run_command
from simsid.detectors import load_model, save_model
from simsid.errors import ModelFolderError, SimsidError
from simsid.export.engines import ENGINES
from tests.simsid.export.models import films, fitted
from tests.simsid.export.test_export import ROUNDING, assert_alike

pytestmark = pytest.mark.usefixtures("graphs_are_made_once")


def test_an_absent_runtime_is_told_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    for use in (ENGINES["openvino"], ENGINES["openvino"].write):
        with pytest.raises(SimsidError, match="needs the package openvino: pip install openvino"):
            use(tmp_path / "model.xml")


@pytest.fixture(
    scope="module", params=["mean-grey", pytest.param("simsid", marks=pytest.mark.slow)]
)
def folder(request, tmp_path_factory):
    pytest.importorskip("openvino")
    folder = tmp_path_factory.mktemp("openvino")
    save_model(fitted(request.param), folder / "model")
    report = export(folder / "model", "openvino", folder / "exported")
    assert report.float32.flips == 0
    return folder


def test_scores_regions_and_maps_are_those_of_the_model(folder):
    exported = hub.load_exported(folder / "exported")
    assert not (folder / "exported" / "model.onnx").exists()
    assert_alike(load_model(folder / "model"), exported, films(), ROUNDING)


def test_the_command_line_scores_with_it_and_says_which_engine_it_is_for(folder, tmp_path, capsys):
    np.save(tmp_path / "film.npy", films(1)[0])
    asked = [tmp_path / "film.npy", "--model", folder / "exported", "--out", tmp_path / "s.csv",
             "--accept-out-of-place", "--engine"]  # fmt: skip
    assert run_command(lambda: score.main([*map(str, asked), "onnx"])) == 2
    assert "add --engine openvino" in capsys.readouterr().err
    assert run_command(lambda: score.main([*map(str, asked), "openvino"])) == 0


def test_weights_that_were_changed_are_refused(folder):
    weights = folder / "exported" / "model.bin"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    try:
        with pytest.raises(ModelFolderError, match="export the model again"):
            hub.load_exported(folder / "exported")
    finally:
        weights.write_bytes(kept)
