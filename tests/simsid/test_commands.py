"""The console scripts: every command by one name, and no foreign package in their way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def simsid(*arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [path, str(ROOT)]))}
    command = [sys.executable, "-P", "-m", "simsid", *arguments]
    if sys.version_info < (3, 11):
        command.remove("-P")
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd="/")


def test_help_lists_every_command_without_torch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    told = simsid("--help", path=str(tmp_path))
    assert told.returncode == 0, told.stderr
    for command in ("train", "score", "evaluate", "benchmark", "data", "hub", "page"):
        assert f"  {command} " in told.stdout


def test_a_command_gets_the_rest_of_the_line() -> None:
    told = simsid("benchmark", "--help")
    assert told.returncode == 0 and "robustness" in told.stdout


def test_an_unknown_command_is_told_in_one_line() -> None:
    told = simsid("treat")
    assert told.returncode == 2 and told.stderr.count("\n") == 1
    assert "simsid has no 'treat'" in told.stderr


@pytest.mark.parametrize("name", ["hub", "demo", "synth"])
@pytest.mark.parametrize("place", ["{}.py", "{}/__init__.py"])
def test_a_foreign_package_in_the_way_is_told_in_one_line(
    name: str, place: str, tmp_path: Path
) -> None:
    file = tmp_path / place.format(name)
    file.parent.mkdir(exist_ok=True)
    file.write_text("")
    told = simsid("--help", path=str(tmp_path))
    assert told.returncode == 2 and told.stderr.count("\n") == 1
    assert f"package '{name}'" in told.stderr and str(tmp_path) in told.stderr
