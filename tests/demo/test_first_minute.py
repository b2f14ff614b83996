"""A dropped film goes to the model it belongs to; own normals; names that never leave the browser."""

from __future__ import annotations

import re

import numpy as np
import pytest

from demo.kept import Fit, belongs_to, majority
from demo.phantoms import phantoms
from demo.uploads import drop_of
from tests.demo.conftest import png
from tests.demo.test_browser import choose_model, drop, wait_for_text
from tests.demo.test_one_score import chest

BUNDLED = ["bundled:digits", "bundled:chest", "bundled:children"]
NAME = "ZZDOEJANEZZ"


def test_a_film_in_place_is_preferred_to_one_out_of_place() -> None:
    fits = {BUNDLED[0]: Fit(0, None, -3.0), BUNDLED[1]: Fit(2, 2.5, 4.0)}
    assert belongs_to(fits, BUNDLED) == BUNDLED[0]


def test_a_model_that_knows_its_populations_has_looked_more_closely() -> None:
    fits = {BUNDLED[0]: Fit(0, None, -9.0), BUNDLED[1]: Fit(0, 0.3, 0.0)}
    assert belongs_to(fits, BUNDLED) == BUNDLED[1]
    lateral = {BUNDLED[1]: Fit(0, 1.2, 0.0), BUNDLED[2]: Fit(0, None, -9.0)}
    assert belongs_to(lateral, BUNDLED) == BUNDLED[1]


def test_the_operators_model_comes_before_bundled_ones_unless_the_film_is_not_of_it() -> None:
    theirs = Fit(0, 0.1, 0.0)
    assert belongs_to({"ours": Fit(0, None, 0.0), BUNDLED[1]: theirs}, BUNDLED) == "ours"
    for strange in (Fit(1, None, 0.0), Fit(2, 0.2, 0.0), Fit(0, 1.3, 0.0)):
        assert belongs_to({"ours": strange, BUNDLED[1]: theirs}, BUNDLED) == BUNDLED[1]


def test_most_films_choose_and_unread_ones_do_not() -> None:
    assert majority([None, "a", "b", "b", None, None]) == "b"
    assert majority([None, None]) is None and belongs_to({}, BUNDLED) is None


def film(seed: int) -> tuple[str, bytes]:
    return f"{NAME}-{seed}.png", png(chest(seed))


def test_the_first_film_goes_to_the_chest_model_and_is_scored_again_by_another(tab) -> None:
    assert tab.input_value("#model input").startswith("bundled:digitanatomy")
    drop(tab, film(0))
    wait_for_text(tab, "#verdict", "Model: bundled:chest")
    wait_for_text(tab, "#verdict", "Chosen by the film")
    assert tab.input_value("#model input").startswith("bundled:chest")
    choose_model(tab, "bundled:zhanglab")
    wait_for_text(tab, "#verdict", "Model: bundled:zhanglab")
    assert not tab.locator("#auto input").is_checked()
    drop(tab, film(1))  # the visitor has chosen: it stays
    tab.wait_for_timeout(1500)
    wait_for_text(tab, "#verdict", "Model: bundled:zhanglab")
    tab.locator("#auto input").check()
    tab.click("#example-novel")
    wait_for_text(tab, "#verdict", "Model: bundled:digitanatomy")


def test_a_chest_phantom_goes_to_the_chest_model_and_is_called_one(tab) -> None:
    wait_for_text(tab, "#phantoms", "drawn by code")
    tab.click("#example-opacity")
    wait_for_text(tab, "#verdict", "Model: bundled:chest")
    wait_for_text(tab, "#verdict", "this is a phantom, drawn by code: no patient was there")
    assert tab.input_value("#model input").startswith("bundled:chest")
    tab.click("#judge-as input")
    tab.get_by_role("option", name="zhanglab").click()
    wait_for_text(tab, "#verdict", "It is judged as zhanglab")
    choose_model(tab, "bundled:zhanglab")
    wait_for_text(tab, "#verdict", "Model: bundled:zhanglab")
    wait_for_text(tab, "#verdict", "this is a phantom")  # scored again, it still is one
    tab.wait_for_selector("#judge-as", state="hidden")


