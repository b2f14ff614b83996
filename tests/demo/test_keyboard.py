"""The page by keyboard alone: everything is reached, named and ringed, and does what it says."""

from __future__ import annotations

import re

import pytest

from tests.demo.conftest import png
from tests.demo.test_browser import drop

# The focused element, or what stands for it on the screen, has a line around it of 2 px or more,
# of a colour that the ground does not have.
RING = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
    && style.opacity > 0.5 && style.outlineColor !== getComputedStyle(document.body).backgroundColor;
}"""
SIZE = "(() => { const r = document.activeElement.getBoundingClientRect();" \
    " return Math.min(r.width, r.height); })()"  # fmt: skip
ON_PAGE = "document.activeElement !== document.body && document.activeElement !== null"


def press(visit, *keys: str) -> None:
    for key in keys:
        visit.keyboard.press(key)


def to_top(visit) -> None:
    """Leave the page's elements, as after loading it."""
    visit.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    visit.mouse.click(2, 2)


def focused(visit, session) -> tuple[str, str]:
    """(role, accessible name) of what has the focus, as a screen reader is told."""
    found = session.send("Runtime.evaluate", {"expression": "document.activeElement"})
    wanted = {"objectId": found["result"]["objectId"], "fetchRelatives": False}
    node = session.send("Accessibility.getPartialAXTree", wanted)["nodes"][0]
    return node["role"]["value"], node.get("name", {}).get("value", "")


def walk(visit) -> list[tuple[str, str]]:
    """Tab from the top to the end; every stop must be visible, ringed and named."""
    session, stops = visit.context.new_cdp_session(visit), []
    to_top(visit)
    for _ in range(100):
        press(visit, "Tab")
        if not visit.evaluate(ON_PAGE):
            return stops
        stops.append(focused(visit, session))
        assert stops[-1][1].strip(), f"no name: {stops[-1]} after {stops[-2:-1]}"
        assert visit.evaluate(RING), f"no ring: {stops[-1]}"
        assert visit.evaluate(SIZE) >= 8, f"not to be seen: {stops[-1]}"
    raise AssertionError("the walk does not end")


def go_to(visit, selector: str) -> None:
    """Tab on until an element inside ``selector`` has the focus."""
    for _ in range(60):
        press(visit, "Tab")
        if visit.evaluate(f"!!document.activeElement.closest('{selector}')"):
            return
    raise AssertionError(f"{selector} is not reached")


@pytest.mark.slow
def test_every_stop_of_the_score_tab_is_named_and_ringed(tab, digits) -> None:
    names = [name for _, name in walk(tab)]
    for wanted in ("Model", "Score", "DigitAnatomy", "About", "upload", "novel", "API", "Settings"):
        assert any(wanted in name for name in names), wanted
    drop(tab, *((f"{k}.png", png(v)) for k, v in digits.items()))
    tab.wait_for_selector("#links a")
    tab.wait_for_selector("#why figure")
    stops = walk(tab)
    for role, wanted in (("button", "Show film 2"), ("link", "CSV"), ("link", "ZIP"), ("slider", "Opacity"),
                         ("slider", "Line between"), ("combobox", "Region")):  # fmt: skip
        assert any(role == r and wanted in name for r, name in stops), (role, wanted)


@pytest.mark.slow
def test_every_stop_of_the_other_tabs_is_named_and_ringed(tab) -> None:
    for name, place, wanted in (("DigitAnatomy", "#seed", "Seed"), ("About", "#about", "copy")):
        tab.get_by_role("tab", name=name).click()
        tab.wait_for_selector(place)
        names = [stop for _, stop in walk(tab)]
        assert any(wanted in stop for stop in names), names


@pytest.mark.slow
@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_keys_pick_an_example_and_move_the_sliders(tab, key: str) -> None:
    to_top(tab)
    go_to(tab, "#example-novel")
    press(tab, key)
    tab.wait_for_selector("#why figure")
    go_to(tab, "#map")
    before = float(tab.evaluate("document.querySelector('.map-layer').style.opacity"))
    press(tab, "ArrowLeft", "ArrowLeft")
    after = float(tab.evaluate("document.querySelector('.map-layer').style.opacity"))
    assert after == pytest.approx(before - 0.02)
    go_to(tab, "#slider")
    press(tab, "End")
    line = "document.querySelector('#slider figure').style.getPropertyValue('--line')"
    assert tab.evaluate(line) == "100%"


def test_keys_choose_model_tab_and_region(tab) -> None:
    to_top(tab)
    go_to(tab, "#model")
    assert tab.locator("[role=listbox]").count() == 1
    press(tab, "Tab")
    tab.wait_for_function("document.querySelectorAll('[role=listbox]').length === 0")
    press(tab, "Tab", "Tab", "Enter")  # past the box that lets the film choose
    tab.wait_for_function("document.querySelector('[role=tab][aria-selected=true]').innerText"
                          ".includes('DigitAnatomy')")  # fmt: skip
    press(tab, "Shift+Tab", "Enter")
    go_to(tab, "#example-novel")
    press(tab, "Enter")
    tab.wait_for_selector("#why figure")
    first = tab.inner_text("#why p")
    go_to(tab, "#region")
    press(tab, "ArrowDown", "ArrowDown", "Enter")
    tab.wait_for_function(f"document.querySelector('#why p').innerText !== {first!r}")


@pytest.mark.slow
def test_keys_sort_the_table_and_show_a_row(tab, digits) -> None:
    drop(tab, *((f"{k}.png", png(v)) for k, v in digits.items()))
    tab.wait_for_selector("#links a")
    tab.wait_for_selector("#verdict .unusual")
    to_top(tab)
    go_to(tab, "#table")
    press(tab, *["Tab"] * 5)
    assert re.search("score", tab.evaluate("document.activeElement.innerText"))
    press(tab, "Enter", "Enter")  # ascending, then descending
    scores = "[...document.querySelectorAll('#table tbody tr')]" \
        ".map(r => parseFloat(r.cells[3].innerText))"  # fmt: skip
    tab.wait_for_function(f"(() => {{ const s = {scores};"
                          " return s.length > 2 && s.every((v, n) => !n || s[n - 1] >= v)})()")  # fmt: skip
    for _ in range(20):
        press(tab, "Tab")
        if tab.evaluate("document.activeElement.ariaLabel") == "Show film 1":
            break
    press(tab, "Enter")  # film 1 is the normal one
    tab.wait_for_selector("#verdict .nothing-unusual-found")
