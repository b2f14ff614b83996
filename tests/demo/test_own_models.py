"""The operator's own models: folders that ``--model`` names, of a plugin's detector too."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import hub
from demo.launch import main
from demo.own_models import open_folders
from demo.shelf import ModelShelf
from simsid.cli import run_command
from simsid.data.image_kind import Cells
from simsid.detectors import Detector, detector_class, registry, save_model
from simsid.errors import SimsidError
from simsid.plugins import load_plugin
from simsid.scoring import score_film
from simsid.training.fit import fit
from synth import DigitAnatomy
from tests.demo.conftest import GENTLE, Page, png, start_page, stop_page
from tests.demo.test_shelf import BUNDLED, digit_model, settled
from tests.demo.warm_start import WarmStarter

PLUGIN = """
from simsid.detectors import register
from simsid.detectors.references import PixelGaussian


@register
class Mine(PixelGaussian):
    name = "page-test-plugin"
"""


def copy_of_digits(folder: Path) -> Path:
    return Path(shutil.copytree(hub.BUNDLED_FOLDER / "digitanatomy", folder))


def refused(folder: Path) -> str:
    """The one sentence that the operator reads."""
    with pytest.raises(SimsidError) as caught:
        open_folders([str(folder)])
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "page_test_plugin.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture(scope="module")
def mine(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Detector]:
    """A run folder below 'ward-7', its model trained by the plugin's detector; and the model.

    The detector is not registered any more.
    """
    source = DigitAnatomy()
    films = np.stack([source.sample("train", "normal", index).image for index in range(48)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_DETECTORS", dict(registry._DETECTORS))
        load_plugin(plugin)
        cls = detector_class("page-test-plugin")
        detector = cls(cls.config_class.preset("quick", (96, 96), Cells((3, 3))))
        fit(detector, films, epochs=1, batch_size=16, device="cpu")
    del sys.modules["simsid_plugin_page_test_plugin"]
    run = tmp_path_factory.mktemp("ward-7") / "mine-0"
    save_model(detector, run / "model")
    return run, detector


@pytest.fixture(scope="module")
def own_page(
    starter: WarmStarter, mine, plugin: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A page for a model of the plugin's and a copy of the bundled digits."""
    folder = tmp_path_factory.mktemp("own-page")
    digits = copy_of_digits(mine[0].parent / "digits")
    models = ("--model", str(mine[0]), "--model", str(digits))
    running = start_page(folder, *models, "--plugin", str(plugin), starter=starter)
    yield running
    stop_page(running)


def test_visitors_read_a_folders_name_made_unique_and_no_path(tmp_path: Path) -> None:
    given = ["here/digits", "there/digits", "runs/first/model", "runs/<b>: x"]
    folders = [copy_of_digits(tmp_path / name) for name in given]
    folders += [tmp_path / "runs" / "first" / "model", tmp_path / "there" / ".." / "here/digits"]
    assert list(open_folders([str(folder) for folder in folders])) == [
        "digits",
        "digits-2",
        "first",
        "_b__ x",
    ]


def test_own_models_come_first_and_bundled_ones_stay(tmp_path: Path) -> None:
    folder = copy_of_digits(tmp_path / "digits")
    (folder / "README.md").unlink()
    own = open_folders([str(folder)])
    assert ModelShelf(own=own).names() == ["digits", *BUNDLED]
    shelf = settled(ModelShelf(("me/digits", BUNDLED[1]), digit_model, own=own))
    assert shelf.names() == ["digits", "me/digits", BUNDLED[1]] and shelf.default == "digits"
    assert shelf.commit("digits") is None and not shelf.detector("digits").training
    assert shelf.description("digits") == "digits (digits, no films)"
    assert "no card" in shelf.card("digits")
    assert [line.partition(":")[0] for line in shelf.lines()] == ["me/digits@abcdef1"]


def test_a_folder_without_a_model_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "stopped").mkdir()
    (tmp_path / "stopped" / "checkpoint.pt").touch()
    assert "stopped is not finished; go on with: python -m simsid.train" in refused(
        tmp_path / "stopped"
    )
    assert "no model folder at" in refused(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "holds no model" in refused(tmp_path / "empty")


def test_a_folder_is_checked_as_a_download_is(tmp_path: Path) -> None:
    folder = copy_of_digits(tmp_path / "run" / "model")
    (folder / "optimiser.pkl").touch()
    assert "can run code" in refused(folder)
    (folder / "optimiser.pkl").unlink()
    (folder / "SHA256SUMS").write_text("no sums")
    assert "not a list of sha256 sums" in refused(folder)
    (folder / "SHA256SUMS").unlink()
    described = json.loads((folder / "config.json").read_text())
    described["config"]["num_slots"] *= 2
    (folder / "config.json").write_text(json.dumps(described))
    assert "has shape" in refused(folder)


def test_a_model_that_cannot_score_is_told(tmp_path: Path, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such layer")

    monkeypatch.setattr("demo.own_models.score_film", broken)
    told = refused(copy_of_digits(tmp_path / "digits"))
    assert "cannot score a film: RuntimeError: no such layer" in told


def test_a_model_of_an_unknown_detector_asks_for_the_plugin(mine) -> None:
    told = refused(mine[0])
    assert "'page-test-plugin'" in told and told.endswith("--plugin FILE.py")


@pytest.mark.parametrize("option", ["--model", "--plugin"])
def test_what_cannot_be_opened_ends_the_start_with_exit_code_2(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("SIMSID_MODELS", "")
    assert run_command(lambda: main([option, str(tmp_path / "nowhere")])) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {option} ") and said.err.count("\n") == 1


@pytest.mark.slow
def test_a_plugins_model_is_scored_by_the_page(own_page: Page, mine, digits, tmp_path) -> None:
    gradio_client = pytest.importorskip("gradio_client")
    client = gradio_client.Client(own_page.url, **GENTLE)
    (tmp_path / "film.png").write_bytes(png(digits["novel"]))
    film = gradio_client.handle_file(str(tmp_path / "film.png"))
    assert client.predict(film, api_name="/score")["model"] == "digits"  # it fits better there
    answer = client.predict(film, "mine-0", api_name="/score")
    assert (answer["status"], answer["model"], answer["commit"]) == ("ok", "mine-0", None)
    assert abs(answer["score"] - score_film(mine[1], digits["novel"]).score) < 1e-6
    answer = client.predict(film, "digits", api_name="/score")
    expected = score_film(hub.load(BUNDLED[0]), digits["novel"]).score
    assert answer["model"] == "digits" and abs(answer["score"] - expected) < 1e-6
    with pytest.raises(Exception, match="no such model here; choose one of: mine-0, digits, "):
        client.predict(film, str(mine[0]), api_name="/score")


@pytest.mark.slow
def test_no_door_tells_where_a_model_lies(own_page: Page, mine) -> None:
    for path in ("", "config", "gradio_api/info", "gradio_api/mcp/schema"):
        with urllib.request.urlopen(own_page.url + path, timeout=60) as answer:
            text = answer.read().decode()
        assert "ward-7" not in text, path
        assert path.startswith("gradio_api") or "mine-0" in text, path
    assert "ward-7" not in own_page.log.read_text()


@pytest.mark.slow
def test_the_page_opens_on_the_first_own_model(visits, own_page: Page) -> None:
    visit = visits.open(own_page.url, "#model input")
    assert visit.input_value("#model input") == "mine-0"