def test_on_a_phone_the_verdict_is_led_to(visits, page) -> None:
    visit = visits.open(page.url, width=390, height=844)
    visit.click("#example-plain")
    visit.wait_for_selector("#verdict section")
    visit.wait_for_function(
        "Math.abs(document.querySelector('#verdict').getBoundingClientRect().top) < 60"
    )


def test_names_are_shown_and_never_leave_the_browser(tab, page, digits) -> None:
    sent: list[bytes] = []
    tab.on("request", lambda request: sent.append(request.post_data_buffer or b""))
    drop(tab, *((f"{NAME}-{kind}.png", png(image)) for kind, image in digits.items()))
    tab.wait_for_selector("#table tbody tr")
    wait_for_text(tab, "#table", f"{NAME}-novel.png")
    assert NAME in tab.inner_text("#verdict")
    assert any(re.search(rb"film-1-[0-9a-f]{12}\.png", body) for body in sent)
    assert not any(NAME.encode() in body for body in sent)
    assert NAME not in page.log.read_text()
    tab.click("#example-novel")  # what is shown now has no name
    tab.wait_for_function(f"!document.querySelector('#verdict').innerText.includes('{NAME}')")


@pytest.mark.slow
def test_a_drop_by_mouse_hides_names_too(tab, digits) -> None:
    sent: list[bytes] = []
    tab.on("request", lambda request: sent.append(request.post_data_buffer or b""))
    held = tab.evaluate_handle(
        """([name, bytes]) => {
          const held = new DataTransfer();
          held.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
          return held;
        }""",
        [f"{NAME}.png", list(png(digits["novel"]))],
    )
    tab.dispatch_event("#upload button", "drop", {"dataTransfer": held})
    wait_for_text(tab, "#verdict", f"{NAME}.png")
    assert not any(NAME.encode() in body for body in sent)


@pytest.mark.slow
def test_the_table_sorts_filters_and_opens_a_film(tab, digits) -> None:
    films = [(f"{n}.png", png(image)) for n in range(3) for image in digits.values()]
    drop(tab, *films)
    tab.wait_for_selector("#table tbody tr")
    box = tab.locator(".films-scroll").bounding_box()
    row = tab.locator("#table tbody tr").first.bounding_box()
    assert (box["height"] - 40) / row["height"] >= 12
    tab.locator("#table th button", has_text="score").click()
    column = "[...document.querySelectorAll('#table tbody tr')].map(r => +r.cells[3].dataset.value)"
    scores = tab.evaluate(column)
    assert scores == sorted(scores)
    tab.locator("#table th button", has_text="score").click()
    assert tab.evaluate(column) == sorted(scores, reverse=True)
    tab.select_option("#table select", "Nothing unusual found")
    assert 0 < tab.locator("#table tbody tr:visible").count() < len(films)
    tab.locator("#table tbody tr:visible").first.click()
    wait_for_text(tab, "#verdict", "Nothing unusual found")
    together = tab.inner_text("#together")
    assert "No difference from the calibration normals was shown" in together or "Note" in together


def test_the_table_fits_and_a_long_name_keeps_its_end(tab, digits) -> None:
    long = "patient-chest-erect-posteroanterior-2024-{:04d}.png"
    films = [(long.format(n), png(image)) for n, image in enumerate(digits.values())]
    drop(tab, *films, (long.format(99), b"bad"), ("strange.png", png(chest(0))))
    tab.wait_for_selector("#table tbody tr")
    wait_for_text(tab, "#table", "024-0001.png")
    name = tab.locator("#table td.film-name").nth(1)
    assert name.inner_text() == "patient-c…024-0001.png"
    assert name.get_attribute("title") == long.format(1)
    heads = tab.locator("#table th").all_inner_texts()
    assert heads[1].startswith("verdict") and heads[-1].startswith("note")
    cut = "(e => e.scrollWidth - e.clientWidth)(document.querySelector('.films-scroll'))"
    assert tab.evaluate(cut) <= 0
    tab.set_viewport_size({"width": 390, "height": 844})
    assert tab.evaluate(cut) <= 0
    assert tab.locator("#table th:visible").nth(1).inner_text().startswith("verdict")
    menu = tab.locator("#table select").bounding_box()
    assert menu["x"] >= 0 and menu["x"] + menu["width"] <= 390
    assert tab.locator("#table .phone-only").is_visible()


