"""One method under one case after another: what ablation, contamination and robustness share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simsid.benchmark.cases import Case
from simsid.benchmark.journal import Journal
from simsid.benchmark.options import Places
from simsid.benchmark.public import public_summary
from simsid.benchmark.records import CaseSummary
from simsid.benchmark.resumable import Measure, run_cases
from simsid.benchmark.summary import Lines, summarise
from simsid.benchmark.sweeps.output import Result, as_text, export_result, write_result

Summary = Sequence[CaseSummary]
Tell = Callable[[Summary, Lines], Result | None]


@dataclass(frozen=True)
class Sweep:
    """What is measured, and how it is told.

    Attributes:
        cases: the rows of the table. seeds: of each, 0 to ``seeds`` - 1.
        settings: what makes rows of one folder comparable.
        labels: of the measured images, 0 normal, 1 abnormal.
        reference: name of the case that the others are compared with.
        measure: gives a journal line of a case and a seed.
        tell: makes the result of the summary and the journal's lines; None where there is nothing.
    """

    cases: Sequence[Case]
    seeds: int
    settings: dict[str, Any]
    labels: np.ndarray
    reference: str
    measure: Measure
    tell: Tell


def run_sweep(sweep: Sweep, places: Places) -> int:
    """Measure what is missing, write table and plot, print the table; returns the exit code.

    Raises:
        SimsidError: another sweep is, or with other settings was, at work in the folder.
    """
    with Journal(places.out, sweep.settings) as journal:
        code = run_cases(journal, sweep.cases, sweep.seeds, sweep.measure, print)
        lines = journal.done()
        summary = summarise(sweep.cases, lines, sweep.labels, sweep.reference)
        result = sweep.tell(summary, lines)
        if result is None:
            return code or 1
        result.draw(places.out / f"{result.name}.png")
        commits = sorted({commit for entry in summary for commit in entry.commits})
        page = write_result(result, places.out, commits)
        shown = sweep.tell(public_summary(summary), lines)
        if places.export is not None and shown is not None:
            export_result(shown, places.out, places.export, places.dataset, commits)
    print(f"{as_text(result.table)}\ntable: {page}")
    return code
