"""The page that explains how to add a detector is true."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simsid.cli import run_command
from simsid.detectors import detector_names, load_model, registry
from simsid.errors import SimsidError
from simsid.plugins import load_plugin
from simsid.train import main

PAGE = Path(__file__).parents[3] / "docs" / "add-a-detector.md"
PLAIN = """
from simsid.detectors import register
from simsid.detectors.ae import AutoencoderDetector

@register
class Mine(AutoencoderDetector):
    name = "mine"
"""


@pytest.fixture
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_DETECTORS", dict(registry._DETECTORS))
    before = set(sys.modules)
    yield registry
    for name in set(sys.modules) - before:
        if name.startswith("simsid_plugin"):
            del sys.modules[name]


@pytest.fixture
def example(tmp_path):
    code = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(code) == 1
    path = tmp_path / "eigen.py"
    path.write_text(code[0], "utf-8")
    return path


@pytest.mark.slow
def test_the_example_of_the_page_passes_the_contract(example):
    suite = Path(__file__).with_name("test_contract.py")
    command = [sys.executable, "-m", "pytest", str(suite), "--plugin", str(example), "-k", "eigen"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PAGE.parents[1],
                          env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 20


def test_the_example_is_as_short_as_the_page_says(example):
    code = [line for line in example.read_text("utf-8").splitlines() if line.strip()]
    assert len(code) <= 45


@pytest.mark.slow
def test_a_plugin_trains_resumes_and_loads_by_its_name(example, own_registry, tmp_path, capsys):
    run = tmp_path / "run"
    data = ["--dataset", "digitanatomy", "--data-root", str(small_set(tmp_path))]
    assert main([*data, "--plugin", str(example), "--model", "eigen", "--run", str(run)]) == 0
    assert "has no use for: epochs, batch size, precision" in capsys.readouterr().out
    assert load_model(run).name == "eigen"
    assert main(["--run", str(run), "--resume", "--report", "false"]) == 0


def small_set(tmp_path):
    from synth.__main__ import main as synth

    synth(["generate", "--out", str(tmp_path / "set"), "--train", "24", "--val", "48",
           "--test-normal", "4", "--test-per-kind", "2"])  # fmt: skip
    return tmp_path / "set"


def test_a_plugin_given_twice_is_run_once(own_registry, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLAIN)
    load_plugin(path)
    load_plugin(path)
    assert own_registry.detector_class("mine").name == "mine"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "needs a Python file"),
        ("raise RuntimeError('no such network')", "no such network"),
        ("x = 1", "no class in it has @register"),
        (PLAIN.replace('"mine"', '"ae"'), "registered already"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_refused_in_a_sentence(
    own_registry, tmp_path, capsys, content, message
):
    path = tmp_path / "broken.py"
    if content is not None:
        path.write_text(content)
    assert run_command(lambda: main(["--plugin", str(path), "--model", "mine"])) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


class Point:
    """An entry point as importlib.metadata gives it."""

    name, module = "mine", "somebody.package"

    def __init__(self, load):
        self.load = load


def offer(monkeypatch, load):
    def points(group, name=None):
        return [Point(load)] if name in (None, "mine") else []

    monkeypatch.setattr(registry, "entry_points", points)


def test_a_package_offers_its_detector_by_an_entry_point(own_registry, monkeypatch, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLAIN)
    offer(monkeypatch, lambda: load_plugin(path))
    assert own_registry.detector_names()[-1] == "mine"
    assert own_registry.detector_class("mine").name == "mine"


def test_a_broken_package_is_named(own_registry, monkeypatch):
    def load():
        raise ImportError("No module named 'somebody'")

    offer(monkeypatch, load)
    with pytest.raises(SimsidError, match=r"'mine' of the package 'somebody.package'"):
        own_registry.detector_class("mine")
    with pytest.raises(SimsidError, match="unknown model 'yours'"):
        own_registry.detector_class("yours")


def test_methods_keep_their_order_whichever_is_imported_first(monkeypatch):
    names, known = detector_names(), registry._DETECTORS
    last = {name: known[name] for name in ("mean-grey", "vae")}
    monkeypatch.setattr(registry, "_DETECTORS", last | known)
    assert detector_names() == names and names[0] == "simsid"
