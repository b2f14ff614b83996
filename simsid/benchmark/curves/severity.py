"""``python -m simsid.benchmark severity``: AUROC against the strength of each kind of anomaly."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jsonargparse import ArgumentParser

from simsid.benchmark.curves.digits import Digits, area_of, draw_digits, track_anatomy
from simsid.benchmark.curves.figures import draw_severity
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
from simsid.benchmark.curves.records import SeverityRow
from simsid.benchmark.options import folder_named
from simsid.cli import command_parser, parse
from simsid.detectors import Detector
from simsid.evaluation.blocks import with_interval
from simsid.evaluation.evaluate import predict_in_batches
from simsid.evaluation.saturated_overlap import FPR_LIMIT, saturated_overlap
from simsid.shares import in_percent
from synth.tracks import TRACKS

_NAME = "severity"
FAMILIES = ("all", "structural", "logical")
SEEN_AT = 0.75
"""AUROC from which a kind counts as seen, half way from chance to certainty."""


def make_parser() -> ArgumentParser:
    parser = command_parser(
        f"python -m simsid.benchmark {_NAME}",
        "Draw AUROC against the strength of DigitAnatomy's anomalies, by kind. Strength is "
        "1 - difficulty. The same normals stand beside every strength.",
        example="--track hard-1 --models simsid,region-patchcore --out runs/severity",
    )
    add = parser.add_argument
    add("--track", type=str, default="hard-1",
        help=f"what is trained on and drawn: {', '.join(TRACKS)}; its own strength gives way")  # fmt: skip
    add_method_options(parser)
    add_drawn_options(parser, per_kind=40)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    strengths, config = strengths_in(options.strengths, 0.0), track_anatomy(options.track)
    check_counts(options.normals, options.per_kind)
    folder = folder_named("--out", options.out)
    folder.mkdir(parents=True, exist_ok=True)
    found = methods(method_choice(options), config, print)
    rows: list[SeverityRow] = []
    for strength in strengths:
        drawn = draw_digits(
            dataclasses.replace(config, difficulty=1 - strength), options.normals, options.per_kind
        )
        for name, detector in found.items():
            print(f"strength {strength:g}: {name}")
            rows += severity_rows(name, detector, drawn, strength)
    groups = list(dict.fromkeys(row.group for row in rows))
    draw_severity(rows, groups, f"track {options.track}", folder / f"{_NAME}.png")
    settings = {"command": command_of(_NAME, arguments),
                "track": options.track, "train": options.train, "epochs": options.epochs,
                "seed": options.seed, "normals": options.normals, "per_kind": options.per_kind}  # fmt: skip
    page = write_curve(folder, _NAME, settings, rows, page_of(rows, groups, options.track))
    print(f"table: {page}")
    return 0


def severity_rows(
    name: str, detector: Detector, drawn: Digits, strength: float
) -> list[SeverityRow]:
    """One row for all anomalies, each family and each kind: AUROC against all normals, sPRO."""
    prediction = predict_in_batches(detector, drawn.images)
    scores, maps = prediction.score, prediction.anomaly_map[:, 0]
    normal = drawn.labels == 0
    kinds = list(dict.fromkeys(drawn.kinds[~normal].tolist()))
    groups = {"all": ~normal}
    groups |= {family: drawn.families == family for family in FAMILIES[1:]}
    groups |= {kind: drawn.kinds == kind for kind in kinds}
    rows = []
    for group, members in groups.items():
        if not members.any():
            continue
        chosen = np.flatnonzero(normal | members)
        area, interval = area_of(drawn.labels[chosen], scores[chosen])
        saturations = [drawn.saturations[index] for index in chosen]
        overlap = saturated_overlap(maps[chosen], drawn.regions[chosen], saturations)
        rows.append(SeverityRow(
            method=name, group=group, strength=strength, auroc=area,
            auroc_ci=interval, spro=overlap, n=int(members.sum()),
        ))  # fmt: skip
    return rows


def seen_from(rows: Sequence[SeverityRow], level: float = SEEN_AT) -> float | None:
    """Smallest strength from which the AUROC stays at ``level``; None where it does not.

    Between two strengths the curve is taken as straight.
    """
    ordered = sorted(rows, key=lambda row: row.strength)
    if not ordered or ordered[-1].auroc < level:
        return None
    for weaker, stronger in zip(ordered[-2::-1], ordered[:0:-1], strict=True):
        if weaker.auroc < level:
            rise = (level - weaker.auroc) / (stronger.auroc - weaker.auroc)
            return weaker.strength + rise * (stronger.strength - weaker.strength)
    return ordered[0].strength


def page_of(rows: Sequence[SeverityRow], groups: Sequence[str], track: str) -> str:
    """The page: what is seen from which strength, and the numbers at full strength."""
    names = list(dict.fromkeys(row.method for row in rows))
    strongest = max(row.strength for row in rows)
    seen, full = [], []
    for group in groups:
        own = {n: [r for r in rows if r.group == group and r.method == n] for n in names}
        at = [seen_from(own[name]) for name in names]
        seen.append([group, *(NEVER if value is None else f"{value:.2f}" for value in at)])
        best = [next(r for r in own[name] if r.strength == strongest) for name in names]
        full.append([group, *(_cell(row) for row in best)])
    return (
        f"# Severity: AUROC against the strength of anomalies, track {track}\n\n"
        f"![AUROC against strength by kind]({_NAME}.png)\n\n"
        "Bands are 95 % bootstrap intervals over images; one training each. Strength is "
        "1 - difficulty.\n\n"
        f"Smallest strength from which the AUROC stays at {SEEN_AT} ({NEVER}: it does not):\n\n"
        f"{table(['anomalies', *names], seen)}\n"
        f"At strength {strongest:g}: AUROC with its interval, then saturated per-region overlap up "
        f"to {in_percent(FPR_LIMIT)} false positive pixels:\n\n{table(['anomalies', *names], full)}"
    )


def _cell(row: SeverityRow) -> str:
    overlap = NEVER if row.spro is None else f"{row.spro:.2f}"
    return f"{with_interval(row.auroc, row.auroc_ci, absent=NEVER)} · {overlap}"
