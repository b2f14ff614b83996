"""The page in a real browser, as a visitor uses it: needs Chromium and Playwright."""

from __future__ import annotations

import base64
import csv
import re
from pathlib import Path

import pytest

from tests.demo.conftest import Page, png, uploads_in


def drop(tab, *files: tuple[str, bytes]) -> None:
    payload = [{"name": n, "mimeType": "application/octet-stream", "buffer": c} for n, c in files]
    tab.set_input_files("#upload input[type=file]", payload)


def test_an_example_shows_verdict_map_and_reasons(tab) -> None:
    assert "not a medical device" in tab.inner_text("#notice")
    tab.click("#example-novel")
    tab.wait_for_selector("#why figure")
    assert "Unusual" in tab.inner_text("#verdict") and "5 %" in tab.inner_text("#verdict")
    assert tab.locator("#verdict svg.histogram.wide").get_attribute("aria-label")
    unnamed = "[...document.querySelectorAll('#details img')].filter(i => !i.alt).length"
    tab.wait_for_function(f"{unnamed} === 0")
    moved = "document.querySelector('.map-layer').style.opacity"
    tab.locator("#map input[type=range]").fill("20")
    assert tab.evaluate(moved) == "0.2"


def test_a_click_on_a_region_says_why(tab) -> None:
    tab.click("#example-novel")
    tab.wait_for_selector("#why figure")
    picture = tab.locator("#regions img")
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    tab.wait_for_function("document.querySelector('#why').innerText.includes('row 2, column 2')")


def test_an_upload_scores_and_a_bad_file_is_refused(tab, digits: dict) -> None:
    drop(tab, ("film.png", png(digits["normal"])))
    tab.wait_for_selector("#verdict .nothing-unusual-found")
    drop(tab, ("film.dcm", b"no film"))
    tab.wait_for_selector("#verdict .refused")
    assert "Not scored" in tab.inner_text("#verdict") and "Export" in tab.inner_text("#verdict")
    assert tab.locator("#details").is_hidden()


def test_many_films_make_a_table_and_files_to_take_away(tab, digits: dict, page: Page) -> None:
    before = uploads_in(page.temp)  # of other tests of this page
    drop(tab, *((f"DOEJANE-{k}.png", png(v)) for k, v in digits.items()), ('=x "ä", 1.png', b"bad"))
    tab.wait_for_selector("#links a")
    sent = tab.locator("#links a").first.get_attribute("href").partition("base64,")[2]
    assert b"DOEJANE" not in base64.b64decode(sent)
    with tab.expect_download() as caught:
        tab.locator("#links a").first.click()
    lines = Path(caught.value.path()).read_text("utf-8").splitlines()
    assert len(lines) == 7
    names = [row["name"] for row in csv.DictReader(lines)]
    assert names == [*(f"DOEJANE-{kind}.png" for kind in digits), './=x "ä", 1.png']  # no formula
    *_, last = csv.DictReader(lines)
    told = {name: value for name, value in last.items() if value}
    assert set(told) == {"film", "name", "status", "message", "model"}, told
    assert told["film"] == "6" and told["status"] == "not_an_image"
    tab.locator("#table tbody tr").first.click()
    tab.wait_for_selector("#verdict .nothing-unusual-found")
    assert "DOEJANE" not in page.log.read_text()
    assert uploads_in(page.temp) <= before


def test_an_anatomy_built_by_hand_is_scored_at_once_and_taken_away(tab) -> None:
    tab.get_by_role("tab", name="DigitAnatomy").click()
    tab.wait_for_selector("#digit-result .nothing-unusual-found")
    tab.locator("#cell-4 input").click()
    tab.get_by_role("option", name="7").click()
    tab.wait_for_selector("#digit-result .unusual")
    assert "shows a 7 where a 5 belongs" in tab.inner_text("#digit-result")
    tab.click("#make")
    tab.wait_for_selector("#test-set a")
    with tab.expect_download() as caught:
        tab.click("#test-set a")
    assert Path(caught.value.path()).read_bytes()[:2] == b"PK"


