"""Every tab through axe-core, light, dark and on a phone: no serious finding, nothing cut off."""

from __future__ import annotations

import pytest

from tests.demo.axe import findings, too_wide
from tests.demo.conftest import png
from tests.demo.test_browser import drop
from tests.demo.visits import UPLOAD

pytest.importorskip("axe_playwright_python")
pytestmark = pytest.mark.slow
LOOKS = {
    "light": ("light", 1280),
    "dark": ("dark", 1280),
    "phone": ("light", 390),
    "dark phone": ("dark", 390),
}


@pytest.fixture(params=LOOKS)
def visit(request: pytest.FixtureRequest, visits, page):
    theme, width = LOOKS[request.param]
    return visits.open(f"{page.url}?__theme={theme}", UPLOAD, width)


def test_results_have_no_serious_finding(visit, digits: dict) -> None:
    drop(visit, *((f"{kind}.png", png(image)) for kind, image in digits.items()), ("x.png", b"bad"))
    visit.wait_for_selector("#why figure")
    visit.get_by_role("button", name="Own normals").click()
    visit.wait_for_timeout(800)
    assert findings(visit) == [] and too_wide(visit) <= 0


def test_a_film_without_a_verdict_and_a_choice_of_normals_have_none(visit) -> None:
    visit.click("#example-effusion")
    visit.wait_for_selector("#map .unjudged")
    visit.wait_for_selector("#judge-as:visible")
    visit.wait_for_timeout(800)
    assert findings(visit) == [] and too_wide(visit) <= 0


def test_no_tab_has_a_serious_finding(visit) -> None:
    for name in ("Score", "DigitAnatomy", "Benchmark", "About"):
        visit.get_by_role("tab", name=name).click()
        visit.wait_for_timeout(1000)
        for fold in visit.locator("details.fold summary").all()[:1]:
            if fold.is_visible():
                fold.click()
        assert findings(visit) == [], name
        assert too_wide(visit) <= 0, name
