"""``python -m simsid.benchmark supervised``: how much the films of a data set hold."""

from __future__ import annotations

from typing import Literal

from jsonargparse import ArgumentParser

from simsid.benchmark import adapter
from simsid.benchmark.ceiling.measure import ceiling_section, measure_ceiling
from simsid.benchmark.made import made_section
from simsid.benchmark.options import folder_named, labelled_part, typed_command
from simsid.benchmark.public import public_sweep
from simsid.benchmark.record_files import plain, write_json
from simsid.cli import command_parser, parse
from simsid.data.options import add_data_options, data_choice
from simsid.errors import check_at_least_one
from simsid.evaluation.evaluate import PARTS
from simsid.evaluation.provenance import versions
from simsid.evaluation.render import to_markdown
from simsid.files import path_text, write_text

NAME = "supervised"


def make_parser() -> ArgumentParser:
    parser = command_parser(
        f"python -m simsid.benchmark {NAME}",
        "Train a small network WITH labels on the training side of a data set: a ceiling that tells how "
        "much its films hold. No method, never ranked; no model is kept.",
        example="--dataset nih --data-root DIR --out runs/ceiling",
    )
    add_data_options(parser)
    add = parser.add_argument
    add("--part", type=Literal[PARTS] | None, default=None,
        help="part to measure on; default: validation where there is one: test stays unread")  # fmt: skip
    add("--seeds", type=int, default=3, help="trainings, seeds 0, 1, …; about a minute each")
    add("--steps", type=int | None, default=None,
        help="of 32 images; by default what a core does in about a minute")  # fmt: skip
    add("--out", type=path_text, required=True, help="folder of the table")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    check_at_least_one(seeds=options.seeds, steps=options.steps)
    folder = folder_named("--out", options.out)
    choice = data_choice(options)
    data = adapter.load(choice)
    part, labelled = labelled_part(data, options.part)
    found = measure_ceiling(choice, data, part, labelled, options.seeds, print, options.steps)
    command = public_sweep(typed_command(NAME, arguments), choice.dataset)
    folder.mkdir(parents=True, exist_ok=True)
    content = {"benchmark": NAME, "command": command, "versions": versions(), "rows": [found]}
    write_json(folder / f"{NAME}.json", content)
    made = made_section({"command": command, "data": data.fingerprint, **plain(versions())})
    words = "Research software, not a medical device. Trained WITH labels: a ceiling, not a method."
    page = to_markdown(f"Ceiling: {data.name}", words, [ceiling_section([found]), made], folder)
    write_text(folder / f"{NAME}.md", page)
    print(f"ceiling of {data.name}, trained with labels: {found.auroc.told(interval=True)}")
    print(f"table: {folder / f'{NAME}.md'}")
    return 0
