"""``--plugin FILE.py`` before a subcommand and after it: models of a detector of one's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.__main__ import main
from simsid.cli import run_command
from simsid.detectors import registry

PLUGIN = """
from simsid.detectors import register
from simsid.detectors.simsid import SimSID


@register
class Mine(SimSID):
    name = "hub-test-plugin"
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(registry, "_DETECTORS", dict(registry._DETECTORS))
    path = tmp_path / "hub_test_plugin.py"
    path.write_text(PLUGIN)
    yield str(path)
    sys.modules.pop("simsid_plugin_hub_test_plugin", None)


@pytest.fixture
def mine(folder) -> str:
    """A model folder of the plugin's detector."""
    described = json.loads((folder / "config.json").read_text())
    described["detector"] = "hub-test-plugin"
    (folder / "config.json").write_text(json.dumps(described))
    return str(folder)


def run(*arguments: str) -> int:
    return run_command(lambda: main(list(arguments)))


def test_without_the_plugin_its_model_is_not_opened(mine, capsys):
    assert run("verify", mine) == 2
    assert "--plugin FILE.py" in capsys.readouterr().err


@pytest.mark.parametrize("place", [0, 1, 2])
def test_verify_takes_a_plugin_in_any_place(mine, plugin, place, capsys):
    words = ["verify", mine]
    assert run(*words[:place], "--plugin", plugin, *words[place:]) == 0
    assert "ok: hub-test-plugin" in capsys.readouterr().out


def test_a_plugins_model_is_pushed_and_pulled(server, mine, plugin, tmp_path, capsys):
    assert run("push", mine, "me/mine", "--plugin", plugin) == 0
    copy = tmp_path / "copy"
    assert run("pull", "me/mine", "--out", str(copy), "--plugin", plugin) == 0
    assert (copy / "config.json").read_bytes() == (Path(mine) / "config.json").read_bytes()
    assert "hub.load" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["list"], ["deploy-space", "me/films", "--dry-run"]])
def test_every_subcommand_takes_a_plugin(server, plugin, words):
    assert run(*words, "--plugin", plugin) == 0
    assert "hub-test-plugin" in registry.detector_names()


def test_a_wrong_plugin_is_refused_in_a_sentence(mine, tmp_path, capsys):
    assert run("verify", mine, "--plugin", str(tmp_path / "nowhere.py")) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --plugin needs a Python file") and error.count("\n") == 1
