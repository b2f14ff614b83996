import subprocess
import sys

import pytest

from simsid.errors import TrainingError
from simsid.training.run_folder import (
    RunFolder,
    latest_run_path,
    new_run_path,
    run_folder_around,
)


def test_a_second_training_in_one_folder_is_refused(tmp_path):
    code = (
        "import sys; from simsid.training.run_folder import RunFolder\n"
        "try:\n    RunFolder(sys.argv[1]).__enter__()\n"
        "except Exception as error:\n    print(error)"
    )
    with RunFolder(tmp_path / "run"):
        said = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "run"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert "another training is at work" in said


def test_the_lock_opens_when_training_ends(tmp_path):
    for _ in range(2):
        with RunFolder(tmp_path / "run"):
            pass


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(TrainingError, match="cannot write to"),
        RunFolder(tmp_path / "file" / "run"),
    ):
        pass


def test_names_count_up_and_the_latest_is_found(tmp_path):
    base = tmp_path / "runs" / "digits"
    assert new_run_path(base) == base
    assert latest_run_path(base) is None
    base.mkdir(parents=True)
    assert new_run_path(base).name == "digits-2"
    (tmp_path / "runs" / "digits-2").mkdir()
    (tmp_path / "runs" / "digits-2" / "checkpoint.pt").touch()
    assert new_run_path(base).name == "digits-3"
    assert latest_run_path(base).name == "digits-2"


def test_metrics_after_the_checkpoint_and_a_cut_line_are_dropped(tmp_path):
    with RunFolder(tmp_path) as folder:
        folder.append_metrics([{"step": 1}, {"step": 2}, {"step": 3}])
        with open(folder.metrics, "a") as file:
            file.write('{"step": 4, "lo')
        folder.truncate_metrics(2)
        assert folder.metrics.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_model_in_its_run_folder_leads_to_the_training_log(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.model.mkdir(parents=True)
    assert run_folder_around(folder.model) is None
    folder.metrics.write_text("{}\n")
    for named in (folder.path, folder.model):
        assert run_folder_around(named).metrics == folder.metrics


def test_a_run_holds_a_model_once_it_is_written(tmp_path):
    folder = RunFolder(tmp_path)
    folder.model.mkdir()
    assert not folder.holds_model
    (folder.model / "config.json").write_text("{}")
    assert folder.holds_model
