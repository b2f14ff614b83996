"""What a sweep writes: Markdown, CSV, JSON and a plot, with the command, commit and data."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simsid.benchmark.made import commits_text, versions_text
from simsid.benchmark.pages import write_page
from simsid.benchmark.public import public_sweep
from simsid.benchmark.record_files import write_csv
from simsid.benchmark.records import CaseSummary, ComparedSpread, Record, Spread
from simsid.evaluation.blocks import Picture, Section, Table


@dataclass(frozen=True)
class Result:
    """What a sweep found, ready to be written.

    Attributes:
        name: of the files. title: of the page.
        note: the one line to read first. words: how to read the table.
        table: of the page. figure: what the plot shows.
        rows: flat, for the CSV; what a row lacks stays empty.
        content: everything, for the JSON.
        settings: of the sweep. command: what was typed.
        limits: what the numbers do not say.
        draw: makes the plot at the path it is given.
    """

    name: str
    title: str
    note: str
    words: tuple[str, ...]
    table: Table
    figure: str
    rows: Sequence[Mapping[str, object]]
    content: Sequence[Record]
    settings: dict[str, Any]
    command: str
    limits: tuple[str, ...]
    draw: Callable[[Path], Path]


def write_result(result: Result, folder: Path, commits: Sequence[str] = ()) -> Path:
    """Write ``<name>.md``, ``.csv`` and ``.json`` beside ``<name>.png``; returns the first.

    Args:
        commits: of the kit at each row; several when a sweep went on after a change.
    """
    plot = folder / f"{result.name}.png"
    made = {
        **result.settings,
        "rows made with commit": commits_text(commits),
        "versions": versions_text(),
        "command": result.command,
    }
    sections = [
        Section("Result", (*result.words, result.table, Picture(plot, result.figure))),
        Section("Limits", result.limits),
    ]
    page = write_page(
        folder, result.name, result.title, result.note, sections, made, result.content
    )
    write_csv(folder / f"{result.name}.csv", result.rows)
    return page


def export_result(
    result: Result, folder: Path, target: Path, dataset: str, commits: Sequence[str] = ()
) -> Path:
    """Write for everybody, with the plot from ``folder``: no path of the machine in the command.

    Args:
        result: made of a :func:`public_summary`, where rows may have failed.
        dataset: whose folder the command may name.
    """
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / f"{result.name}.png", target / f"{result.name}.png")
    command = public_sweep(result.command, dataset)
    return write_result(replace(result, command=command), target, commits)


def as_text(table: Table) -> str:
    """The table for a terminal, columns aligned."""
    rows = [table.header, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def told(value: Spread | None, interval: bool = False) -> str:
    """'0.912 ± 0.010 [0.880, 0.941]', or that there is none."""
    return "n/a" if value is None else value.told(interval)


def flat_rows(summary: Sequence[CaseSummary]) -> list[Mapping[str, object]]:
    """One row for each case and score, for the CSV; a case without any result has one row."""
    rows: list[Mapping[str, object]] = []
    for entry in summary:
        base = {"case": entry.case, "place": entry.place, "seeds": entry.seeds,
                "failed": "; ".join(entry.failed)}  # fmt: skip
        rows += [base | _score_columns(name, value) for name, value in entry.scores.items()]
        if not entry.scores:
            rows.append(base)
    return rows


def _score_columns(name: str, value: ComparedSpread) -> dict[str, object]:
    low, high = value.ci or (None, None)
    below, above = value.difference_ci or (None, None)
    return {
        "score": name, "auroc_mean": value.mean, "auroc_std": value.std,
        "auroc_low": low, "auroc_high": high, "difference": value.difference,
        "difference_low": below, "difference_high": above,
    }  # fmt: skip
