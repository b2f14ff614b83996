"""``python -m simsid.benchmark ablation``: the method without each of its parts, as in the talk."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from jsonargparse import ArgumentParser

from simsid.benchmark import adapter
from simsid.benchmark.cases import Case, merged, same_detector, train_and_measure
from simsid.benchmark.difference import what_differences_cover
from simsid.benchmark.options import (
    add_budget_options,
    budget_of,
    labelled_part,
    places_of,
    settled,
    sweep_parser,
    sweep_settings,
    typed_command,
)
from simsid.benchmark.records import CaseSummary
from simsid.benchmark.sweeps.ablation_rows import FULL, ROWS
from simsid.benchmark.sweeps.output import Result, flat_rows, told
from simsid.benchmark.sweeps.plots import draw_ablation
from simsid.benchmark.sweeps.sweep import Summary, Sweep, run_sweep
from simsid.cli import parse
from simsid.data.datasets import RadiographData
from simsid.data.options import data_choice
from simsid.errors import SimsidError
from simsid.evaluation.blocks import Table
from simsid.terminal import literal

_NAME = "ablation"
_LIMITS = (
    "± is the standard deviation over training seeds. Intervals of an AUROC are 95 % bootstrap "
    "intervals over the measured images, of the mean over seeds, and do not cover training. With "
    "many rows, some differ by chance.",
    "Accuracy and F1 are at the threshold that is best on these very labels (`oracle`), as in the "
    "talk's table.",
)


def make_parser() -> ArgumentParser:
    parser = sweep_parser(
        _NAME, "Train the full method and the method without each part, all at one budget."
    )
    add_budget_options(parser)
    parser.add_argument("--rows", type=str | None, default=None,
                        help="some rows only, names with commas between; default: all")  # fmt: skip
    parser.add_argument("--row", type=str, action="append", default=[],
        help="a row of your own, as 'smaller code={\"latent_dim\": 16}'; may be repeated, and "
        "replaces the declared rows unless --rows names some")  # fmt: skip
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    model, preset, own = options.model, options.preset, dict(options.detector)
    budget, places = budget_of(options), places_of(options)
    chosen = chosen_rows(model, options.rows, options.row)
    data = adapter.load(data_choice(options))
    budget = settled(budget, model, own, data, len(data.train))
    part, labelled = labelled_part(data, options.part)
    settings = sweep_settings(_NAME, model, own, budget, data, part)
    command = typed_command(_NAME, arguments)

    def measure(case: Case, seed: int) -> dict[str, Any]:
        shown = sys.stderr.isatty()
        return train_and_measure(model, case, seed, data, labelled, budget, shown)

    sweep = Sweep(
        cases=distinct_cases(model, preset, own, chosen, data),
        seeds=options.seeds,
        settings=settings,
        labels=labelled.labels,
        reference=FULL,
        measure=measure,
        tell=lambda summary, lines: make_result(summary, settings, command),
    )
    return run_sweep(sweep, places)


def chosen_rows(model: str, names: str | None, own: Sequence[str] = ()) -> list[Case]:
    """The full method, the declared rows asked for, and the user's own.

    Args:
        names: of declared rows, with commas between; None: all, or none where there are own ones.
        own: texts as 'name={"setting": value}'.

    Raises:
        SimsidError: this detector has no rows, or none of that name, or a row cannot be read.
    """
    added = [_own_row(text) for text in own]
    rows = {case.name: case for case in ROWS.get(model, ())}
    if not rows and not added:
        raise SimsidError(
            f"no ablation rows for '{model}'; give some with --row, or choose from: {', '.join(ROWS)}"
        )
    wanted = [] if added else list(rows)
    if names is not None:
        wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in rows and name != FULL]
    if unknown:
        raise SimsidError(f"no row '{unknown[0]}' for '{model}'; choose from: {', '.join(rows)}")
    chosen = [*(rows[name] for name in wanted if name != FULL), *added]
    twice = {case.name for case in chosen if [c.name for c in chosen].count(case.name) > 1}
    if twice or FULL in {case.name for case in added}:
        raise SimsidError(f"two rows are called '{min(twice) if twice else FULL}'")
    return [Case(FULL), *chosen]


def _own_row(text: str) -> Case:
    name, sign, settings = text.partition("=")
    try:
        changes = json.loads(settings)
    except json.JSONDecodeError:
        changes = None
    if not (name.strip() and sign and isinstance(changes, dict) and changes):
        raise SimsidError(f"--row must be as 'smaller code={{\"latent_dim\": 16}}', not '{text}'")
    return Case(name.strip(), changes)


def distinct_cases(
    model: str, preset: str, own: dict[str, Any], rows: Sequence[Case], data: RadiographData
) -> list[Case]:
    """Rows on top of ``own`` settings; one that cannot change the full method is left out."""
    cases = [Case(c.name, merged(own, c.settings), c.place, c.acts_on) for c in rows]
    kept = [cases[0]]
    for case in cases[1:]:
        try:
            same = same_detector(model, cases[0], case, data, preset)
        except SimsidError:
            same = False  # the sweep will record what is wrong with it
        if same:
            print(f"left out: '{case.name}' changes nothing of this method", file=sys.stderr)
        else:
            kept.append(case)
    return kept


def make_result(summary: Summary, settings: dict[str, Any], command: str) -> Result | None:
    """The table: default score with its difference to full, then every component."""
    if not any(entry.seeds for entry in summary):
        return None
    names = list(next(entry for entry in summary if entry.seeds).scores)
    rows = [_table_row(entry, names) for entry in summary]
    shown = [name.replace("_", " ") for name in names]
    header = ("method", "seeds", f"AUROC, {shown[0]} (default)", "difference to full",
              *(f"AUROC, {name}" for name in shown[1:]), "oracle accuracy", "oracle F1")  # fmt: skip
    failed = tuple(f"'{e.case}' failed: {literal(text)}." for e in summary for text in e.failed)
    return Result(
        name=_NAME,
        title=f"Ablation of {settings['model']} on {settings['data']}",
        note=f"Every row: epochs {settings['epochs']}, batch size {settings['batch_size']}, the "
        f"same data and seeds; measured on the {settings['part']} part.",
        words=(
            "Mean ± standard deviation over seeds; of the default score also the 95 % interval. "
            "A star marks scores whose evidence a row touches directly. Others change through "
            "shared features, or merely because a row shifts the random draws of training: what "
            "that alone does is as large as the standard deviation over seeds.",
        ),
        table=Table(header, tuple(rows)),
        figure="AUROC of each score. Dots: mean over seeds with the 95 % interval over images, "
        "filled where the row touches that score's evidence directly. Ticks: seeds. Dashed: full.",
        rows=flat_rows(summary),
        content=summary,
        settings=settings,
        command=command,
        limits=(*failed, what_differences_cover(summary), *_LIMITS),
        draw=lambda path: draw_ablation(summary, settings, path),
    )


def _table_row(entry: CaseSummary, names: list[str]) -> tuple[str, ...]:
    scores, verdicts = entry.scores, entry.default
    default = scores.get(names[0])
    difference = "" if entry.case == FULL else "n/a"
    if default is not None and default.difference_ci is not None:
        low, high = default.difference_ci
        difference = f"{default.difference:+.3f} [{low:+.3f}, {high:+.3f}]"
    components = [
        told(scores.get(name)) + (" *" if name in entry.acts_on else "") for name in names[1:]
    ]
    return (
        entry.case,
        str(entry.seeds) + (f" ({len(entry.failed)} failed)" if entry.failed else ""),
        told(default, interval=True),
        difference,
        *components,
        told(verdicts.oracle_accuracy),
        told(verdicts.oracle_f1),
    )
