"""Help texts are for people who do not read Python."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from simsid.cli import command_parser

PARSERS = [
    "simsid.train",
    "simsid.score.command",
    "simsid.evaluate",
    "simsid.review",
    "simsid.recalibrate",
    "simsid.examine",
    "simsid.data.__main__",
    "simsid.benchmark.ranking.run",
    "simsid.benchmark.ranking.report",
    "simsid.benchmark.sweeps.ablation",
    "simsid.benchmark.sweeps.contamination",
    "simsid.benchmark.sweeps.robustness",
    "simsid.benchmark.cost.speed",
    "simsid.benchmark.cost.scoring",
    "simsid.benchmark.cost.gpu",
    "simsid.benchmark.cost.patchcore",
    "demo.bench.latency",
    "demo.bench.load",
    "demo.bench.leak",
    "hub.__main__",
    "demo.launch",
]


@pytest.mark.parametrize("module", PARSERS)
def test_help_tells_no_types_no_nulls_and_breaks_no_name(module):
    text = import_module(module).make_parser().format_help()
    assert not re.search(r"type: |\bnull\b|default: (\[\]|\{\}|\))|\(\s*,|,\s*\)|\(\)", text), text
    assert not re.search(r"\w-\n", text), text


def test_help_tells_defaults_that_say_something_and_what_is_required():
    parser = command_parser("python -m anything", "Does it.", example="--out a")
    parser.add_argument("film", type=str, help="to score")
    parser.add_argument("--rate", type=float, default=0.0, help="of noise")
    parser.add_argument("--name", type=str | None, default=None, help="of the run")
    parser.add_argument("--fast", action="store_true", help="skip the maps")
    parser.add_argument("--out", type=str, required=True, help="to write")
    lines = [" ".join(line.split()) for line in parser.format_help().splitlines()]
    for line in (
        "film to score",
        "--rate RATE of noise (default: 0.0)",
        "--name NAME of the run",
        "--fast skip the maps",
        "--out OUT to write (required)",
        "example: python -m anything --out a",
    ):
        assert line in lines, lines
