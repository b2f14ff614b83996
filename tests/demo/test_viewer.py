"""The film at full size, its map over it, window and level, by keys too; the threshold slider."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.demo.conftest import png, uploads_in
from tests.demo.test_browser import drop, wait_for_text
from tests.demo.test_one_score import chest

OPEN = "window.filmViewer?.world.getItemCount() === 1 && !!document.querySelector('#viewer-map')"
SLOPE = "+document.querySelector('#viewer feFuncR').getAttribute('slope')"


def test_a_film_opens_at_its_full_size_and_leaves_nothing_behind(tab, page) -> None:
    before = uploads_in(page.temp)  # of other tests of this page
    drop(tab, ("film.png", png(chest(0))))
    wait_for_text(tab, "#verdict", "bundled:chest")
    tab.click(".full-open")
    tab.wait_for_function(OPEN)
    wait_for_text(tab, "#viewer-size", "720 x 640 px")
    assert uploads_in(page.temp) <= before
    ratio = "(() => { const r = document.querySelector('#viewer-map').getBoundingClientRect();" \
        " return r.width / r.height; })()"  # fmt: skip
    assert abs(tab.evaluate(ratio) - 720 / 640) < 0.02
    zoom = "window.filmViewer.viewport.getZoom(false)"
    tab.wait_for_timeout(500)
    before = tab.evaluate(zoom)
    tab.keyboard.press("+")
    assert tab.evaluate(zoom) > before
    tab.keyboard.press("[")
    assert tab.evaluate(SLOPE) > 1
    tab.keyboard.press("m")
    assert tab.evaluate("document.querySelector('#viewer-map').style.opacity") == "0"
    tab.keyboard.press("i")
    assert tab.evaluate(SLOPE) < 0
    tab.keyboard.press("0")
    assert tab.evaluate(SLOPE) == 1
    tab.keyboard.press("Escape")
    tab.wait_for_function("!document.querySelector('#viewer').open")


def test_an_example_opens_without_a_file(tab) -> None:
    tab.click("#example-novel")
    tab.wait_for_selector("#why figure")
    tab.click(".full-open")
    tab.wait_for_function(OPEN)
    wait_for_text(tab, "#viewer-size", "96 x 96 px")


@pytest.mark.slow
def test_a_film_of_many_opens_as_that_film(tab, digits) -> None:
    large = np.kron(digits["novel"], np.ones((3, 3), np.uint8))
    file = io.BytesIO()
    Image.fromarray(large).save(file, "TIFF")
    drop(tab, ("a.png", png(digits["normal"])), ("b.tif", file.getvalue()))
    tab.locator("#table tbody tr").nth(1).click()
    wait_for_text(tab, "#verdict", "Film 2 of 2")
    tab.click(".full-open")
    wait_for_text_of(tab, "288 x 288 px")


def wait_for_text_of(tab, text: str) -> None:
    tab.wait_for_function(OPEN)
    wait_for_text(tab, "#viewer-size", text)


@pytest.mark.slow
def test_the_threshold_slider_counts_false_alarms(tab) -> None:
    tab.click("#example-normal")
    tab.wait_for_selector("#verdict .nothing-unusual-found")
    slider = tab.locator("#verdict .try-threshold input")
    slider.evaluate(
        "(e) => { e.value = e.min; e.dispatchEvent(new Event('input', {bubbles: true})) }"
    )
    said = tab.inner_text("#verdict output")
    assert "199 of 200" in said and "this film would be" in said
    assert "Nothing unusual found" in tab.inner_text("#verdict h2")
    slider.evaluate(
        "(e) => { e.value = e.max; e.dispatchEvent(new Event('input', {bubbles: true})) }"
    )
    assert "would not be" in tab.inner_text("#verdict output")
