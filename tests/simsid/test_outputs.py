"""What exists is never destroyed: every command's way to its outputs."""

from __future__ import annotations

import json
import os

import pytest
from PIL import Image

from hub.__main__ import main as hub
from simsid import cli
from simsid.benchmark.__main__ import main as benchmark
from simsid.data.__main__ import main as data_command
from simsid.detectors import load_model, save_model
from simsid.errors import ModelFolderError
from simsid.evaluate import main as evaluate
from simsid.evaluation.report import report_on
from simsid.files import path_text, roots_text, write_text
from simsid.train import main as train
from synth.cli import main as synth
from tests.simsid.helpers import make_detector


def told(main, *arguments, capsys):
    """Exit code and the one line of error."""
    code = cli.run_command(lambda: main([str(a) for a in arguments]))
    error = capsys.readouterr().err
    assert error.count("\n") <= 1
    return code, error


def content_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    "name",
    ["config.yaml", "metrics.jsonl", "model/weights.h5", "report/report.html", "checkpoint.pt",
     "tensorboard/events", "checkpoint.pt.draft"],
)  # fmt: skip
def test_train_refuses_a_folder_with_a_foreign_file_and_changes_nothing(name, tmp_path, capsys):
    mine = tmp_path / "mine"
    (mine / name).parent.mkdir(parents=True)
    (mine / name).write_text("dataset: digitanatomy\nmodel: ae\ndetector: {}\n")
    before = content_of(mine)
    code, error = told(train, "--run", mine, capsys=capsys)
    assert code == 2
    assert f"{mine} holds {name.split('/')[0]}" in error
    assert content_of(mine) == before


def test_a_link_to_nowhere_counts_as_something_that_is_there(tmp_path, capsys):
    (tmp_path / "config.yaml").symlink_to(tmp_path / "gone" / "x.yaml")
    code, error = told(train, "--run", tmp_path, capsys=capsys)
    assert code == 2
    assert "holds config.yaml" in error
    assert (tmp_path / "config.yaml").is_symlink()


def test_a_model_is_never_written_over_what_is_no_model(data, tmp_path, registered):
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"layers": 3}))
    before = content_of(other)
    with pytest.raises(ModelFolderError, match="is no model folder"):
        save_model(make_detector(data), other)
    assert content_of(other) == before


def test_a_model_that_replaces_another_keeps_notes_and_links(data, tmp_path, registered):
    save_model(make_detector(data), tmp_path / "model")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "model")
    save_model(make_detector(data), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "model" / "notes.txt").read_text() == "mine"
    assert load_model(tmp_path / "link").name == "mean-image"


@pytest.mark.parametrize("name", ["r.json", "r.md", "r.html", "figures/scores.png"])
def test_evaluate_refuses_a_foreign_file_before_it_reads_the_model(name, tmp_path, capsys):
    (tmp_path / "figures").mkdir()
    (tmp_path / name).write_text("{}")
    code, error = told(
        evaluate, "--model", tmp_path / "gone", "--out", tmp_path / "r.json", capsys=capsys
    )
    assert code == 2
    assert os.path.basename(name) in error
    assert (tmp_path / name).read_text() == "{}"


def test_evaluate_writes_over_its_own_report(data, tmp_path, registered, capsys):
    save_model(make_detector(data), tmp_path / "model")
    report_on(make_detector(data), data, tmp_path / "out", name="r")
    out = tmp_path / "out" / "r.json"
    _, error = told(evaluate, "--model", tmp_path / "gone", "--out", out, capsys=capsys)
    assert "no model folder" in error  # it came as far as that


@pytest.mark.parametrize("name", ["check.json", "check.md", "contact_sheet.png"])
def test_data_check_refuses_a_foreign_file(name, tmp_path, capsys):
    (tmp_path / name).write_text("{}")
    code, error = told(
        data_command, "check", "--dataset", "folder", "--data-root", tmp_path, "--out", tmp_path,
        capsys=capsys,
    )  # fmt: skip
    assert code == 2
    assert f"holds {name}" in error
    assert (tmp_path / name).read_text() == "{}"


@pytest.mark.parametrize("option", ["--out", "--export"])
@pytest.mark.parametrize("name", ["robustness.csv", "rows.jsonl", "roc.png", "settings.json"])
def test_a_benchmark_refuses_a_foreign_file(option, name, tmp_path, capsys):
    places = {"--out": tmp_path / "a", "--export": tmp_path / "b"}
    for place in places.values():
        place.mkdir()
    (places[option] / name).write_text("{}")
    code, error = told(
        benchmark, "robustness", "--model", tmp_path / "gone",
        *(word for pair in places.items() for word in pair), capsys=capsys,
    )  # fmt: skip
    assert code == 2
    assert f"holds {name}" in error


def test_a_preview_is_written_over_a_preview_only(tmp_path, capsys):
    out = tmp_path / "sheet.png"
    Image.new("L", (64, 64)).save(out)
    before = out.read_bytes()
    assert synth(["preview", "--columns", "1", "--out", str(out)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert synth(["preview", "--columns", "1", "--out", str(out), "--overwrite"]) == 0
    assert synth(["preview", "--columns", "1", "--out", str(out)]) == 0


def test_a_text_is_written_through_a_link_and_keeps_its_mode(tmp_path):
    target, link = tmp_path / "t.md", tmp_path / "l.md"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_no_space_left_names_the_file_and_leaves_no_draft(tmp_path):
    (tmp_path / "full.md").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        write_text(tmp_path / "full.md", "x")
    assert caught.value.filename == str(tmp_path / "full.md")
    assert [path.name for path in tmp_path.iterdir()] == ["full.md"]


def test_a_tilde_is_the_home_of_the_user(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_text("~/x") == f"{tmp_path}/x"
    assert roots_text("nih=~/a,zhanglab=~/b~") == f"nih={tmp_path}/a,zhanglab={tmp_path}/b~"
    assert roots_text("~/a") == f"{tmp_path}/a"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.yaml").write_text("x")
    for main, arguments in (
        (train, ["--run=~/mine"]),
        (evaluate, ["--model=~/gone", "--out=~/r.json"]),
        (hub, ["verify", "~/gone"]),
        (data_command, ["check", "--dataset=folder", "--data-root=~/gone"]),
    ):
        code, error = told(main, *arguments, capsys=capsys)
        assert code == 2
        assert str(tmp_path) in error
