"""The ranking from end to end, on a data set of a few images."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from simsid.benchmark.__main__ import main
from simsid.benchmark.ceiling import measure
from simsid.benchmark.ceiling.learn import learn
from simsid.benchmark.public import public_command, public_run
from simsid.benchmark.ranking import run as ranking
from simsid.benchmark.ranking.job import Job, run_job
from simsid.benchmark.ranking.records import FORMAT_VERSION, read_ranking
from simsid.benchmark.ranking.report import export
from simsid.cli import run_command
from simsid.detectors import registry
from simsid.errors import SimsidError
from synth.__main__ import main as synth
from tests.simsid.training.tiny import blobs

pytestmark = pytest.mark.slow  # they train through the command line

PLUGIN = """
from simsid.detectors import register
from simsid.detectors.references import MeanGrey

@register
class Mine(MeanGrey):
    name = "benchmark-test-plugin"
"""


def command(*arguments: str) -> int:
    return run_command(lambda: main(list(arguments)))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("digits") / "set"
    sizes = ("--train", "40", "--val", "24", "--test-normal", "12", "--test-per-kind", "4")
    assert synth(["generate", "--out", str(root), *sizes]) in (0, None)
    return root


@pytest.fixture(scope="module")
def ranked(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ranked") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "run_job", one_breaks)
        arguments = ("--models", "ae,memae", "--seeds", "1", "--device", "cpu", "--out", str(out))
        # One failed, so a script hears of it; the report is written all the same.
        assert command("run", "--data-root", f"digitanatomy={digits}", *arguments) == 1
    return out


def one_breaks(job: Job, *rest):
    if job.model == "memae":
        raise SimsidError("it broke")
    return run_job(job, *rest)


def test_one_model_that_fails_does_not_stop_the_rest(ranked: Path) -> None:
    kept = json.loads((ranked / "benchmark.json").read_text(), parse_constant=pytest.fail)
    first, last = kept["entries"]
    assert first["model"] == "ae" and 0 <= first["auroc"]["mean"] <= 1
    assert last["model"] == "memae" and last["failed"] == ["seed 0: SimsidError: it broke"]
    assert kept["format_version"] == FORMAT_VERSION


def test_quality_and_cost_stand_side_by_side_with_the_command(ranked: Path, digits: Path) -> None:
    with open(ranked / "benchmark.csv", newline="") as file:
        row = next(csv.DictReader(file))
    assert float(row["train_seconds"]) > 0 and float(row["model_mb"]) > 0.1
    assert float(row["score_images_per_second"]) > 0 and 50 < float(row["peak_memory_mb"]) < 5000
    assert row["command"].startswith("python -m simsid.train --dataset digitanatomy --model ae")
    assert str(digits) in row["command"]
    page = (ranked / "benchmark.md").read_text()
    assert re.search(r"\| ae \| fused 0\.\d+; reconstruction 0\.\d+ \|", page)
    assert "ae" in page and "1 failed" in page and "Holm" in page
    for name in ("roc", "kinds", "cost", "panels-digitanatomy"):
        assert (ranked / f"{name}.png").stat().st_size > 1000, name


def test_the_same_command_goes_on_and_measures_what_is_missing(
    ranked: Path, digits: Path, capsys: pytest.CaptureFixture
) -> None:
    arguments = ("--models", "ae", "--seeds", "1", "--device", "cpu", "--out", str(ranked))
    lines = (ranked / "rows.jsonl").read_text()
    assert command("run", "--data-root", f"digitanatomy={digits}", *arguments) == 0
    assert "1 of 1 rows are done already" in capsys.readouterr().out
    assert (ranked / "rows.jsonl").read_text() == lines


def test_other_data_is_refused_with_both_fingerprints(ranked: Path, tmp_path: Path, capsys) -> None:
    sizes = ("--train", "20", "--val", "12", "--test-normal", "6", "--test-per-kind", "2")
    synth(["generate", "--out", str(tmp_path / "set"), "--seed", "5", *sizes])
    arguments = ("--models", "ae", "--seeds", "1", "--out", str(ranked))
    assert command("run", "--data-root", f"digitanatomy={tmp_path / 'set'}", *arguments) == 2
    assert "would not compare" in capsys.readouterr().err


def test_an_export_leaves_other_pictures_alone_and_is_not_the_folder_itself(
    ranked: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "holiday.png").write_bytes(b"mine")
    (tmp_path / "panels-old.png").write_bytes(b"of an earlier export")
    export(ranked, tmp_path)
    assert (tmp_path / "holiday.png").exists() and not (tmp_path / "panels-old.png").exists()
    assert command("report", str(ranked), "--export", str(ranked)) == 2
    assert "another folder" in capsys.readouterr().err
    assert (ranked / "roc.png").exists()


@pytest.mark.parametrize("root", ["data", "zhanglab", "/home/mé/zhanglab", "/a b/c"])
def test_only_what_is_a_path_becomes_a_word(root: str) -> None:
    typed = shlex.join(
        ["python", "-m", "simsid.train", "--dataset", "zhanglab", "--data-root", root]
    )
    expected = "python -m simsid.train --dataset zhanglab --data-root ZHANGLAB_ROOT"
    assert public_command(typed, "zhanglab") == expected
    typed = shlex.join(["--data-root", f"zhanglab={root},nih={root}", "--digits", "strokes",
                        "--out", root])  # fmt: skip
    assert public_run(typed) == (
        "--data-root zhanglab=ZHANGLAB_ROOT,nih=NIH_ROOT --digits strokes --out OUT"
    )


def test_what_a_failed_row_says_is_not_exported(ranked: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(ranked, folder)
    lines = (folder / "rows.jsonl").read_text().replace("it broke", "see /home/me/run")
    (folder / "rows.jsonl").write_text(lines)
    export(folder, tmp_path / "kept")
    for file in (tmp_path / "kept").glob("benchmark.*"):
        assert "/home/me" not in file.read_text(), file.name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "was measured"),
        (lambda text: text.replace('"format_version": 1', '"format_version": 0'), "format 0"),
    ],
)
def test_rows_that_cannot_be_reported_on_are_one_sentence(
    ranked: Path, tmp_path: Path, capsys: pytest.CaptureFixture, change, message: str
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(ranked, folder)
    (folder / "rows.jsonl").write_text(change((folder / "rows.jsonl").read_text()))
    assert command("report", str(folder)) == 2
    assert message in capsys.readouterr().err


def test_a_named_reference_is_kept_and_the_command_is_told(ranked: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(ranked, folder)
    assert command("report", str(folder), "--reference", "ae") == 0
    assert command("report", str(folder)) == 0
    assert json.loads((folder / "benchmark.json").read_text())["reference"] == "ae"
    assert "python -m simsid.benchmark run --data-root" in (folder / "benchmark.md").read_text()


def test_a_plugin_is_trained_and_ranked(digits: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    out, name = tmp_path / "out", "benchmark-test-plugin"
    arguments = ("--plugin", str(plugin), "--models", name, "--seeds", "1", "--out", str(out))
    try:
        code = command("run", "--data-root", f"digitanatomy={digits}", *arguments)
    finally:
        registry._DETECTORS.pop(name, None)
    assert code == 0
    (entry,) = json.loads((out / "benchmark.json").read_text())["entries"]
    assert entry["model"] == name and "--plugin" in entry["command"]


def test_only_small_pictures_that_the_kit_drew_are_exported(ranked: Path, tmp_path: Path) -> None:
    export(ranked, tmp_path / "drawn")
    assert (tmp_path / "drawn" / "panels-digitanatomy.png").exists()
    films = tmp_path / "films"
    shutil.copytree(ranked, films)
    large = films / "panels-digitanatomy.png"
    large.write_bytes(large.read_bytes() + bytes(1_500_001))
    export(films, tmp_path / "small")
    assert "The same images" not in (tmp_path / "small" / "benchmark.md").read_text()
    assert not (tmp_path / "small" / "panels-digitanatomy.png").exists()
    shutil.copyfile(ranked / large.name, large)
    described = json.loads((films / "data" / "digitanatomy.json").read_text())
    described["made_by_the_kit"] = False
    (films / "data" / "digitanatomy.json").write_text(json.dumps(described))
    export(films, tmp_path / "kept")
    assert (tmp_path / "kept" / "roc.png").exists()
    assert "The same images" not in (tmp_path / "kept" / "benchmark.md").read_text()
    assert not (tmp_path / "kept" / "panels-digitanatomy.png").exists()
    assert "panels-digitanatomy" not in (tmp_path / "kept" / "benchmark.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--models", "nobody"), "unknown model 'nobody'"),
        (("--models", ","), "--models names none"),
        (("--data-root", "zhanglab=x"), "not among --datasets"),
        (
            ("--data-root", "digitanatomy=x", "--data-seed", "3"),
            "--data-seed is for generated data",
        ),
        (("--datasets", "nothing"), "unknown data set 'nothing'"),
        (("--datasets", "zhanglab:"), "nothing behind the colon"),
        (("--datasets", "digitanatomy:hard-1", "--difficulty", "0.5"), "no column is drawn by it"),
        (("--datasets", "digitanatomy:easy-9"), "unknown track 'easy-9'"),
        (
            ("--datasets", "digitanatomy:hard-1", "--data-root", "digitanatomy=x"),
            "drawn by the kit",
        ),
        (("--data-root", "zhanglab"), "as digitanatomy=zhanglab, not"),
        (("--seeds", "0"), "--seeds"),
        (("--false-alarm-rate", "2"), "between 0 and 1"),
        (("--datasets", "zhanglab"), "needs --data-root"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert command("run", *arguments, "--out", str(tmp_path / "out")) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_places_of_this_machine_are_not_exported(
    ranked: Path, digits: Path, tmp_path: Path
) -> None:
    export(ranked, tmp_path / "kept")
    for name in ("benchmark.md", "benchmark.csv", "benchmark.json"):
        text = (tmp_path / "kept" / name).read_text()
        assert str(digits) not in text and "DIGITANATOMY_ROOT" in text, name


def test_a_row_whose_training_was_resumed_is_reported_without_its_time(
    ranked: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    shutil.copytree(ranked, again)
    line = json.loads((again / "rows.jsonl").read_text().splitlines()[0])
    line["cost"] |= {"train_seconds": None, "peak_memory_mb": None}
    (again / "rows.jsonl").write_text(json.dumps(line) + "\n")
    assert command("report", str(again)) == 0
    assert "| n/a |" in (again / "benchmark.md").read_text()


def test_a_training_that_was_killed_is_not_told_as_its_progress_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os, sys; print(' 40%|####', file=sys.stderr); os.kill(os.getpid(), 9)"
    monkeypatch.setattr("simsid.benchmark.ranking.job.sys.executable", _script(tmp_path, code))
    job = Job("digits", "ae", 0, (), tmp_path / "run", tmp_path / "logs" / "ae")
    with pytest.raises(SimsidError, match="signal 9"):
        run_job(job, None, "test", "cpu")


def _script(folder: Path, code: str) -> str:
    """An executable that ignores its arguments."""
    file = folder / "python"
    file.write_text(f"#!{sys.executable}\n{code}\n")
    file.chmod(0o755)
    return str(file)


def test_a_training_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    arguments = ("--dataset", "zhanglab", "--data-root", str(tmp_path / "nowhere"))
    job = Job("zhanglab", "ae", 0, arguments, tmp_path / "run", tmp_path / "logs" / "ae")
    with pytest.raises(SimsidError, match="nowhere"):
        run_job(job, None, "validation", "cpu")


def test_a_note_for_readers_stays_with_the_rows(ranked: Path) -> None:
    assert command("report", str(ranked), "--note", "A machine shared with other work.") == 0
    assert command("report", str(ranked)) == 0
    assert "- A machine shared with other work." in (ranked / "benchmark.md").read_text()
    assert json.loads((ranked / "benchmark.json").read_text())["note"].startswith("A machine")


def test_report_needs_rows(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert command("report", str(tmp_path)) == 2
    assert "benchmark run" in capsys.readouterr().err


def test_all_may_stand_beside_names() -> None:
    named = ranking._models("ae,all,ae")
    assert named == ["ae", *(n for n in registry.detector_names() if n != "ae")]


@pytest.mark.parametrize("option", ["--preset", "--budget"])
def test_the_preset_goes_by_its_old_name_too(option: str, monkeypatch, tmp_path: Path) -> None:
    asked = []

    def stop(name: str, root: str | None, preset: str, generator: dict):
        asked.append(preset)
        raise SimsidError("far enough")

    monkeypatch.setattr(ranking.adapter, "choice_named", stop)
    assert command("run", "--models", "ae", option, "paper", "--out", str(tmp_path)) == 2
    assert asked == ["paper"]
    assert "budget" not in ranking.make_parser().format_help()


def test_a_ceiling_has_a_section_of_its_own_and_no_row(
    digits: Path, ranked: Path, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(ranked, folder)
    abnormals = (blobs(12, 3), "made for a test")
    monkeypatch.setattr(measure, "training_abnormals", lambda *_: abnormals)
    monkeypatch.setattr(measure, "steps_for", lambda size: 1)
    arguments = ("--models", "ae", "--seeds", "1", "--device", "cpu", "--ceiling", "true")
    given = ("--data-root", f"digitanatomy={digits}", "--out", str(folder))
    with monkeypatch.context() as patch:  # of the set's own size
        patch.setattr(measure, "learn", lambda normals, _, *rest: learn(normals, normals, *rest))
        assert command("run", *arguments, *given) == 0
    result = json.loads((folder / "benchmark.json").read_text())
    assert [entry["model"] for entry in result["entries"]] == ["ae", "memae"]
    (ceiling,) = result["ceilings"]
    assert ceiling["dataset"] == "digitanatomy" and ceiling["part"] == "test"
    page = (folder / "benchmark.md").read_text()
    assert (
        page.index("## digitanatomy") < page.index(f"## {measure.TITLE}") < page.index("## Plots")
    )
    assert read_ranking(folder / "benchmark.json").ceilings is not None
    assert read_ranking(ranked / "benchmark.json").ceilings is None
    joined = tmp_path / "joined"
    assert command("report", str(folder), "--out", str(joined)) == 0
    assert measure.TITLE in (joined / "benchmark.md").read_text()
