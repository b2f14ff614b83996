"""What a curve is asked to draw, and what it writes: rows as JSON and CSV, a page with table and figure."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jsonargparse import ArgumentParser

from simsid.benchmark.record_files import flat, write_csv, write_json
from simsid.benchmark.records import Record
from simsid.errors import SimsidError
from simsid.evaluation.provenance import kit_commit
from simsid.files import path_text, write_text
from simsid.terminal import code

NEVER = "-"
"""In a table, where there is no number."""


def add_drawn_options(parser: ArgumentParser, per_kind: int) -> None:
    """Add what is drawn along the curve, and where table and figure go.

    Args:
        per_kind: the default number of anomalies of each kind at each strength.
    """
    add = parser.add_argument
    add("--strengths", type=str, default="0,0.25,0.5,0.75,1", help="with commas between, 0 to 1")
    add("--normals", type=int, default=300, help="normals that are drawn")
    add("--per-kind", type=int, default=per_kind, help="anomalies of each kind at each strength")
    add("--out", type=path_text, required=True, help="folder of table and figure")


def strengths_in(text: str, lowest: float) -> tuple[float, ...]:
    """The numbers of ``--strengths`` in order.

    Raises:
        SimsidError: they are no numbers between ``lowest`` and 1.
    """
    try:
        values = sorted({float(part) for part in text.split(",")})
    except ValueError:
        values = []
    if not values or not all(lowest <= value <= 1 for value in values):
        raise SimsidError(
            f"--strengths must be numbers from {lowest:g} to 1 with commas between, such as "
            f"0.25,0.5,1, not {text}"
        )
    return tuple(values)


def check_counts(normals: int, per_kind: int) -> None:
    """Refuse too few images to measure on.

    Raises:
        SimsidError: they are.
    """
    if min(normals, per_kind) < 2:
        raise SimsidError("--normals and --per-kind must be at least 2")


def command_of(name: str, arguments: Sequence[str] | None) -> str:
    """What was typed, to run it again; a word in place of the output's path."""
    words = list(sys.argv[2:] if arguments is None else arguments)
    for place, word in enumerate(words):
        if word == "--out" and place + 1 < len(words):
            words[place + 1] = "OUT"
        elif word.startswith("--out="):
            words[place] = "--out=OUT"
    return shlex.join(["python", "-m", "simsid.benchmark", name, *words])


def write_curve(
    folder: Path, name: str, settings: Mapping[str, object], rows: Sequence[Record], page: str
) -> Path:
    """Write NAME.json, NAME.csv and NAME.md beside NAME.png, and return the page.

    Args:
        settings: what the rows were measured with, the command among it.
        page: Markdown below the title.
    """
    content = {"benchmark": name, "commit": kit_commit(), "settings": settings, "rows": rows}
    write_json(folder / f"{name}.json", content)
    write_csv(folder / f"{name}.csv", [flat(row) for row in rows])
    target = folder / f"{name}.md"
    write_text(target, f"{page}\nMade by {code(str(settings['command']))}.\n")
    return target


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
