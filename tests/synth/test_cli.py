import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synth.cli import main
from tests.waiting import GENEROUS

ROOT = Path(__file__).parents[2]
FEW = ["--train", "3", "--val", "0", "--test-normal", "1", "--test-per-kind", "1"]


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "synth", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=GENEROUS)


def test_generate_then_verify_then_damage(npz, tmp_path):
    out = tmp_path / "out"
    made = run("generate", "--out", out, "--digits", npz, *FEW)
    assert made.returncode == 0 and "8 images" in made.stdout, made.stderr
    assert made.stderr == "", "no bar where there is no terminal"
    good = run("verify", out)
    assert good.returncode == 0 and "matches" in good.stdout
    (out / "test/good/0000.png").unlink()
    bad = run("verify", out)
    assert bad.returncode == 1
    assert "test/good/0000.png: missing" in bad.stdout and "does NOT match" in bad.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--digits", "nowhere.npz"], "nowhere.npz: no such file"),
        (["--digits", "letters"], "unknown source 'letters'"),
        (["--train", "-1"], "train must be a whole number"),
        (["--contamination", "1.5"], "contamination must be a number from 0 to 1"),
        (["--difficulty", "nan"], "difficulty must be"),
        (["--order", "123"], "order must name 9 digits"),
        (["--rows", "99"], "rows must be"),
        (["--kinds", "broken"], "unknown kind 'broken'"),
        (["--workers", "0"], "workers must be"),
        (["--seed", "-3"], "seed must be"),
        (
            ["--train", "0", "--val", "0", "--test-normal", "0", "--test-per-kind", "0"],
            "at least one",
        ),
        (
            ["--train", "many"],
            "--train must be a whole number, not 'many' (see python -m synth generate",
        ),
        (["--layout", "zip"], "--layout must be one of mvtec, imagefolder"),
        (["--generator", "3"], "--generator must be one of 1, 2, not '3'"),
        (["--difficulty", "hard"], "--difficulty must be a number, not 'hard'"),
        (["--seed"], "--seed needs a value behind it"),
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--population-strength", "0.5"], "--population-strength belongs to --population"),
        (["--digits-root", "mnist"], "--digits-root belongs to --digits mnist"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments, message, tmp_path, capsys):
    assert main(["generate", "--out", str(tmp_path / "out"), *arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ") and message in errors and errors.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_command_line_without_what_it_needs_says_so(capsys):
    for arguments, message in (
        (["generate"], "please give --out (see python -m synth generate --help)"),
        (["verify"], "please give DIR (see python -m synth verify --help)"),
        (["genrate"], "there is no command 'genrate'; choose one of: generate, verify, preview, "),
        ([], "name a command: generate, verify, preview, medmix (see python -m synth --help)"),
    ):
        assert main(arguments) == 2
        assert message in capsys.readouterr().err


def test_errors_show_no_traceback(tmp_path):
    corrupt = tmp_path / "corrupt.npz"
    corrupt.write_bytes(b"PK\x03\x04")
    done = run("generate", "--out", tmp_path / "out", "--digits", corrupt)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_output_that_is_a_file_or_below_one_is_an_error(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    for out in ("file", "file/below"):
        assert main(["generate", "--out", str(tmp_path / out), *FEW]) == 2
        assert "cannot be written" in capsys.readouterr().err


def test_verify_of_no_folder_is_wrong_usage_and_of_no_data_set_a_failure(tmp_path, capsys):
    assert main(["verify", str(tmp_path / "nowhere")]) == 2
    assert main(["verify", str(tmp_path)]) == 1
    assert "not a finished data set" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text("[]")
    assert main(["verify", str(tmp_path)]) == 1


def test_kind_that_the_order_forbids_is_left_out_aloud_or_refused(npz, tmp_path, capsys):
    grid = ["--digits", str(npz), "--rows", "2", "--cols", "5", "--order", "0123456789", *FEW]
    assert main(["generate", "--out", str(tmp_path / "a"), *grid]) == 0
    assert "without novel images" in capsys.readouterr().err
    assert not (tmp_path / "a/test/novel").exists()
    assert main(["generate", "--out", str(tmp_path / "b"), *grid, "--kinds", "novel"]) == 2
    assert "all ten digits" in capsys.readouterr().err


def test_preview_draws_every_kind_and_outlines_the_truth(tmp_path):
    out = tmp_path / "sheets/sheet.png"
    assert main(["preview", "--out", str(out), "--columns", "3"]) == 0
    sheet = np.asarray(Image.open(out)).astype(int)
    assert sheet.shape[0] > 5 * 192 and sheet.shape[1] > 3 * 192
    orange = (sheet[..., 0] == 255) & (sheet[..., 1] == 110) & (sheet[..., 2] == 40)
    rows = np.flatnonzero(orange.any(axis=1))
    assert len(rows) and rows[0] > 64 + 192, "the first row is normal and has no outline"


def test_preview_wants_a_picture_name(tmp_path, capsys):
    assert main(["preview", "--out", str(tmp_path / "sheet.xyz")]) == 2
    assert "end it in .png" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["generate", "verify", "preview"])
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert f"python -m synth {command}" in text and "example:" in text


def test_importing_is_silent_and_light():
    code = "import synth, sys; print({'torch', 'sklearn', 'PIL', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
