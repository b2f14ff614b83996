"""Whatever films and kinds are called: every page that the kit writes shows the name, and runs nothing."""

from __future__ import annotations

import dataclasses
import html
import re
from types import SimpleNamespace

import numpy as np
import pytest
from markdown_it import MarkdownIt

from demo.batch import table_html
from demo.inference import Answer
from demo.verdict import Shown, refused_section, verdict_section
from simsid.benchmark.made import made_section
from simsid.benchmark.ranking.tables import quality_table
from simsid.data.checks.check import check_data
from simsid.data.checks.render import to_markdown as check_text
from simsid.data.datasets import LabelledImages
from simsid.data.film_set import FilmOptions
from simsid.detectors.found_share import FoundShare
from simsid.detectors.model_folder import describe
from simsid.evaluation.blocks import Section
from simsid.evaluation.card import card_text
from simsid.evaluation.evaluate import evaluate
from simsid.evaluation.render import to_html, to_markdown
from simsid.evaluation.report import write_report
from simsid.scoring import RefusedFilm, score_film
from simsid.scoring.closing import ClosingReport
from simsid.scoring.rows import SCORED
from simsid.terminal import code
from synth.card import sources, write_card
from synth.config import AnatomyConfig
from synth.layouts import LAYOUTS
from tests.simsid.data import trees
from tests.simsid.helpers import make_data, make_detector

NAMES = (
    "a|b", "<script>alert(1)</script>", "`tick`", "a``b", "line\nbreak", "$x^2$", "*star*", "**bold**",
    "_under_", "&lt;b", "[l](javascript:alert(1))", "![i](x.png)", "\\|", "~~no~~", "C:\\x\\_y",
    "\u202egnp.exe", "<img src=x onerror=alert(1)>", "# head", "- item", "a_b-c.d",
)  # fmt: skip
ON_DISK = tuple(name for name in NAMES if "/" not in name and not name.endswith("~"))
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def seen(name):
    """How a page shows a name: signs that break lines or turn them round as escapes."""
    return name.replace("\n", "\\n").replace("\u202e", "\\u202e")


def page_of(markdown):
    """The text of a page in Markdown, if no name became markup."""
    page = PARSER.render(re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.DOTALL))
    for tag in ("<script", "<img src=x", "<em", "<s>", "<a ", "<del"):
        assert tag not in page
    tables = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    for table in tables:
        rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        assert len({len(re.findall(r"<t[hd]", row)) for row in rows}) == 1
    return text_of(page)


def text_of(page):
    page = re.sub("</t[dh]>", " ", page)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def odd_data():
    data = make_data(normals=40, per_kind=len(NAMES))
    kinds = data.test.kinds.astype(object)
    views = np.full(len(kinds), "", object)
    for name, index in zip(NAMES, np.flatnonzero(data.test.labels == 1), strict=False):
        kinds[index] = name
        views[index] = name
    test = LabelledImages(
        data.test.images, data.test.labels, kinds.astype(str), data.test.masks,
        np.array([f"test/{name}" for name in kinds]), attributes={"view": views.astype(str)},
    )  # fmt: skip
    return dataclasses.replace(
        data,
        test=test,
        notes=tuple(f"first: {name}" for name in NAMES),
        unreadable=tuple(f"films/{name}: empty" for name in NAMES),
    )


@pytest.fixture(scope="module")
def measured():
    data = odd_data()
    detector = make_detector(data)
    return detector, evaluate(detector, data).results


