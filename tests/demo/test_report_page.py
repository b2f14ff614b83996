"""The HTML report in a browser: on a phone, and in the dark. It needs no server."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from simsid.evaluation.blocks import Section, Table
from simsid.evaluation.render import FOLLOWING, to_html
from simsid.evaluation.report import report_on
from simsid.evaluation.report_files import DRAWN
from tests.simsid.helpers import make_data, make_detector

PHONE = {"width": 390, "height": 844}
OF_FILMS = {"panels", "why"}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """With groups of long names and a long command, as reports of hospitals have."""
    data = make_data()
    machines = np.array(["a_machine_with_a_very_long_name_in_the_old_building", "B"])
    test = dataclasses.replace(
        data.test, attributes={"machine": machines[np.arange(len(data.test)) % 2]}
    )
    folder = tmp_path_factory.mktemp("report")
    command = f"python -m simsid.train --config {'runs/' * 30}config.yaml"
    report_on(make_detector(data), dataclasses.replace(data, test=test), folder, command=command)
    return folder / "report.html"


def opened(browser, report, scheme, size=PHONE):
    page = browser.new_page(viewport=size, color_scheme=scheme)
    page.goto(report.as_uri())
    return page


def light_of(colour):
    """Mean grey level of 'rgb(r, g, b)', from 0 to 255."""
    return np.mean([int(level) for level in re.findall(r"\d+", colour)[:3]])


LINES = """[...document.querySelectorAll('table:not(.wide) td')]
  .filter(cell => /^[\\d.]+( %)? \\[/.test(cell.textContent) || !cell.textContent.includes(' '))
  .map(cell => {
    const range = document.createRange()
    range.selectNodeContents(cell)
    return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size
  })"""
STYLE = "([select, name]) => getComputedStyle(document.querySelector(select))[name]"


def test_a_phone_scrolls_tables_in_their_own_box_and_breaks_no_word_of_them(browser, report):
    page = opened(browser, report, "light")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    wide = page.evaluate(
        "[...document.querySelectorAll('.table')].filter(b => b.scrollWidth > b.clientWidth).length"
    )
    assert wide
    lines = page.evaluate(LINES)
    assert len(lines) > 20 and set(lines) == {1}  # a number and its interval
    page.close()


@pytest.mark.parametrize(
    "cell",
    ["12.0 % [10.2, 14.1] of 1000", "100.0 % [99.9, 100.0] of 100000", "0.912 [0.874, 0.941]"],
)
def test_a_share_with_its_interval_and_number_breaks_nowhere(cell):
    page = to_html(
        "t", "n", [Section("s", [Table(("a", "b"), (("x", cell), ("y", "a word " * 9)))])]
    )
    assert f'<td class="short">{cell}</td>' in page and "<td>a word" in page


def test_in_the_dark_lines_are_turned_round_and_films_keep_their_greys(browser, report):
    page = opened(browser, report, "dark")
    paper, ink = (page.evaluate(STYLE, ["body", name]) for name in ("backgroundColor", "color"))
    assert light_of(paper) < 40 and light_of(ink) > 200
    filters = page.evaluate("[...document.images].map(i => [i.alt, getComputedStyle(i).filter])")
    turned = {alt.split(" ")[0]: "invert" in applied for alt, applied in filters}
    assert turned["Scores"] and turned["Receiver"] and not turned["Input"]
    page.close()
    page = opened(browser, report, "light")
    assert light_of(page.evaluate(STYLE, ["body", "backgroundColor"])) == 255
    assert page.evaluate(STYLE, ["img.follows", "filter"]) == "none"
    page.close()


def test_of_every_figure_it_is_known_whether_it_shows_films():
    assert set(DRAWN) == FOLLOWING | OF_FILMS
