"""Splits of films and tracks of digits are columns of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from simsid.benchmark.ranking import run as ranking
from simsid.benchmark.ranking.job import Job
from simsid.benchmark.ranking.report import export
from simsid.errors import SimsidError
from synth import AnatomyConfig
from synth.plan import DatasetConfig
from synth.tracks import TRACKS
from tests.simsid.benchmark.ranking.test_run import command
from tests.simsid.training.tiny import blobs

pytestmark = pytest.mark.slow  # they train through the command line


def test_a_track_is_trained_on_and_told(tmp_path, monkeypatch):
    small = {"": DatasetConfig(AnatomyConfig(generator=2), 16, 8, 6, 2, track="hard-1")}
    monkeypatch.setitem(TRACKS, "hard-1", small)
    seen: list[Job] = []

    def stop(job: Job, *rest):
        seen.append(job)
        raise SimsidError("enough")

    monkeypatch.setattr(ranking, "run_job", stop)
    arguments = ("--models", "mean-grey", "--seeds", "1", "--track", "hard-1", "--device", "cpu")
    assert command("run", *arguments, "--out", str(tmp_path)) == 1
    assert "--track" in seen[0].arguments and "hard-1" in seen[0].arguments
    assert json.loads((tmp_path / "settings.json").read_text())["track"] == "hard-1"
    more = command("run", *arguments, "--difficulty", "0.5", "--out", str(tmp_path / "other"))
    assert more == 2


def test_one_set_has_a_column_for_each_split(tmp_path: Path) -> None:
    """Plain and shifted stand side by side, were measured on other films, and each tells its command."""
    root = tmp_path / "films"
    root.mkdir()
    rows = ["file,label,patient"]
    for number, image in enumerate(blobs(96)):
        label = "abnormal" if number % 6 == 0 else "normal"
        Image.fromarray(255 - image if number % 6 == 0 else image).save(root / f"{number}.png")
        rows.append(f"{number}.png,{label},p{number}")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    out = tmp_path / "out"
    arguments = ("--models", "mean-grey", "--seeds", "1", "--device", "cpu", "--out", str(out))
    assert command("run", "--datasets", "folder,folder:shifted", "--data-root", f"folder={root}",
                   *arguments) == 0  # fmt: skip
    kept = json.loads((out / "benchmark.json").read_text())
    plain, shifted = (next(e for e in kept["entries"] if e["dataset"] == name)
                      for name in ("folder", "folder:shifted"))  # fmt: skip
    assert "--split shifted" in shifted["command"] and "--split" not in plain["command"]
    assert kept["data"]["folder"]["fingerprint"] != kept["data"]["folder:shifted"]["fingerprint"]
    assert "## folder:shifted" in (out / "benchmark.md").read_text()
    assert {file.name for file in (out / "data").glob("*.json")} == {
        "folder.json",
        "folder-shifted.json",
    }
    exported = export(out, tmp_path / "kept")
    assert "--data-root FOLDER_ROOT" in (exported / "benchmark.md").read_text()


def test_who_stops_a_run_waits_for_no_ceiling(tmp_path: Path, monkeypatch) -> None:
    small = {"": DatasetConfig(AnatomyConfig(generator=2), 16, 8, 6, 2, track="hard-1")}
    monkeypatch.setitem(TRACKS, "hard-1", small)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ranking, "run_job", stopped)
    monkeypatch.setattr(ranking, "keep_ceiling", lambda *_: pytest.fail("a ceiling was measured"))
    arguments = ("--datasets", "digitanatomy:hard-1", "--models", "mean-grey", "--ceiling", "true")
    assert command("run", *arguments, "--device", "cpu", "--out", str(tmp_path)) == 130
