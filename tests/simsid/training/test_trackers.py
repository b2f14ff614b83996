"""Experiment trackers get settings, losses and results of a run, and cost it nothing."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from simsid.cli import run_command
from simsid.errors import TrainingError
from simsid.train import main
from simsid.training import trackers
from simsid.training.trackers import TRACKERS, Trackers, tracker_names
from synth.__main__ import main as synth

SMALL = ["--detector", '{"channels": [8, 16], "decoder_channels": [4, 8], "scoring_slots": 8}']
FAST = ["--epochs", "1", "--batch-size", "8", "--device", "cpu", "--precision", "fp32"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("digits") / "secret-patient"
    synth(["generate", "--out", str(out), "--train", "24", "--val", "8", "--test-normal", "6",
           "--test-per-kind", "2"])  # fmt: skip
    return str(out)


def train(digits: str, run: Path, *arguments: str) -> list[dict]:
    """What ``metrics.jsonl`` holds after a short training."""
    assert main(["--data-root", digits, "--run", str(run), *arguments, *FAST, *SMALL]) == 0
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def measured(run: Path) -> float:
    return json.loads((run / "report" / "report.json").read_text())["image"]["auroc"]


@pytest.mark.parametrize(
    "option",
    [["--log-with", "tensorboard"], pytest.param(["--tensorboard"], marks=pytest.mark.slow)],
)
def test_tensorboard_gets_every_loss_and_the_result(
    option: list[str], digits: str, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    lines = train(digits, run, *option)
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    name = next(key for key, value in lines[0].items() if isinstance(value, float))
    told = events.Scalars(name.replace(".", "/"))
    assert [event.step for event in told] == [line["step"] for line in lines]
    assert [event.value for event in told] == pytest.approx([line[name] for line in lines])
    assert [event.value for event in events.Scalars("test/auroc")] == pytest.approx([measured(run)])


@pytest.mark.slow
def test_mlflow_keeps_a_run_in_a_local_folder_and_no_path_of_the_data(
    digits: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    store = tmp_path / "store"
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store.as_uri())
    try:
        lines = train(digits, tmp_path / "my-run", "--log-with", "mlflow")
        client = mlflow.MlflowClient()
        experiment = client.get_experiment_by_name("simsid")
        (run,) = client.search_runs([experiment.experiment_id])
    finally:
        mlflow.set_tracking_uri(before)
    assert run.info.run_name == "my-run" and run.info.status == "FINISHED"
    assert run.data.params["model"] == "simsid" and run.data.params["detector.scoring_slots"] == "8"
    assert run.data.metrics["test/auroc"] == pytest.approx(measured(tmp_path / "my-run"))
    name = next(key for key, value in lines[-1].items() if isinstance(value, float))
    assert run.data.metrics[name.replace(".", "/")] == pytest.approx(lines[-1][name])
    assert "secret-patient" not in str(run.data.params)


def test_trackio_keeps_a_run_in_a_local_folder(
    digits: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trackio")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "store"))  # read when it is imported
    command = ["--data-root", digits, "--run", str(tmp_path / "run"), "--log-with", "trackio"]
    subprocess.run([sys.executable, "-m", "simsid.train", *command, *FAST, *SMALL], check=True)
    listed = subprocess.run(
        [sys.executable, "-m", "trackio.cli", "list", "runs", "--project", "simsid"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "run" in listed.stdout and list((tmp_path / "store").glob("simsid*.db"))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            "tensorboard, wandb,tensorboard",
            "--log-with wandb needs wandb, which is not installed: pip",
        ),
        ("comet", "--log-with knows no 'comet'; choose among: tensorboard, wandb, mlflow, trackio"),
    ],
)
def test_an_absent_tracker_is_told_in_one_sentence(
    asked: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(trackers, "get_available_trackers", lambda: ["tensorboard"])
    code = run_command(lambda: main(["--run", str(tmp_path / "run"), "--log-with", asked]))
    error = capsys.readouterr().err
    assert code == 2 and error.count("\n") == 1 and says in error
    assert not (tmp_path / "run").exists()


def test_names_are_taken_once_and_tensorboard_may_be_asked_for_apart(monkeypatch) -> None:
    monkeypatch.setattr(trackers, "get_available_trackers", lambda: list(TRACKERS))
    assert tracker_names("mlflow, wandb,mlflow", True) == ("mlflow", "wandb", "tensorboard")
    assert tracker_names(None) == ()


class Flaky:
    """A tracker whose server goes away."""

    name = "flaky"

    def __init__(self, lasts: int = 0, begins: bool = True) -> None:
        self.lasts, self.begins, self.logged = lasts, begins, []
        self.finished = False

    def start(self) -> None:
        if not self.begins:
            raise OSError("no answer\nfrom the server")

    def store_init_configuration(self, values: dict) -> None:
        self.values = values

    def log(self, values: dict, step: int) -> None:
        if step > self.lasts:
            raise ConnectionError("gone")
        self.logged.append((step, values))

    def finish(self) -> None:
        self.finished = True


def test_a_tracker_that_fails_on_the_way_is_left_out_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    tracked = {"short": Flaky(1), "long": Flaky(9)}
    monkeypatch.setattr(trackers, "_build", lambda name, run: tracked[name])
    with caplog.at_level(logging.WARNING), Trackers(["short", "long"], tmp_path, {}) as both:
        both.log([{"step": step, "epoch": 0, "critic.loss": 0.5} for step in (1, 2, 3)])
    assert [step for step, _ in tracked["short"].logged] == [1]
    assert [step for step, _ in tracked["long"].logged] == [1, 2, 3]
    assert tracked["long"].logged[0] == (1, {"critic/loss": 0.5}) and tracked["long"].finished
    assert [record.message for record in caplog.records] == ["--log-with flaky takes no more: gone"]


def test_a_tracker_that_does_not_begin_is_told_in_one_line_and_the_others_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked = {"good": Flaky(), "bad": Flaky(begins=False)}
    monkeypatch.setattr(trackers, "_build", lambda name, run: tracked[name])
    told = pytest.raises(TrainingError, match=r"^--log-with bad does not begin: no answer$")
    with told, Trackers(["good", "bad"], tmp_path, {"a": {"b": (1, 2), "c": True}}):
        raise AssertionError("must not be entered")
    assert tracked["good"].finished and tracked["good"].values == {"a.b": "(1, 2)", "a.c": True}