@pytest.mark.slow
def test_no_progress_line_shows_a_raw_key(tab, digits) -> None:
    tab.evaluate(
        """() => { window.seen = ""; new MutationObserver(() => window.seen += document.body.innerText
          + [...document.querySelectorAll('[aria-live]')].map(e => e.textContent).join())
          .observe(document.body, {childList: true, subtree: true, characterData: true}) }"""
    )
    drop(tab, *((f"{n}.png", png(digits["normal"])) for n in range(19)))
    tab.wait_for_selector("#table tbody tr")
    tab.wait_for_timeout(1500)
    assert "common." not in tab.evaluate("window.seen")


def normals(count: int) -> list[tuple[str, bytes]]:
    from synth import DigitAnatomy

    source = DigitAnatomy()
    films = (source.sample("test", "normal", 100 + index).image for index in range(count))
    return [(f"{index}.png", png(image)) for index, image in enumerate(films)]


def drop_normals(tab, count: int) -> None:
    files = [{"name": n, "mimeType": "image/png", "buffer": c} for n, c in normals(count)]
    tab.set_input_files("#own-upload input[type=file]", files)


@pytest.mark.slow
def test_own_normals_move_the_verdicts_of_a_visit_and_can_be_undone(tab, digits) -> None:
    tab.click("#example-novel")
    wait_for_text(tab, "#verdict", "200 normal films")
    tab.get_by_role("button", name="Own normals").click()
    drop_normals(tab, 19)
    wait_for_text(tab, "#own-said", "19 of 19 films can be used")
    wait_for_text(tab, "#own-said", "nothing was changed")
    drop_normals(tab, 24)
    wait_for_text(tab, "#own-said", "stand on your 24 normal films")
    wait_for_text(tab, "#verdict", "24 normal films")
    wait_for_text(tab, "#verdict", "recalibrated on 24 normals of your own")
    assert "before" in tab.inner_text("#own-said") and "threshold" in tab.inner_text("#own-said")
    tab.click("#own-undo")
    wait_for_text(tab, "#verdict", "200 normal films")


@pytest.fixture(scope="module")
def inference():
    from demo.inference import Inference

    made = Inference()
    yield made
    made.close()


def test_a_picture_that_no_model_takes_is_not_said_to_look_like_their_films(inference) -> None:
    from demo.score_tab import ScoreTab

    tab = ScoreTab.__new__(ScoreTab)
    tab.inference = inference
    kept = inference.keep_array(np.random.default_rng(0).random((256, 256), np.float32))
    said, *_, chosen, _ = tab._first_score([kept], "bundled:chest", True, None, "")
    assert chosen == inference.belongs_to(kept)
    assert "Not a film for this model" in said
    assert f"No model on the shelf fits this picture; {chosen}" in said
    assert "looks like those of this model" not in said
    by_hand, *_ = tab._first_score([kept], "bundled:chest", False, None, "")
    assert "No model on the shelf" not in by_hand and "Model: bundled:chest" in by_hand