def test_about_names_card_limits_and_version(tab) -> None:
    tab.get_by_role("tab", name="About").click()
    assert "commit" in tab.inner_text("#about") and "AUROC" in tab.inner_text("#card")


def test_the_page_fits_a_phone_and_follows_dark_mode(tab, page: Page) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(f"{page.url}?__theme=dark")
    tab.click("#example-missing")
    tab.wait_for_selector("#why figure")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.locator("footer .divider:visible").count() == 0  # a dot before the only link
    colour = tab.evaluate("getComputedStyle(document.querySelector('#verdict h2')).color")
    assert min(int(part) for part in re.findall(r"\d+", colour)[:3]) > 180  # light on dark


def wait_for_text(tab, place: str, text: str) -> None:
    tab.wait_for_function(f"document.querySelector('{place}').innerText.includes('{text}')")


def choose_model(tab, name: str) -> None:
    tab.click("#model input")
    tab.get_by_role("option", name=name).click()


@pytest.mark.slow
def test_another_model_says_why_there_are_no_examples_and_signs_its_verdicts(tab, digits) -> None:
    tab.click("#example-novel")
    tab.wait_for_selector("#verdict .unusual")
    wait_for_text(tab, "#verdict", "Model: bundled:digitanatomy")
    choose_model(tab, "bundled:zhanglab")
    tab.wait_for_selector("#phantoms:visible")
    assert "no films of patients" in tab.inner_text("#phantoms")
    tab.wait_for_selector("#examples", state="hidden")
    tab.wait_for_selector("#verdict .refused")  # scored again: digits are out of place there
    wait_for_text(tab, "#verdict", "it looks more like the films of bundled:digitanatomy")
    drop(tab, ("film.png", png(digits["normal"])))
    tab.wait_for_function("document.querySelector('#verdict').innerText.includes('zhanglab')")
    assert tab.locator("#verdict .refused").is_visible()  # digits are out of place there
    assert tab.locator("#other-model").is_hidden()
    choose_model(tab, "bundled:digitanatomy")
    tab.wait_for_selector("#examples:visible")
    tab.wait_for_selector("#phantoms", state="hidden")
    tab.click("#example-normal")
    tab.wait_for_selector("#verdict .nothing-unusual-found")
    wait_for_text(tab, "#verdict", "Model: bundled:digitanatomy")


@pytest.mark.slow
def test_a_model_of_the_hub_shows_its_progress_and_takes_over(visits, hub_page) -> None:
    page, server, commit = hub_page
    label = f"me/digits@{commit[:7]}"
    both = [visits.open(page.url, "#model-status p") for _ in range(2)]
    for visit in both:
        assert visit.input_value("#model input").startswith("bundled:digitanatomy (digits")
    follows, stays = both
    said = "document.querySelector('#model-status [aria-live]').innerText.includes('{}')"
    follows.wait_for_function(said.format(" % of 2.8 MB"))
    choose_model(stays, "bundled:zhanglab")
    server.pace = 0.0
    for visit in both:
        visit.wait_for_function(said.format(f"{label}: ready"))
        visit.wait_for_function(said.format("me/none: there is no repository"))
    assert follows.input_value("#model input").startswith(label)
    assert stays.input_value("#model input").startswith("bundled:zhanglab (chest films of children")
    choose_model(stays, label)
    stays.wait_for_selector("#examples:visible")
    stays.click("#example-novel")
    stays.wait_for_selector("#verdict .unusual")
    assert f"Model: {label}" in stays.inner_text("#verdict")
    stays.get_by_role("tab", name="About").click()
    stays.wait_for_function(f"document.querySelector('#card').innerText.includes('{commit}')")
    stays.goto(page.url)
    chosen = f"document.querySelector('#model input')?.value.startsWith('{label}')"
    stays.wait_for_function(chosen)
