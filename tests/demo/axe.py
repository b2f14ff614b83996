"""What axe-core says of a page that stands in a browser. Needs axe-playwright-python."""

from __future__ import annotations

import pytest

SERIOUS = ("serious", "critical")


def findings(visit) -> list[str]:
    """Rule, place and reason of each serious finding."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(visit).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['html'][:160]} {node.get('failureSummary', '')[:220]}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def too_wide(visit) -> int:
    """Pixels by which the page is wider than the window."""
    return visit.evaluate("document.documentElement.scrollWidth - window.innerWidth")