def test_a_visitor_chooses_whose_normals_judge_and_the_verdict_says_so(inference) -> None:
    from demo.api import _as_json
    from demo.score_tab import ScoreTab
    from simsid.errors import SimsidError

    tab, model = ScoreTab.__new__(ScoreTab), "bundled:chest"
    tab.inference = inference
    kept = inference.keep_array(phantoms()["opacity"])
    said, *_, judges, _, _ = tab._first_score([kept], model, False, None, "")
    assert "by choice" not in said and "threshold of 2.37" in said
    assert judges["visible"] and judges["value"] == ""
    assert [name for _, name in judges["choices"]] == ["", "zhanglab", "nih"]
    said, *_, judges, _, _ = tab._first_score([kept], model, False, None, "", "zhanglab")
    assert "judged as zhanglab (chest films of children, 1 to 5 years) by choice" in said
    assert "it looks more like nih" in said and "threshold of 1.36" in said
    assert judges["value"] == "zhanglab"
    said, *_, judges, _, _ = tab._first_score([kept], model, False, None, "", "nowhere")
    assert "by choice" not in said and judges["value"] == ""
    digits = "bundled:digitanatomy"
    *_, judges, _, _ = tab._first_score([kept], digits, False, None, "", "nih")
    assert not judges["visible"]  # one population, no choice
    told = _as_json(inference.score_bytes(png(phantoms()["opacity"]), model, "zhanglab"), False)
    assert (told["judged_as"], told["looks_like"]) == ("zhanglab", "nih")
    assert told["population"] == "zhanglab" and told["threshold"] == pytest.approx(1.359, abs=1e-3)
    with pytest.raises(SimsidError, match="it has zhanglab, nih"):
        inference.score_bytes(png(phantoms()["opacity"]), model, "nowhere")


def test_own_normals_say_what_the_command_line_says_and_leave_the_model_alone(inference) -> None:
    from simsid.detectors.recalibration import recalibrate
    from simsid.scoring import score_film, score_prepared

    model = "bundled:digitanatomy"
    detector = inference.detector(model)
    films = [inference.keep_bytes(content) for _, content in normals(25)]
    own = inference.learn_normals(films, model)
    apart = recalibrate(detector, np.stack([film.images[model] for film in films]))
    for kept in films[:3]:
        image = kept.images[model]
        answer, expected = inference.score_kept(kept, model, own), score_film(apart, image)
        assert answer.film.score == pytest.approx(expected.score, abs=1e-6)
        assert answer.film.p_value == expected.p_value and answer.own_normals == 25
        assert answer.film.threshold == expected.threshold
        assert answer.film.own_normals == expected.own_normals == 25
        assert inference.score_kept(kept, model).film.num_normals == 200
    before = [score_prepared(detector, film.images[model]) for film in films]
    called = sum(film.state == "unusual" for film in before)
    assert (own.before.films, own.before.called, own.before.no_verdict) == (25, called, 0)
    assert own.before.thresholds == {"": detector.calibration.threshold("fused")}


def test_films_that_are_dropped_while_others_are_scored_give_these_no_names(tab, digits) -> None:
    films = [(kind, png(image)) for kind, image in digits.items()]
    drop(tab, *((f"first-{kind}.png", film) for kind, film in films))
    tab.wait_for_timeout(250)  # sent, and not answered yet
    drop(tab, *((f"second-{kind}.png", film) for kind, film in reversed(films)))
    tab.wait_for_selector("#table tbody tr")
    tab.wait_for_timeout(500)
    titles = tab.evaluate(
        "[...document.querySelectorAll('#table td[data-name]')].map(e => e.title)"
    )
    assert titles in (
        [f"first-{kind}.png" for kind, _ in films],
        [f"second-{kind}.png" for kind, _ in reversed(films)],
    )
    verdicts = tab.locator("#table tbody tr").all_inner_texts()
    assert ["Nothing unusual" in told for told in verdicts] == [
        "-normal" in name for name in titles
    ]


def test_a_drop_is_known_by_the_mark_of_its_films_and_by_nothing_else() -> None:
    mark = "0123456789ab"
    assert drop_of([{"orig_name": f"film-1-{mark}.png"}, {"orig_name": f"film-2-{mark}"}]) == mark
    for odd in ("film-1.png", 'film-1-"><b>0123456.png', f"{mark}.png", None):
        told = drop_of([{"orig_name": odd}])
        assert re.fullmatch("[0-9a-f]{12}", told) and told != mark
