import contextlib
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from simsid import train
from simsid.data import load
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.detectors import load_model
from simsid.threads import set_threads
from simsid.train import _opening, main
from simsid.training.plan import Prepared
from synth.__main__ import main as synth
from tests.simsid.helpers import make_detector
from tests.waiting import GENEROUS, wait_until

SMALL = ["--detector", '{"channels": [8, 16], "decoder_channels": [4, 8], "scoring_slots": 8}']
FAST = ["--epochs", "1", "--batch-size", "8", "--device", "cpu", "--precision", "fp32"]
BARE = ["--report", "false", "--examine", "false"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    out = tmp_path_factory.mktemp("digits") / "set"
    synth(["generate", "--out", str(out), "--train", "24", "--val", "48", "--test-normal", "8",
           "--test-per-kind", "3"])  # fmt: skip
    return str(out)


@pytest.fixture(scope="module")
def told(digits, tmp_path_factory):
    """A run folder, and what the command printed."""
    path, said = tmp_path_factory.mktemp("runs") / "run", io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main(["--data-root", digits, "--run", str(path), *FAST, *SMALL]) == 0
    return path, said.getvalue()


@pytest.fixture(scope="module")
def run(told):
    return told[0]


def test_what_begins_after_the_last_step_is_named_and_times_are_told_apart(told):
    run, said = told
    begun = [
        said.index(f"\n{work}")
        for work in ("calibrating", "examining", "trained in", "writing the report")
    ]
    assert begun == sorted(begun)
    seconds = load_model(run).facts["training"]["seconds"]
    assert f"trained in {seconds:.1f} s; " in said and "with reading, calibrating" in said
    report = (run / "report" / "report.md").read_text()
    assert f"{seconds:.1f} s on cpu" in report and "time of this evaluation" in report


def test_a_run_folder_holds_what_the_contract_says(run):
    names = {p.name for p in run.iterdir()}
    assert {"config.yaml", "metrics.jsonl", "checkpoint.pt", "model", "report"} <= names
    report = json.loads((run / "report" / "report.json").read_text())
    assert report["data_fingerprint"] == load_model(run).facts["data_fingerprint"]
    assert (run / "model" / "README.md").exists()


def test_the_written_config_trains_the_same_model_again(run, digits, tmp_path, capsys):
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["detector"]["scoring_slots"] == 8
    again = tmp_path / "again"
    assert main(["--config", str(run / "config.yaml"), "--run", str(again), *BARE]) == 0
    first = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    second = [json.loads(line) for line in (again / "metrics.jsonl").read_text().splitlines()]
    assert first == second


def test_a_second_run_gets_a_new_folder_and_says_so(run, digits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, tmp_path / "runs" / "digitanatomy-simsid-0")
    assert main(["--data-root", digits, *BARE, *FAST, *SMALL]) == 0
    assert (tmp_path / "runs" / "digitanatomy-simsid-0-2" / "model").is_dir()
    assert "runs/digitanatomy-simsid-0 exists, so this is a new run" in capsys.readouterr().out


def test_a_finished_run_is_resumed_on_more_threads_and_trains_no_further(run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = (run / "metrics.jsonl").read_text()
    assert "threads" not in yaml.safe_load((run / "config.yaml").read_text())
    assert main(["--run", str(run), "--resume", "--report", "false", "--threads", "2"]) == 0
    assert load_model(run).facts["training"]["threads"] == 2
    assert (run / "metrics.jsonl").read_text() == before
    set_threads(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "resnet"], "unknown model 'resnet'; choose one of: simsid"),
        (["--epochs", "0"], "error: --epochs must be at least 1, not 0"),
        (["--batch-size", "0"], "error: --batch-size must be at least 1, not 0"),
        (["--seed", "-1"], "error: --seed must be 0 or more, not -1"),
        (["--dataset", "folder"], "needs --data-root"),
        (["--data-root", "/nowhere"], "/nowhere"),
        (["--digits", "/nowhere.npz"], "nowhere.npz"),
        (["--resume", "--run", "/nowhere"], "no run to resume"),
        (["--resume"], "no run to resume"),
        (["--detector.slots", "3"], "slots"),
        (["--false-alarm-rate", "1.5"], "between 0 and 1"),
        (["--rate-confidence", "3"], "between 0.5 and 1"),
        (["--rate-confidence", "0.5"], "leave it out for a rate that holds on average"),
        (["--preset", "huge"], "preset"),
        (["--config", "/nowhere.yaml"], "nowhere.yaml"),
        (["--detector.num_slots", "abc"], "num_slots"),
        (["--detector.grid_size", "[0, 3]"], "do not make a 'simsid'"),
        (["--detector.channels", "[]"], "do not make a 'simsid'"),
        (["--detector.slot_dim", "30"], "do not make a 'simsid'"),
        (["--detector.reduce", "sum"], "reduce"),
        (["--detector.fusion", "3"], "fusion"),
        (["--data-root", "/nowhere", "--difficulty", "0.5"], "not to --data-root"),
        (["--digits", "mnist"], "digits_root"),
        (["--digits-root", "mnist"], "--digits-root belongs to --digits mnist"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(arguments, message, tmp_path, monkeypatch, capsys):
    from simsid.cli import run_command

    monkeypatch.setattr(
        load, "make_digitanatomy", lambda config: make_digitanatomy(config, 4, 20, 0)
    )
    monkeypatch.chdir(tmp_path)
    assert run_command(lambda: main(arguments)) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert "\n" not in error
    assert message in error


def test_settings_that_contradict_the_run_are_refused_on_resume(run, capsys):
    from simsid.cli import run_command

    assert run_command(lambda: main(["--run", str(run), "--resume", "--epochs", "7"])) == 2
    assert "--epochs was 1, not 7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("glyphs", "track", "kept"),
    [("strokes", None, None), ("mnist", None, "X"), ("strokes", "easy-1", "X")],
)
def test_a_run_of_before_with_an_idle_option_is_resumed_and_repeated(
    glyphs, track, kept, run, tmp_path, monkeypatch
):
    before = yaml.safe_load((run / "config.yaml").read_text())
    before |= {"data_root": None, "digits": glyphs, "track": track, "digits_root": "X"}
    config, plans = tmp_path / "config.yaml", []
    config.write_text(yaml.safe_dump(before))
    monkeypatch.setattr(train, "train", lambda plan, settings: plans.append(plan) or 0)
    assert main(["--run", str(tmp_path), "--resume"]) == 0
    assert main(["--run", str(tmp_path), "--resume", "--digits-root", "X"]) == 0  # as at first
    assert main(["--run", str(tmp_path / "new"), "--config", str(config)]) == 0
    assert [plan.data.digits_root for plan in plans] == [kept] * 3
    new = ["--run", str(tmp_path / "new"), "--config", str(config), "--digits-root", "Y"]
    assert main(new) == 0 and plans[-1].data.digits_root == "Y"  # which is refused where it is idle


@pytest.mark.parametrize("content", ["", "a: [", "- 1", "dataset: digitanatomy"])
def test_a_damaged_config_is_named_on_resume(content, tmp_path, capsys):
    from simsid.cli import run_command

    (tmp_path / "config.yaml").write_text(content)
    assert run_command(lambda: main(["--run", str(tmp_path), "--resume"])) == 2
    assert "config.yaml is damaged" in capsys.readouterr().err


def test_a_failed_start_leaves_no_folder(tmp_path, monkeypatch, capsys):
    from simsid.cli import run_command

    monkeypatch.chdir(tmp_path)
    assert run_command(lambda: main(["--detector.slot_dim", "30"])) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_a_run_is_not_overwritten(run, digits, capsys):
    from simsid.cli import run_command

    assert run_command(lambda: main(["--data-root", digits, "--run", str(run)])) == 2
    assert "add --resume" in capsys.readouterr().err


def test_print_config_shows_yaml(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--print_config", "--seed", "3"])
    assert ended.value.code == 0
    assert yaml.safe_load(capsys.readouterr().out)["seed"] == 3


@pytest.mark.slow
def test_ctrl_c_saves_and_the_run_goes_on(digits, tmp_path):
    import signal

    path = tmp_path / "run"
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    arguments = ["--data-root", digits, "--run", str(path), *FAST[2:], *SMALL, "--epochs", "300"]
    process = subprocess.Popen([sys.executable, "-m", "simsid.train", *arguments], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)  # fmt: skip
    wait_until(lambda: steps_of(path) > 2 or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=GENEROUS)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert f"--run {path} --resume" in out
    assert 0 < steps_of(path) < 900


def steps_of(run):
    """Lines of losses that a run has written."""
    lines = run / "metrics.jsonl"
    return lines.read_text().count("\n") if lines.exists() else 0


@pytest.mark.parametrize(("steps", "told"), [(9, "0.00 M parameters"), (0, "no steps")])
def test_the_opening_line_tells_abnormals_from_normals(data, steps, told):
    mixed = dataclasses.replace(data, facts={"contaminated": 3, "calibration_from": "here"})
    detector = make_detector(data)
    if steps == 0:  # as of a method that only looks at the normals
        detector.unused_options = lambda: ("epochs",)
    training = SimpleNamespace(
        detector=detector,
        device="cpu",
        accelerator=SimpleNamespace(mixed_precision="no"),
        total_steps=steps,
    )
    plan = SimpleNamespace(
        model="m",
        run=SimpleNamespace(path=Path("r")),
        false_alarm_rate=0.05,
        rate_confidence=None,
    )
    said = _opening(Prepared(plan, mixed, training, None))
    assert f"{len(data.train) - 3} normals and 3 abnormals to train" in said
    assert told in said and ("fp32" in said) == (steps > 0)
    assert "warning" not in said  # nothing is told of how these were chosen
    few = mixed.facts | {
        "films": {"train": {"normal": 32}, "calibration": {"normal": 8}},
        "calibration_from": "8 of 40 training normals",
    }
    warned = _opening(Prepared(plan, dataclasses.replace(mixed, facts=few), training, None))
    assert "warning: too few calibration normals for any verdict" in warned
    assert "it takes 19" in warned and "With 95 training normals" in warned
