"""A path without a model is told with what to do, at every door that opens models."""

from __future__ import annotations

from pathlib import Path

import pytest

import hub
from demo.own_models import open_folders
from hub.verify import verify
from simsid.detectors import load_model
from simsid.detectors.registry import detector_class
from simsid.errors import ModelFolderError, SimsidError, nearest

DOORS = [load_model, hub.load, verify, lambda path: open_folders([str(path)])]


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """What a training leaves that was stopped at a checkpoint."""
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "checkpoint.pt").write_bytes(b"steps")
    (run / "config.yaml").write_text("model: ae\n")
    return run


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("inner", ["", "model"])
def test_a_run_that_was_stopped_is_told_how_to_go_on(stopped: Path, door, inner: str) -> None:
    with pytest.raises(ModelFolderError) as told:
        door(stopped / inner)
    assert str(told.value).removeprefix(f"--model {stopped / inner}: ") == (
        f"the training in {stopped} is not finished; go on with: "
        f"python -m simsid.train --run {stopped} --resume"
    )


@pytest.mark.parametrize("door", [load_model, hub.load])
def test_a_name_that_is_nearly_a_bundled_models_is_told(door, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for typed, meant in (("chest", "bundled:chest"), ("models/zhang", "bundled:zhanglab"),
                         ("bundled:chset", "bundled:chest")):  # fmt: skip
        with pytest.raises(ModelFolderError, match=rf"did you mean {meant}\?"):
            load_model(typed)
    with pytest.raises(ModelFolderError, match="no model folder at gone: train one, or check"):
        load_model("gone")
    with pytest.raises(ModelFolderError, match=r"did you mean bundled:chest\?"):
        door("chest")


def test_an_empty_folder_is_no_stopped_run(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"config.json is missing"):
        load_model(tmp_path)


def test_an_unknown_detector_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(SimsidError, match=r"did you mean patchcore\b.*choose one of: "):
        detector_class("patchcor")
    assert nearest("zzz", ["ae", "memae"]) == ""
