import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synth import AnatomyConfig, SynthError
from synth.generate import generate
from synth.manifest import MARKER
from synth.plan import DatasetConfig
from synth.verify import verify
from tests.waiting import GENEROUS, wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(npz):
    anatomy = AnatomyConfig(digits=str(npz), cell=16)
    return DatasetConfig(anatomy, train=6, val=4, test_normal=2, test_per_kind=2)


@pytest.fixture
def made(config, tmp_path):
    generate(tmp_path / "made", config)
    return tmp_path / "made"


def test_finished_data_set_verifies(made):
    assert verify(made) == []
    assert not (made / MARKER).exists()


def test_verify_finds_one_flipped_pixel_in_an_image_and_in_a_mask(made):
    for name in ("test/good/0001.png", "ground_truth/missing/0000_mask.png"):
        pixels = np.array(Image.open(made / name))
        pixels[3, 5] ^= 255
        Image.fromarray(pixels).save(made / name)
    problems = "\n".join(verify(made))
    assert "test/good/0001.png: changed" in problems
    assert "test/good/0001: pixels of the image differ" in problems
    assert "test/missing/0000: pixels of the mask differ" in problems


def test_verify_finds_missing_extra_and_broken_files(made):
    (made / "train/good/0002.png").unlink()
    (made / "ground_truth/novel/0001_mask.png").unlink()
    (made / "test/good/9999.png").write_bytes((made / "test/good/0000.png").read_bytes())
    (made / "notes.txt").write_text("mine")
    (made / "val/good/0000.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    problems = "\n".join(verify(made))
    assert "train/good/0002.png: missing" in problems
    assert "ground_truth/novel/0001_mask.png: missing" in problems
    assert "test/good/9999.png: extra file" in problems
    assert "notes.txt: extra file" in problems
    assert "val/good/0000.png: changed" in problems


def test_verify_finds_an_edited_manifest(made):
    manifest = json.loads((made / "manifest.json").read_text())
    manifest["samples"][0]["image_sha256"] = "0" * 64
    (made / "manifest.json").write_text(json.dumps(manifest))
    assert any("do not add up" in problem for problem in verify(made))
    del manifest["files"]
    (made / "manifest.json").write_text(json.dumps(manifest))
    assert verify(made) == ["manifest.json: damaged (KeyError: 'files')"]


def test_verify_ignores_what_a_clone_adds(made):
    (made / ".git").mkdir()
    (made / ".git/config").write_text("x")
    (made / ".gitattributes").write_text("x")
    assert verify(made) == []


@pytest.mark.parametrize("layout", ["parquet", "webdataset"])
def test_verify_survives_a_cut_container(config, layout, tmp_path):
    if layout == "parquet":
        pytest.importorskip("pyarrow")
    values = {name: getattr(config, name) for name in ("anatomy", "train", "val")}
    generate(tmp_path / "out", DatasetConfig(**values, layout=layout))
    victim = next((tmp_path / "out").glob("train*"))
    victim.write_bytes(victim.read_bytes()[:900])
    problems = verify(tmp_path / "out")
    assert f"{victim.name}: changed" in problems
    assert any("reading stopped" in problem for problem in problems)


def test_non_empty_folder_is_refused_and_left_alone(config, tmp_path):
    (tmp_path / "thesis.txt").write_text("ten years of work")
    for overwrite in (False, True):
        with pytest.raises(SynthError):
            generate(tmp_path, config, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"


def test_overwriting_is_for_own_data_sets_and_spares_strangers(made, config):
    with pytest.raises(SynthError, match="--overwrite"):
        generate(made, config)
    for mine in ("mine.txt", "backup.tar", "train/good/mine.png"):
        (made / mine).write_text("mine")
        with pytest.raises(SynthError, match=mine):
            generate(made, config, overwrite=True)
        assert (made / mine).exists() and (made / "test/good/0000.png").exists()
        (made / mine).unlink()
    smaller = DatasetConfig(config.anatomy, train=2, val=0, test_normal=0, test_per_kind=0)
    generate(made, smaller, overwrite=True)
    assert verify(made) == []
    assert not (made / "test").exists()


def test_folder_with_known_names_but_no_manifest_is_not_overwritten(config, tmp_path):
    (tmp_path / "mine/train").mkdir(parents=True)
    with pytest.raises(SynthError, match=r"has no manifest\.json"):
        generate(tmp_path / "mine", config, overwrite=True)
    assert (tmp_path / "mine/train").exists()


def test_empty_folder_is_used(config, tmp_path):
    (tmp_path / "empty").mkdir()
    generate(tmp_path / "empty", config)
    assert verify(tmp_path / "empty") == []


def test_failing_run_cleans_up(config, tmp_path):
    def failing(samples, total):
        for number, sample in enumerate(samples):
            if number == 5:
                raise OSError(28, "No space left on device")
            yield sample

    with pytest.raises(OSError, match="No space"):
        generate(tmp_path / "new", config, progress=failing)
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    with pytest.raises(OSError, match="No space"):
        generate(tmp_path / "old", config, progress=failing)
    assert list((tmp_path / "old").iterdir()) == []


def test_pixels_do_not_depend_on_the_number_of_workers(config, made, tmp_path):
    again = generate(tmp_path / "again", config, workers=2)
    assert again == json.loads((made / "manifest.json").read_text())


def _heed_interrupts() -> None:
    """A shell that runs the tests in the background has them ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(out: Path, *more: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "synth", "generate", "--out", str(out), "--train", "50000"]
    process = subprocess.Popen(
        [*command, *more],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_heed_interrupts,
    )
    wait_until(lambda: (out / "train/good/0100.png").exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_interrupted_run_exits_130_without_a_trace(workers, tmp_path):
    process = start(tmp_path / "out", "--workers", workers)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=GENEROUS)
    assert process.returncode == 130
    assert errors == "interrupted\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_killed_run_does_not_verify_and_may_be_overwritten(config, tmp_path):
    process = start(tmp_path / "out")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=GENEROUS)
    with pytest.raises(SynthError, match="not a finished data set"):
        verify(tmp_path / "out")
    with pytest.raises(SynthError, match="--overwrite"):
        generate(tmp_path / "out", config)
    generate(tmp_path / "out", config, overwrite=True)
    assert verify(tmp_path / "out") == []


def test_run_killed_while_replacing_a_data_set_does_not_verify(made):
    (made / MARKER).write_text("as a killed run leaves it")
    assert any(MARKER in problem for problem in verify(made))
