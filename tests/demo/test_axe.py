"""Every tab through axe-core, light and dark: no serious finding. Needs axe-playwright-python."""

from __future__ import annotations

import pytest

from tests.demo.conftest import PATIENCE, png
from tests.demo.test_browser import drop

axe_sync = pytest.importorskip("axe_playwright_python.sync_playwright")
SERIOUS = ("serious", "critical")


def findings(visit) -> list[str]:
    """Rule, place and reason of each serious finding."""
    found = axe_sync.Axe().run(visit).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['html'][:160]} {node.get('failureSummary', '')[:220]}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


@pytest.fixture(params=["light", "dark"])
def visit(request: pytest.FixtureRequest, browser, page):
    visit = browser.new_page(viewport={"width": 1280, "height": 1000})
    visit.set_default_timeout(PATIENCE)
    visit.goto(f"{page.url}?__theme={request.param}")
    visit.wait_for_selector("#upload input[type=file]", state="attached")
    yield visit
    visit.close()


def test_results_have_no_serious_finding(visit, digits: dict) -> None:
    drop(visit, *((f"{kind}.png", png(image)) for kind, image in digits.items()), ("x.png", b"bad"))
    visit.wait_for_selector("#why figure")
    visit.get_by_role("button", name="Own normals").click()
    visit.wait_for_timeout(800)
    assert findings(visit) == []


@pytest.mark.parametrize("name", ["Score", "DigitAnatomy", "Benchmark", "About"])
def test_a_tab_has_no_serious_finding(visit, name: str) -> None:
    visit.get_by_role("tab", name=name).click()
    visit.wait_for_timeout(1500)
    for fold in visit.locator("details.fold summary").all()[:1]:
        if fold.is_visible():
            fold.click()
    assert findings(visit) == []
