"""Whoever is refused is told what to do: every error about files, models and sets has a remedy."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ERRORS = {"DataError", "SynthError", "HubError", "ModelFolderError", "SimsidError"}
REMEDY = re.compile(
    r"\b(add|ask|call|check|choose|complete|convert|deploy|download|expected|for more|give|install|leave"
    r"|log in|lower|comes first|make|mend|move|must|name [a-z]+|needs?|possible|pull|push|put|reinstall"
    r"|remove|rename|save|start|take|there are|train|try|use|wait|without it|write)\b|set --",
    re.IGNORECASE,
)


def raised():
    """(place, text) of every error that is raised with words of its own; {} stands for values."""
    for package in ("simsid/data", "hub", "synth", "demo"):
        for path in sorted({*(ROOT / package).rglob("*.py")} - {*(ROOT / "demo/bench").iterdir()}):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
                    continue
                name = ast.unparse(node.exc.func).rpartition(".")[2]
                words = [
                    part.value
                    for argument in node.exc.args
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                ]
                parts = [part for each in node.exc.args for part in ast.walk(each)]
                named = [part.id for part in parts if isinstance(part, ast.Name)]
                named += [part.attr for part in parts if isinstance(part, ast.Attribute)]
                text = " ".join(words)
                if name in ERRORS and len(re.findall(r"[a-z]{2,}", text)) > 2:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", text, named


def test_every_refusal_names_a_remedy():
    found = list(raised())
    told_elsewhere = {"_HOW", "REINSTALL", "_NO_HUB", "_LAYOUT", "remedy", "line"}
    assert len(found) > 120
    bare = [
        f"{place}: {text}"
        for place, text, named in found
        if not REMEDY.search(text) and not told_elsewhere.intersection(named)
    ]
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize(
    "text", ["it is damaged", " has a header and no rows", "not a box: ", "cannot be read"]
)
def test_words_without_a_remedy_are_found(text):
    assert not REMEDY.search(text)
