"""``python -m simsid.benchmark shift``: a method in another population, before and after
recalibration."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jsonargparse import ArgumentParser

from simsid.benchmark.curves.digits import (
    Digits,
    area_of,
    draw_digits,
    local_normals,
    track_anatomy,
)
from simsid.benchmark.curves.figures import draw_shift
from simsid.benchmark.curves.methods import add_method_options, method_choice, methods
from simsid.benchmark.curves.output import (
    NEVER,
    add_drawn_options,
    check_counts,
    command_of,
    strengths_in,
    table,
    write_curve,
)
from simsid.benchmark.curves.records import ShiftRow
from simsid.benchmark.options import folder_named
from simsid.cli import command_parser, parse
from simsid.detectors import Detector
from simsid.detectors.recalibration import LEAST, recalibrate
from simsid.errors import DataError, SimsidError
from simsid.evaluation.blocks import with_interval
from simsid.evaluation.evaluate import predict_in_batches
from simsid.evaluation.metrics import share_interval
from simsid.files import path_text
from simsid.shares import in_percent
from synth import AnatomyConfig, SynthError
from synth.population import POPULATIONS, Population, load_population

_NAME = "shift"
_TRACK = "shift-1"


def make_parser() -> ArgumentParser:
    parser = command_parser(
        f"python -m simsid.benchmark {_NAME}",
        "Train on one population of DigitAnatomy, and test on another at several strengths: AUROC, "
        "and the share of normals flagged, before and after recalibration on local normals.",
        example="--models simsid,region-patchcore --population other-scanner --out runs/shift",
    )
    add = parser.add_argument
    add("--track", type=str, default=_TRACK, help="a track with sets 'home' and 'away'")
    add("--population", type=path_text, default=None,
        help=f"{', '.join(POPULATIONS)}, or a .yaml or .json file; default: the track's own")  # fmt: skip
    add_method_options(parser)
    add_drawn_options(parser, per_kind=20)
    add("--local-normals", type=int, default=100, help="normals to recalibrate on")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    strengths = strengths_in(options.strengths, 0.0)
    check_counts(options.normals, options.per_kind)
    if options.local_normals < LEAST:
        raise SimsidError(f"--local-normals must be at least {LEAST}")
    home, population = (
        track_anatomy(options.track, "home"),
        _population(options.population, options.track),
    )
    folder = folder_named("--out", options.out)
    folder.mkdir(parents=True, exist_ok=True)
    found = methods(method_choice(options), home, print)
    rows: list[ShiftRow] = []
    for strength in strengths:
        config = dataclasses.replace(home, population=population, strength=strength)
        drawn = draw_digits(config, options.normals, options.per_kind)
        local = local_normals(config, options.local_normals)
        for name, detector in found.items():
            print(f"strength {strength:g}: {name}")
            rows.append(shift_row(name, detector, drawn, local, strength))
    rate = max(row.stated for row in rows)
    subject = f"track {options.track}, population {population.name}"
    draw_shift(rows, rate, subject, folder / f"{_NAME}.png")
    settings = {"command": command_of(_NAME, arguments),
                "track": options.track, "population": population.public(), "seed": options.seed,
                "train": options.train, "epochs": options.epochs, "normals": options.normals,
                "per_kind": options.per_kind, "local_normals": options.local_normals}  # fmt: skip
    page = write_curve(folder, _NAME, settings, rows, page_of(rows, subject))
    print(f"table: {page}")
    return 0


def _population(name: str | None, track: str) -> Population:
    """The one of this name or file; None takes the track's own."""
    if name is None:
        away: AnatomyConfig = track_anatomy(track, "away")
        return away.population or POPULATIONS["home"]
    try:
        return load_population(name)
    except SynthError as error:
        raise DataError(f"--population: {error}") from error


def shift_row(
    name: str, detector: Detector, drawn: Digits, local: np.ndarray, strength: float
) -> ShiftRow:
    """One method at one strength: AUROC, and normals flagged before and after recalibration."""
    prediction = predict_in_batches(detector, drawn.images)
    area, interval = area_of(drawn.labels, prediction.score)
    normals = drawn.labels == 0
    before = _flagged(detector, prediction.score[normals])
    own = recalibrate(detector, local)
    # Its networks are the same, and so are its scores unless they ask where normals lie.
    after = _flagged(own, predict_in_batches(own, drawn.images[normals]).score)
    return ShiftRow(
        method=name, strength=strength, auroc=area, auroc_ci=interval,
        flagged=before["share"], flagged_ci=tuple(before["ci"]),
        recalibrated=after["share"], recalibrated_ci=tuple(after["ci"]),
        stated=detector.calibration.false_alarm_rate, normals=int(normals.sum()),
    )  # fmt: skip


def _flagged(detector: Detector, scores: np.ndarray) -> dict:
    flagged = detector.calibration.is_abnormal(detector.score_names[0], scores)
    return share_interval(int(flagged.sum()), len(flagged))


def page_of(rows: Sequence[ShiftRow], subject: str) -> str:
    """The page: every strength of every method."""
    body = [
        [
            row.method, f"{row.strength:g}", with_interval(row.auroc, row.auroc_ci, absent=NEVER),
            with_interval(row.flagged, row.flagged_ci, 2, NEVER),
            with_interval(row.recalibrated, row.recalibrated_ci, 2, NEVER),
        ]
        for row in sorted(rows, key=lambda row: row.method)
    ]  # fmt: skip
    header = ["method", "strength", "AUROC", "normals flagged", "after recalibration"]
    return (
        f"# Shift: {subject}\n\n![AUROC and normals flagged against strength]({_NAME}.png)\n\n"
        f"Trained and calibrated at home for a stated rate of {in_percent(max(r.stated for r in rows))}. "
        "Intervals are of 95 %: bootstrap over images, and exact for shares; one training each.\n\n"
        f"{table(header, body)}"
    )