@pytest.mark.parametrize("name", NAMES)
def test_a_report_shows_the_name_of_a_kind_a_group_and_a_film(name, measured, tmp_path):
    command = f"python -m simsid.evaluate --data-root 'films/{name}'"
    write_report(measured[1], {}, tmp_path, command)
    text = page_of((tmp_path / "report.md").read_text(encoding="utf-8"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<img src=x" not in page
    for shown in (text, text_of(page)):
        assert f"view: {seen(name)} " in shown
        assert f"first: {seen(name)}." in shown
        assert f"films/{seen(name)}: empty" in shown
        if name != r"\|":  # no code within a table can say that
            assert " ".join(command.split()) in shown


@pytest.mark.parametrize("name", NAMES)
def test_a_card_shows_the_name_of_a_kind(name, measured):
    detector, results = measured
    text = page_of(card_text(describe(detector), results))
    assert f"image AUROC, {seen(name)} (n = 1)" in text


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    root = tmp_path_factory.mktemp("set")
    for index in range(14):
        trees.film(root / f"train/normal/{index}.png")
    for name in ON_DISK:
        trees.film(root / f"test/normal/{name}.png")
        trees.film(root / f"test/{name}/{name}.png")
    (root / "train/normal/0.png").write_bytes(b"")
    return check_data("folder", root, FilmOptions()).content


@pytest.mark.parametrize("name", ON_DISK)
def test_a_check_shows_the_name_of_a_kind_and_a_film(name, checked):
    text = page_of(check_text(checked))
    assert f"kind: {seen(name)} " in text
    assert f"{seen(name)}.png" in text


def test_notes_and_bad_films_of_a_check_are_no_markup(checked):
    odd = checked | {
        "notes": [f"first: {name}" for name in NAMES],
        "unreadable": [f"films/{name}: empty" for name in NAMES],
    }
    text = page_of(check_text(odd))
    for name in NAMES:
        assert f"first: {seen(name)}" in text
        assert f"films/{seen(name)}: empty" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_shows_the_name_of_a_kind_and_the_command(name, tmp_path):
    entry = SimpleNamespace(
        model="ae", seeds=1, auroc=None, failed=(), by_kind={name: None, "other": None},
        against_reference=None, quality=lambda _: None,
    )  # fmt: skip
    sections = [
        Section("Table", (quality_table([entry], "ae"),)),
        made_section({"command": f"run --data-root {name}", "note of who ran it": name}),
    ]
    text = page_of(to_markdown("Benchmark", "note", sections, tmp_path))
    assert text.count(seen(name)) >= 2
    if name != r"\|":  # no code within a table can say that
        assert " ".join(f"run --data-root {name}".split()) in text
    assert "<script" not in to_html("Benchmark", "note", sections)


@pytest.mark.parametrize("name", ON_DISK)
def test_the_card_of_generated_digits_shows_their_files_name(name):
    anatomy = AnatomyConfig(digits=f"/somewhere/{name}.npz")
    config = SimpleNamespace(anatomy=anatomy, track=None, layout=next(iter(LAYOUTS)))
    records = [{"split": "train", "kind": "normal", "label": 0, "factors": {"family": "normal"}}]
    text = page_of(write_card(config, records, {}, "0" * 64))
    assert sources(anatomy) == [f"{name}.npz"]
    assert " ".join(f"the glyphs of {name}.npz".split()) in text


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_words_of_a_strangers_model_and_runs_none(name):
    data = make_data()
    film = score_film(make_detector(data), data.test.images[0])
    film = dataclasses.replace(
        film, population=name, found=FoundShare(0.5, 10, name, ()), weakness=f"weak: {name}"
    )
    pages = [
        verdict_section(film, f"note on {name}", Shown(name, 1, 2, "", name)),
        refused_section(RefusedFilm("unreadable", name), f"refused: {name}", Shown(name)),
        table_html([Answer(film, "m", None, (f"note on {name}",))]),
    ]
    for page in pages:
        assert "<script" not in page and "<img src=x" not in page
        assert " ".join(name.split()) in text_of(page)


@pytest.mark.parametrize("name", NAMES)
def test_the_end_of_a_scoring_run_counts_and_names_no_film(name):
    report = ClosingReport({"": np.linspace(0, 1, 40)})
    for _ in range(2):  # of a single one the reason is told
        report.add({"file": name, "status": "empty", "score": "", "message": name})
    assert not any(name in line for line in report.lines(1, 1.0, SCORED))
    assert code(name).startswith("`")
