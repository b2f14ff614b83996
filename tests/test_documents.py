"""What the documents of the repository's root promise."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import simsid

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
