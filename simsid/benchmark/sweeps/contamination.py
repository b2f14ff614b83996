"""``python -m simsid.benchmark contamination``: training with abnormals among the normals."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

from jsonargparse import ArgumentParser

from simsid.benchmark import adapter
from simsid.benchmark.cases import Case, train_and_measure
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
from simsid.benchmark.sweeps.mixtures import FilmMixtures, GeneratedMixtures
from simsid.benchmark.sweeps.output import Result, flat_rows, told
from simsid.benchmark.sweeps.plots import draw_contamination
from simsid.benchmark.sweeps.sweep import Summary, Sweep, run_sweep
from simsid.cli import parse
from simsid.data.choice import DataChoice
from simsid.data.datasets import RadiographData
from simsid.data.load import GENERATED
from simsid.data.options import data_choice
from simsid.errors import SimsidError, check_at_least_one
from simsid.evaluation.blocks import Table
from simsid.shares import in_percent
from simsid.terminal import literal

_NAME = "contamination"
_LIMITS = (
    "Calibration normals hold no abnormals: the threshold is that of a user who has a few films "
    "known to be normal. Without any, verdicts would suffer more than the AUROC does.",
    "± is the standard deviation over training seeds, which also draw their films where films are "
    "mixed. Intervals of an AUROC are 95 % bootstrap intervals over the measured images, of the mean "
    "over seeds, and do not cover training. CSV and JSON have differences to the first row.",
)


def make_parser() -> ArgumentParser:
    parser = sweep_parser(
        _NAME, "Train on normals mixed with abnormals, at equal numbers of training images."
    )
    add_budget_options(parser)
    parser.add_argument("--rates", type=str, default="0,0.05,0.1,0.2,0.3,0.5",
                        help="shares of abnormal images in training, with commas between")  # fmt: skip
    parser.add_argument("--train-images", type=int | None, default=None,
                        help="in every training set; default: as many as the rates allow")  # fmt: skip
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    model, own = options.model, dict(options.detector)
    budget, places = budget_of(options), places_of(options)
    rates = parse_rates(options.rates)
    mixtures = make_mixtures(data_choice(options), rates, options.train_images)
    budget = settled(budget, model, own, mixtures.data, mixtures.size)
    part, labelled = labelled_part(mixtures.data, options.part)
    shares = {f"{100 * rate:g} %": rate for rate in rates}
    counts = {name: mixtures.abnormal(rate) for name, rate in shares.items()}
    settings = sweep_settings(_NAME, model, own, budget, mixtures.data, part)
    settings["train_images"] = mixtures.size
    command = typed_command(_NAME, arguments)

    def measure(case: Case, seed: int) -> dict[str, Any]:
        train = mixtures.train(shares[case.name], seed)
        data = dataclasses.replace(mixtures.data, train=train)
        shown = sys.stderr.isatty()
        line = train_and_measure(model, case, seed, data, labelled, budget, shown)
        return line | {"abnormal_in_training": counts[case.name]}

    sweep = Sweep(
        cases=[Case(name, own, rate) for name, rate in shares.items()],
        seeds=options.seeds,
        settings=settings,
        labels=labelled.labels,
        reference=next(iter(shares)),
        measure=measure,
        tell=lambda summary, lines: make_result(summary, settings, command, counts),
    )
    return run_sweep(sweep, places)


def parse_rates(text: str) -> list[float]:
    """'0,0.1' to rising shares without repetition.

    Raises:
        SimsidError: not numbers in [0, 1).
    """
    try:
        rates = sorted({float(part) for part in text.split(",")})
    except ValueError as error:
        raise SimsidError(f"--rates must be numbers with commas between, not {text}") from error
    if not all(0 <= rate < 1 for rate in rates):
        raise SimsidError(f"--rates must lie in [0, 1), not {text}")
    return rates


def make_mixtures(
    choice: DataChoice, rates: Sequence[float], train_images: int | None
) -> GeneratedMixtures | FilmMixtures:
    """Training sets of equal size at each rate.

    Args:
        train_images: in each; None takes as many as the rates allow.

    Raises:
        DataError: the data set cannot be had, or has too few films.
        SimsidError: too small a ``--train-images``.
    """
    check_at_least_one(train_images=train_images)

    def load(contamination: float) -> RadiographData:
        return adapter.load(choice.contaminated(contamination))

    if choice.dataset == GENERATED and choice.data_root is None:
        return GeneratedMixtures(load, train_images)
    return FilmMixtures(load, rates, train_images)


def make_result(
    summary: Summary, settings: dict[str, Any], command: str, counts: dict[str, int]
) -> Result | None:
    """The table: a row for each share, a column for each score and for the verdicts.

    Args:
        counts: of abnormal images in training, by case.
    """
    if not any(entry.seeds for entry in summary):
        return None
    names = list(next(entry for entry in summary if entry.seeds).scores)
    rows = [
        (
            entry.case,
            f"{counts[entry.case]} of {settings['train_images']}",
            str(entry.seeds),
            told(entry.scores.get(names[0]), interval=True),
            *(told(entry.scores.get(name)) for name in names[1:]),
            told(entry.default.sensitivity),
            told(entry.default.false_alarms),
        )
        for entry in summary
    ]
    shown = [name.replace("_", " ") for name in names]
    header = ("abnormal in training", "images", "seeds", f"AUROC, {shown[0]} (default)",
              *(f"AUROC, {name}" for name in shown[1:]), "sensitivity", "false alarms")  # fmt: skip
    failed = tuple(f"'{e.case}' failed: {literal(text)}." for e in summary for text in e.failed)
    return Result(
        name=_NAME,
        title=f"Contaminated training of {settings['model']} on {settings['data']}",
        note=f"Every row: {settings['train_images']} training images, epochs "
        f"{settings['epochs']}, batch size {settings['batch_size']}; measured on the "
        f"{settings['part']} part.",
        words=(
            "Mean ± standard deviation over seeds; of the default score also the 95 % interval. "
            "The number of training images is that which the largest share allows, the same for "
            "all, so rows differ in the share alone. Sensitivity and false alarms are at the "
            f"threshold for a stated rate of {in_percent(settings['false_alarm_rate'])}.",
        ),
        table=Table(header, tuple(rows)),
        figure="AUROC against the share of abnormal images in training. Lines: means over seeds; "
        "dots: seeds; band: the default score's 95 % interval over images.",
        rows=flat_rows(summary),
        content=summary,
        settings=settings,
        command=command,
        limits=(*failed, *_LIMITS, what_differences_cover(summary)),
        draw=lambda path: draw_contamination(summary, settings, path),
    )
