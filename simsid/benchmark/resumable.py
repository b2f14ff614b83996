"""Run every case with every seed; what is done is skipped, what fails does not stop the rest."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from simsid.benchmark.cases import Case
from simsid.benchmark.journal import Journal
from simsid.cli import INTERRUPTED
from simsid.training import TrainingInterrupted

Measure = Callable[[Case, int], dict[str, Any]]
Say = Callable[[str], None]

_log = logging.getLogger(__name__)


def run_cases(
    journal: Journal, cases: Sequence[Case], seeds: int, measure: Measure, say: Say
) -> int:
    """Measure each case with seeds 0 to ``seeds`` - 1, seed by seed, so that a stop leaves whole tables.

    Rows that failed in an earlier call are tried again.

    Args:
        measure: gives the content of a journal line, see ``cases``.
        say: shows a line of progress.

    Returns:
        The exit code: 0, or 130 when the user stopped it; finished rows are kept.
    """
    plan = [(case, seed) for seed in range(seeds) for case in cases]
    done = {key: line for key, line in journal.done().items() if line["ok"]}
    waiting = [(case, seed) for case, seed in plan if (case.name, seed) not in done]
    if len(waiting) < len(plan):
        say(f"{len(plan) - len(waiting)} of {len(plan)} rows are done already")
    started = time.monotonic()
    for number, (case, seed) in enumerate(waiting, start=1):
        key = {"case": case.name, "seed": seed}
        try:
            line = key | {"ok": True} | measure(case, seed)
        except (TrainingInterrupted, KeyboardInterrupt):
            say("\nstopped; the same command goes on from here")
            return INTERRUPTED
        except Exception as error:  # a variant may break in any way; the others are still of use
            line = key | {"ok": False, "error": f"{type(error).__name__}: {error}"}
            _log.debug("%s failed", case.name, exc_info=True)
        journal.append(line)
        left = (time.monotonic() - started) / number * (len(waiting) - number)
        say(f"[{number}/{len(waiting)}] {_told(line)}; {_time(left)} left")
    return 0


def _told(line: dict[str, Any]) -> str:
    name = f"{line['case']}, seed {line['seed']}"
    if not line["ok"]:
        return f"{name}: FAILED, {line['error']}"
    first = next(iter(line["auroc"].values()))
    return f"{name}: AUROC {'n/a' if first is None else f'{first:.3f}'}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
