"""What a curve writes: every row as JSON and CSV, and a page with the table and the figure."""

from __future__ import annotations

import csv
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from simsid.errors import SimsidError
from simsid.evaluation.provenance import kit_commit
from simsid.files import write_text
from simsid.terminal import code

Row = dict[str, Any]
NEVER = "-"
"""In a table, where there is no number."""


def strengths_of(options: Namespace, lowest: float) -> tuple[float, ...]:
    """``--strengths`` in order.

    Raises:
        SimsidError: they are no numbers between ``lowest`` and 1, or ``--normals`` or
            ``--per-kind`` is too small.
    """
    try:
        values = sorted({float(part) for part in str(options.strengths).split(",")})
    except ValueError:
        values = []
    if not values or not all(lowest <= value <= 1 for value in values):
        raise SimsidError(
            f"--strengths must be numbers from {lowest:g} to 1 with commas between, such as "
            f"0.25,0.5,1, not {options.strengths}"
        )
    if min(options.normals, options.per_kind) < 2:
        raise SimsidError("--normals and --per-kind must be at least 2")
    return tuple(values)


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
    folder: Path, name: str, settings: dict[str, Any], rows: Sequence[Row], page: str
) -> Path:
    """Write NAME.json, NAME.csv and NAME.md beside NAME.png, and return the page.

    Args:
        settings: what the rows were measured with, the command among it.
        rows: flat but for intervals, whose keys end in '_ci': [low, high] each.
        page: Markdown below the title.
    """
    content = {"benchmark": name, "commit": kit_commit(), "settings": settings, "rows": list(rows)}
    write_text(folder / f"{name}.json", json.dumps(content, indent=1) + "\n")
    flat = [_flat(row) for row in rows]
    with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(flat[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(flat)
    target = folder / f"{name}.md"
    write_text(target, f"{page}\nMade by {code(settings['command'])}.\n")
    return target


def _flat(row: Row) -> Row:
    """Intervals as two columns."""
    out: Row = {}
    for key, value in row.items():
        if key.endswith("_ci"):
            low, high = value or (None, None)
            out |= {f"{key[:-3]}_low": low, f"{key[:-3]}_high": high}
        else:
            out[key] = value
    return out


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def with_interval(value: float | None, interval: Sequence[float] | None, digits: int = 3) -> str:
    """'0.912 [0.881, 0.940]', or a dash."""
    if value is None:
        return NEVER
    if interval is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"
