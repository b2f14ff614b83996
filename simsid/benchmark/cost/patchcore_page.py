"""What ``patchcore`` measured, as a table and as files that hold no path of the machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simsid.benchmark.made import commits_text, made_section, versions_text
from simsid.benchmark.public import public_sweep
from simsid.evaluation.blocks import Section, Table
from simsid.evaluation.render import to_markdown
from simsid.files import write_text

Runs = dict[str, list[dict[str, Any]]]  # of each row, what each of its processes measured

_MEASURES = {
    "stored": "stored vectors, MB",
    "peak": "peak memory, MB",
    "fill": "to fill, CPU s",
    "score": "to score, CPU ms/film",
}
_WORDS = (
    "Median [least, most] over processes that ran in turn, each a fresh one; in round brackets the median "
    "as a share of the first row's. MB are millions of bytes. Peak memory is the process's own, above "
    "what it held right before it was filled: films, network and libraries do not count. Times are "
    "the processor's, over all threads."
)
_LIMITS = (
    "Weights are random and films are few: these rows compare cost, not quality.",
    "Processor seconds on a machine that does other work still vary with its caches.",
)


def write_page(
    folder: Path, runs: Runs, settings: dict[str, Any], command: str, dataset: str
) -> Path:
    """Write ``patchcore.md`` and ``patchcore.json``; returns the first.

    Args:
        command: as typed; ``dataset`` names the folder that it may hold.
    """
    made = {
        **settings,
        "commit": commits_text(),
        "versions": versions_text(),
        **{f"process of {name}": versions_text(found[0]["made"]) for name, found in runs.items()},
        "command": public_sweep(command, dataset),
    }
    sections = [
        Section("Result", (_WORDS, cost_table(runs))),
        Section("Limits", _LIMITS),
        made_section(made),
    ]
    title = f"Cost of PatchCore's kinds on {settings['data']}"
    note = f"{settings['films']} normals of {settings['side_in_px']} px; nothing is ranked here."
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "patchcore.md"
    write_text(page, to_markdown(title, note, sections, folder))
    content = {"made": made, "rows": {name: summary(found) for name, found in runs.items()}}
    text = json.dumps(content, indent=1, allow_nan=False)
    write_text(folder / "patchcore.json", text + "\n")
    return page


def summary(found: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any] | None]:
    """Median, least, most and all values of each measure; None where a process could not tell."""
    return {key: _summary([each[key] for each in found]) for key in _MEASURES}


def _summary(values: list[float | None]) -> dict[str, Any] | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return {
        "median": float(np.median(known)),
        "least": min(known),
        "most": max(known),
        "runs": known,
    }


def cost_table(runs: Runs) -> Table:
    """Every measure of every row, with the ratio of its median to the first row's."""
    summaries = {name: summary(found) for name, found in runs.items()}
    first = next(iter(summaries.values()))
    rows = [
        (name, *(_cell(own[key], first[key]) for key in _MEASURES))
        for name, own in summaries.items()
    ]
    return Table(("row", *_MEASURES.values()), tuple(rows))


def _cell(own: dict[str, Any] | None, first: dict[str, Any] | None) -> str:
    if own is None or first is None:
        return "n/a"
    ratio = own["median"] / max(first["median"], 1e-9)
    ends = "" if own["least"] == own["most"] else f" [{own['least']:.3g}, {own['most']:.3g}]"
    return f"{own['median']:.3g}{ends} ({ratio:.2f})"
