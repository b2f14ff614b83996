"""What ``patchcore`` measured, as a table and as files that hold no path of the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from simsid.benchmark import pages
from simsid.benchmark.cost.patchcore_records import CostRanges, Measured, Range
from simsid.benchmark.made import commits_text, versions_text
from simsid.benchmark.public import public_sweep
from simsid.evaluation.blocks import Section, Table

Runs = dict[str, list[Measured]]  # of each row, what each of its processes measured

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
    folder: Path, runs: Runs, settings: Mapping[str, object], command: str, dataset: str
) -> Path:
    """Write ``patchcore.md`` and ``patchcore.json``; returns the first.

    Args:
        command: as typed; ``dataset`` names the folder that it may hold.
    """
    made = {
        **settings,
        "commit": commits_text(),
        "versions": versions_text(),
        **{f"process of {name}": versions_text(found[0].made) for name, found in runs.items()},
        "command": public_sweep(command, dataset),
    }
    sections = [
        Section("Result", (_WORDS, cost_table(runs))),
        Section("Limits", _LIMITS),
    ]
    title = f"Cost of PatchCore's kinds on {settings['data']}"
    note = f"{settings['films']} normals of {settings['side_in_px']} px; nothing is ranked here."
    rows = {name: summary(found) for name, found in runs.items()}
    return pages.write_page(folder, "patchcore", title, note, sections, made, rows)


def summary(found: Sequence[Measured]) -> CostRanges:
    """Every measure over a row's processes."""
    costs = [each.cost for each in found]
    return CostRanges(
        stored=_range([cost.stored for cost in costs]),
        peak=_range([cost.peak for cost in costs]),
        fill=_range([cost.fill for cost in costs]),
        score=_range([cost.score for cost in costs]),
    )


def _range(values: Sequence[float | None]) -> Range | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return Range(
        median=float(np.median(known)), least=min(known), most=max(known), runs=tuple(known)
    )


def cost_table(runs: Runs) -> Table:
    """Every measure of every row, with the ratio of its median to the first row's."""
    summaries = {name: summary(found) for name, found in runs.items()}
    first = next(iter(summaries.values()))
    rows = [
        (name, *(_cell(getattr(own, key), getattr(first, key)) for key in _MEASURES))
        for name, own in summaries.items()
    ]
    return Table(("row", *_MEASURES.values()), tuple(rows))


def _cell(own: Range | None, first: Range | None) -> str:
    if own is None or first is None:
        return "n/a"
    ratio = own.median / max(first.median, 1e-9)
    ends = "" if own.least == own.most else f" [{own.least:.3g}, {own.most:.3g}]"
    return f"{own.median:.3g}{ends} ({ratio:.2f})"
