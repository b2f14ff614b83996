"""What the documents of the repository's root promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import simsid
from demo.verdict import NUMBERS
from simsid.__main__ import _COMMANDS
from simsid.scoring.words import P_BESIDE_THRESHOLD

ROOT = Path(__file__).resolve().parents[1]


def test_the_citation_names_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["version"] == simsid.__version__
    assert all(work["title"] and work["authors"] for work in citation["references"])


@pytest.mark.parametrize(
    "command",
    [
        "pip install -r requirements.txt && python app.py",
        "pip install -r requirements-dev.txt && pytest",
    ],
)
def test_the_readme_is_short_and_has_the_two_commands(command):
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert command in lines and len(lines) <= 150


def test_the_page_of_commands_tells_of_each():
    page = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    assert [name for name in _COMMANDS if f"`simsid {name}`" not in page] == []


def test_every_test_that_a_decision_names_is_there():
    named = 0
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        for file, test in re.findall(r"`([\w/]+\.py)::(\w+)`", page.read_text("utf-8")):
            code = (ROOT / "tests" / file).read_text("utf-8")
            assert re.search(rf"^def {test}\(", code, re.MULTILINE), f"{page.name}: {file}::{test}"
            named += 1
    assert named >= 50


def test_examples_followed_in_order_do_not_meet_where_a_command_refuses_to_replace():
    makes = re.compile(
        r"^python -m (?:synth generate|simsid\.recalibrate|simsid\.score) (?:.*\\\n)*.*",
        re.MULTILINE,
    )
    made: dict[str, str] = {}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"^```bash\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
            for command in makes.findall(block):
                out = re.search(r"--out (\S+)", command)
                assert out and made.setdefault(out[1], command) == command, (page.name, command)
    assert len(made) >= 12


def test_what_the_examples_write_into_a_clone_is_ignored_by_git():
    ignored = set((ROOT / ".gitignore").read_text("utf-8").splitlines())
    written = set()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"^```bash\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
            written.update(re.findall(r"--(?:out|maps|dicom-out) ([a-z][\w./-]*)", block))
    assert len(written) >= 20
    roots = {path.partition("/")[0] for path in written}
    assert [root for root in sorted(roots) if not {f"/{root}", f"/{root}/"} & ignored] == []


def test_page_and_documents_say_how_p_stands_to_the_verdict_in_the_same_words():
    assert P_BESIDE_THRESHOLD in (ROOT / "docs" / "score.md").read_text("utf-8")
    assert P_BESIDE_THRESHOLD in NUMBERS


def test_each_found_share_says_which_films_it_is_of_in_the_same_words():
    card = (ROOT / "hub" / "bundled" / "chest" / "README.md").read_text("utf-8")
    rows = re.findall(r"at the threshold, (\w+) \(n = (\d+)\) \| (0\.\d+) \|", card)
    told = [f"{100 * float(share):.3g} % of {count} ({name})" for name, count, share in rows]
    assert len(told) == 2
    pages = {
        name: " ".join((ROOT / name).read_text("utf-8").split())
        for name in (
            "README.md",
            "docs/populations.md",
            "demo/benchmark_tab.py",
            "simsid/scoring/words.py",
        )
    }
    assert ", ".join(told) in pages["docs/populations.md"]
    found = re.search(
        r"found (\d+) of the other \d+ abnormal films of zhanglab and (\d+) of the 100", card
    )
    assert (
        f"finds {found[1]} of 100 pneumonias of children and {found[2]} of 100"
        in pages["README.md"]
    )
    assert (
        f"{found[1]} of 100 of ZhangLab, {found[2]} of 100 of NIH" in pages["docs/populations.md"]
    )
    for name in ("README.md", "docs/populations.md"):
        assert "sorted by data set" in pages[name] and "sorted by looks" in pages[name]
    assert "sorted by looks" in pages["simsid/scoring/words.py"]
    assert "sorted by looks" in pages["demo/benchmark_tab.py"]
