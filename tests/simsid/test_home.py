"""``~`` is the user's home in every option that takes a path, and ``bundled:NAME`` a model."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from simsid.files import path_text, roots_text
from simsid.score import main as score
from synth import arguments
from tests.simsid.data import trees
from tests.simsid.test_help import PARSERS

ROOT = Path(__file__).parents[2]
MODULES = [
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for package in ("simsid", "hub", "demo")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "\ndef make_parser(" in path.read_text(encoding="utf-8")
]
PATHS = (path_text, roots_text, os.path.expanduser, arguments._path)
NO_PATHS = frozenset(
    (
        *("--dataset", "--datasets", "--split", "--grid", "--window", "--view"),
        *("--reference", "--note", "--layout", "--dicomweb", "--engine", "--shard-rows"),
    )
)


def actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for inner in action.choices.values():
                yield from actions_of(inner)
        elif action.nargs != 0 and action.dest not in ("help", "config", "print_config"):
            yield action


def takes_a_path(action: argparse.Action) -> bool:
    words = f"{action.metavar or ''} {action.help or ''}"
    named = re.search(
        r"\b(folder|folders|file|files|FILE\S*|DIR|FOLDER|picture|\.npz|film)\b", words
    )
    return (
        bool(named)
        and not NO_PATHS.intersection(action.option_strings)
        and not isinstance(action.default, bool | int | float)
    )


@pytest.fixture
def synth_parser():
    return parser_of_synth()


def parser_of_synth():
    made = []

    def keep(parser, *_):
        made.append(parser)
        return argparse.Namespace()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", keep)
        arguments.parse([], *[None] * 4)
    return made[0]


def test_every_command_line_is_looked_at():
    assert {*PARSERS} <= {*MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_every_option_that_takes_a_path_knows_the_home(module):
    found = [each for each in actions_of(import_module(module).make_parser()) if takes_a_path(each)]
    wrong = [
        f"{each.option_strings or each.dest}: {each.type} {each.help}"
        for each in found
        if each.type not in PATHS
    ]
    assert not wrong, wrong


def test_so_does_every_option_of_synth(synth_parser):
    found = [each for each in actions_of(synth_parser) if takes_a_path(each)]
    assert len(found) >= 8
    assert not [each.option_strings for each in found if each.type not in PATHS]


def test_a_bundled_model_scores_by_its_name(tmp_path):
    trees.film(tmp_path / "a.png", (224, 224))
    out = tmp_path / "s.csv"
    score([str(tmp_path / "a.png"), "--model", "bundled:zhanglab", "--out", str(out)])
    assert out.read_text(encoding="utf-8").count("\n") == 2
