"""Models that arrive while the page is open: progress, failures, further tries, names."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hub
from demo.inference import Inference
from demo.launch import main
from demo.model_list import named_models
from demo.model_picker import ModelPicker
from demo.shelf import ModelShelf
from hub.errors import CORRUPT, GATED, NO_NETWORK, HubError
from simsid.cli import run_command
from simsid.errors import ModelFolderError, SimsidError
from simsid.scoring import score_film
from tests.demo.conftest import GENTLE, ROOT, png
from tests.waiting import wait_until

COMMIT = "abcdef1" + "0" * 33
BUNDLED = ["bundled:digitanatomy", "bundled:chest", "bundled:zhanglab"]


def digit_model(name: str, progress: Callable | None = None) -> hub.verify.Verified:
    """Stands in for ``hub.open_verified``: the bundled model, as if it came from the Hub."""
    verified = hub.open_verified("bundled:digitanatomy")
    if progress is not None:
        progress(verified.sizes["model.safetensors"], sum(verified.sizes.values()))
        verified.detector.facts["hub"] = {"repository": name, "commit": COMMIT}
    return verified


class Failing:
    """Fails as told, once for each error, before the model comes."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.asked = list(errors), 0

    def __call__(self, name: str, progress: Callable) -> hub.verify.Verified:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return digit_model(name, progress)


def settled(shelf: ModelShelf) -> ModelShelf:
    """The shelf once nothing is awaited any more."""
    shelf.start()
    wait_until(lambda: shelf.pause is None)
    return shelf


def test_names_are_taken_between_commas_and_spaces() -> None:
    assert named_models("") == named_models(" , ") == ()
    wanted = ("me/digits", "me/chest@v1", "bundled:zhanglab")
    assert named_models("me/digits, me/chest@v1\nbundled:zhanglab,me/digits") == wanted


