"""Rows of one table may be measured in several folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from simsid.benchmark.__main__ import main
from simsid.benchmark.ranking.joined import join
from simsid.cli import run_command
from simsid.errors import SimsidError
from tests.simsid.benchmark.ranking.test_rank import LABELS, line

DATA = {
    "fingerprint": "f00d", "part": "test", "labels": LABELS, "shown": [0, 60], "train": 80,
    "kinds": ["normal"] * 60 + ["novel"] * 20 + ["missing"] * 20, "calibration": 20,
    "image_size": [96, 96], "made_by_the_kit": True,
}  # fmt: skip


def folder(where: Path, rows: dict, **changes) -> Path:
    """A folder as ``run`` leaves it, with rows for digitanatomy."""
    (where / "data").mkdir(parents=True)
    (where / "maps").mkdir()
    settings = {"benchmark": "run", "format_version": 1, "budget": "quick",
                "false_alarm_rate": 0.05, "device": "cpu", "digits": "strokes",
                "digits_root": None, "difficulty": 0.0, "data_seed": 0,
                **changes.pop("settings", {})}  # fmt: skip
    (where / "settings.json").write_text(json.dumps(settings))
    (where / "data" / "digitanatomy.json").write_text(json.dumps(DATA | changes))
    images = np.zeros((2, 96, 96), np.float32)
    np.savez(where / "data" / "digitanatomy.npz", images=images, masks=images > 0)
    (where / "commands.txt").write_text(f"python -m simsid.benchmark run --out {where.name}\n")
    with open(where / "rows.jsonl", "w") as file:
        for (model, seed), row in rows.items():
            key = {"case": f"digitanatomy/{model}", "seed": seed}
            told = {"format_version": 1, "dataset": "digitanatomy", "model": model}
            file.write(json.dumps(key | row | told) + "\n")
    return where


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    first = folder(tmp_path / "a", {("simsid", s): line(2.5, s) for s in range(2)})
    return [first, folder(tmp_path / "b", {("ae", s): line(0.5, s, 1) for s in range(2)})]


def test_a_report_of_two_folders_ranks_the_rows_of_both(two: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "both"
    arguments = ["report", *map(str, two), "--out", str(out)]
    assert run_command(lambda: main(arguments)) == 0
    kept = json.loads((out / "benchmark.json").read_text())
    assert [(e["model"], e["seeds"]) for e in kept["entries"]] == [("simsid", 2), ("ae", 2)]
    page = (out / "benchmark.md").read_text()
    assert "run --out a" in page and "run --out b" in page and "| aaaaaaaaaaaa |" in page
    assert run_command(lambda: main(arguments)) == 0  # again, over what it wrote


def test_several_folders_need_an_out_of_their_own(two, tmp_path: Path, capsys) -> None:
    assert run_command(lambda: main(["report", *map(str, two)])) == 2
    assert "--out" in capsys.readouterr().err
    with pytest.raises(SimsidError, match="another folder"):
        join(two, two[0])
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.png").write_bytes(b"mine")
    with pytest.raises(SimsidError, match="other files"):
        join(two, tmp_path / "photos")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"settings": {"budget": "paper"}}, "preset is quick in .* and paper"),
        ({"fingerprint": "beef"}, "fingerprint of digitanatomy differs"),
    ],
)
def test_what_does_not_compare_is_not_joined(two, tmp_path: Path, changes, named) -> None:
    other = folder(tmp_path / "c", {("vae", 0): line(1, 0)}, **changes)
    with pytest.raises(SimsidError, match=named):
        join([*two, other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_row_that_two_folders_hold_is_taken_once_and_must_be_the_same(two, tmp_path) -> None:
    same = folder(tmp_path / "c", {("ae", 0): line(0.5, 0, 1)})
    assert len((join([*two, same], tmp_path / "out") / "rows.jsonl").read_text().split("\n")) == 5
    other = folder(tmp_path / "d", {("ae", 0): line(0.6, 0, 1)})
    with pytest.raises(SimsidError, match="different rows of digitanatomy/ae, seed 0"):
        join([*two, other], tmp_path / "out")