@pytest.mark.parametrize(
    "text",
    ["digits", "../etc/passwd", "me/x@../y", "bundled:nothing", "bundled:../x", "tests/demo"],
)
def test_a_wrong_name_is_refused_in_a_sentence(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(SimsidError, match="SIMSID_MODELS: ") as caught:
        named_models(f"me/digits {text}")
    assert "\n" not in str(caught.value)


def test_a_wrong_name_ends_the_start_with_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("SIMSID_MODELS", "nonsense")
    assert run_command(lambda: main([])) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: SIMSID_MODELS: 'nonsense'")
    assert said.err.count("\n") == 1


def test_bundled_models_are_there_at_once_and_limited_by_being_named() -> None:
    assert ModelShelf().names() == BUNDLED and ModelShelf().pause is None
    assert ModelShelf(("me/digits",)).names() == BUNDLED
    assert ModelShelf(("me/digits", "bundled:zhanglab")).names() == ["bundled:zhanglab"]


def test_a_model_of_the_hub_takes_its_place_with_its_commit() -> None:
    shelf = settled(ModelShelf(("me/digits@main",), digit_model))
    assert shelf.names() == ["me/digits@main", *BUNDLED]
    assert shelf.label("me/digits@main") == "me/digits@abcdef1"
    assert shelf.lines() == ["me/digits@abcdef1: ready"]
    assert COMMIT in shelf.card("me/digits@main") and "AUROC" in shelf.card("me/digits@main")
    assert shelf.default == "bundled:digitanatomy"
    assert not shelf.detector("me/digits@main").training


def test_results_name_the_model_and_its_commit() -> None:
    inference = Inference(settled(ModelShelf(("me/digits",), digit_model)))
    image = np.zeros((96, 96), np.uint8)
    refused = inference.score_array(image, "me/digits")
    assert refused.status != "ok"
    image[20:70, 40:50] = 255
    for result in (refused, inference.score_array(image, "me/digits")):
        assert (result.model, result.commit) == ("me/digits", COMMIT)
    assert inference.score_array(image, BUNDLED[0]).commit is None
    inference.close()


def test_progress_is_told_in_words() -> None:
    seen = []

    def slow(name: str, progress: Callable) -> hub.verify.Verified:
        for come in (0, 1_935_000, 4_500_000):
            progress(come, 4_500_000)
            seen.extend(shelf.lines())
        return digit_model(name, progress)

    shelf = ModelShelf(("me/digits",), slow)
    assert shelf.lines() == ["me/digits: waiting"] and shelf.pause == 0
    settled(shelf)
    said = ("0 % of 4.5 MB", "43 % of 4.5 MB", "being checked")
    assert seen == [f"me/digits: {words}" for words in said]


def test_a_failure_of_the_network_is_tried_again_after_growing_pauses() -> None:
    fetch = Failing(*(HubError(NO_NETWORK, "the Hub cannot be reached") for _ in range(3)))
    shelf = ModelShelf(("me/digits",), fetch, pauses=(0.01, 0.02))
    assert settled(shelf).names()[0] == "me/digits" and fetch.asked == 4


def test_while_waiting_for_the_next_try_the_reason_stands_there() -> None:
    fetch = Failing(HubError(NO_NETWORK, "the Hub cannot be reached"))
    shelf = ModelShelf(("me/digits",), fetch, pauses=(60.0,))
    shelf.start()
    wait_until(lambda: shelf.pause)
    assert shelf.lines() == ["me/digits: the Hub cannot be reached; the next try is within 60 s"]
    with pytest.raises(ModelFolderError, match="me/digits is not here: the Hub cannot"):
        shelf.detector("me/digits")
    shelf.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (HubError(GATED, "me/digits is gated: ask for access"), "is gated"),
        (HubError(CORRUPT, "/home/x/cache/model.safetensors is corrupt"), "not used"),
        (ModelFolderError("/home/x/cache/config.json has format 99"), "another version"),
        (RuntimeError("/home/x"), "cannot be opened (RuntimeError)"),
    ],
)
def test_a_model_that_is_not_believed_leaves_a_reason_without_paths(
    error: Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    fetch = Failing(error)
    shelf = settled(ModelShelf(("me/digits",), fetch))
    (line,) = shelf.lines()
    assert words in line and fetch.asked == 1 and shelf.names() == BUNDLED
    assert "/home" not in line + caplog.text and "Traceback" not in caplog.text


def test_a_model_that_cannot_score_is_not_offered() -> None:
    def broken(name: str, progress: Callable) -> hub.verify.Verified:
        verified = digit_model(name, progress)
        verified.detector.calibration = None
        return verified

    assert settled(ModelShelf(("me/digits",), broken)).names() == BUNDLED


def test_the_picker_follows_the_shelf_unless_a_visitor_chose() -> None:
    gradio = pytest.importorskip("gradio")
    with gradio.Blocks():
        picker = ModelPicker(ModelShelf(("me/digits",), digit_model))
    model, status, timer, shown = picker.look(False, BUNDLED)
    assert "value" not in model and "waiting" in status and timer.active and shown == BUNDLED
    settled(picker.shelf)
    model, status, timer, shown = picker.look(False, shown)
    assert model["value"] == "me/digits" and not timer.active and "ready" in status
    assert model["choices"][0] == ("me/digits@abcdef1 (digits, no films)", "me/digits")
    by_hand = picker.look(True, BUNDLED)[0]
    assert "value" not in by_hand and len(by_hand["choices"]) == 1 + len(BUNDLED)


def test_what_the_hub_says_is_text_on_the_page() -> None:
    gradio = pytest.importorskip("gradio")
    fetch = Failing(HubError(GATED, "<script>"))
    with gradio.Blocks():
        picker = ModelPicker(settled(ModelShelf(("me/digits",), fetch)))
    assert "<script>" not in picker.look(False, BUNDLED)[1]


@pytest.mark.slow
def test_a_model_of_the_hub_arrives_on_an_open_page(hub_page, digits: dict, tmp_path: Path) -> None:
    gradio_client = pytest.importorskip("gradio_client")
    page, server, commit = hub_page
    (tmp_path / "film.png").write_bytes(png(digits["novel"]))
    film = gradio_client.handle_file(str(tmp_path / "film.png"))
    client = gradio_client.Client(page.url, **GENTLE)
    assert client.predict(film, api_name="/score")["model"] == BUNDLED[0]
    server.pace = 0.0
    answer = when_it_is_there(client, film)
    expected = score_film(hub.load(BUNDLED[0]), digits["novel"])
    assert (answer["model"], answer["commit"]) == ("me/digits", commit)
    assert abs(answer["score"] - expected.score) < 1e-6
    why = client.predict(film, 0, 0, "me/digits", api_name="/explain")
    assert (why["model"], why["commit"]) == ("me/digits", commit)
    check_that_the_log_says_what_is_missing_and_no_more(page.log)


def check_that_the_log_says_what_is_missing_and_no_more(log: Path) -> None:
    wait_until(lambda: "me/none" in log.read_text())
    text = log.read_text()
    assert "me/none: there is no repository me/none on the Hub" in text
    assert "Traceback" not in text and str(log.parent) not in text and "hf_secret" not in text


def when_it_is_there(client: object, film: dict) -> dict:
    """The answer of ``me/digits``; until it has come one is refused in a sentence."""
    for _ in range(300):
        try:
            return client.predict(film, "me/digits", api_name="/score")
        except Exception as error:
            assert "me/digits is not here: " in str(error)
            time.sleep(0.2)
    raise AssertionError("the model did not come")


def test_a_damaged_bundled_model_is_told_without_its_folder() -> None:
    def damaged(name: str, **_: object) -> None:
        raise ModelFolderError("/srv/kit/hub/bundled/digitanatomy/model.safetensors is damaged")

    shelf = ModelShelf(open_model=damaged)
    with pytest.raises(ModelFolderError) as caught:
        shelf.detector(shelf.default)
    assert "/srv" not in str(caught.value) and shelf.default in str(caught.value)
