"""``python -m simsid.benchmark robustness``: a trained model's scores under changed films."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from jsonargparse import ArgumentParser

from simsid.benchmark import adapter
from simsid.benchmark.cases import Case, measure
from simsid.benchmark.options import labelled_part, places_of, sweep_parser, typed_command
from simsid.benchmark.record_files import flat
from simsid.benchmark.records import ChangedScore, Interval
from simsid.benchmark.summary import Lines
from simsid.benchmark.sweeps.output import Result
from simsid.benchmark.sweeps.perturbations import PERTURBATIONS, perturb
from simsid.benchmark.sweeps.plots import draw_robustness
from simsid.benchmark.sweeps.sweep import Summary, Sweep, run_sweep
from simsid.cli import parse
from simsid.data.options import data_choice
from simsid.detectors import Detector, load_model
from simsid.errors import DataError
from simsid.evaluation.blocks import Table, number, percent, with_interval
from simsid.evaluation.bootstrap import mean_interval
from simsid.evaluation.provenance import kit_commit
from simsid.files import path_text
from simsid.shares import in_percent

UNTOUCHED = "untouched"
_NAME = "robustness"
_LIMITS = (
    "Changes are made to films as the model takes them, after its own window and resizing: a "
    "change that the preprocessing would undo is not credited to it.",
    "One change at a time, the same for normals and abnormals: a real new hospital changes "
    "several at once, and its patients too.",
    "One trained model and one draw of each change: intervals, those of differences too, cover the "
    "measured images only, not another training.",
)


def make_parser() -> ArgumentParser:
    parser = sweep_parser(
        _NAME, "Score films that are scaled, shifted, cropped, lighter, blurred, … and compare."
    )
    parser.add_argument("--model", type=path_text, required=True, help="run folder or model folder")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    places = places_of(options)
    detector = load_model(options.model, adapter.device_named(options.device))
    data = adapter.load(data_choice(options), detector.preprocessing)
    part, labelled = labelled_part(data, options.part)
    if labelled.images.shape[1:] != detector.image_size:
        raise DataError(f"the data has images of {labelled.images.shape[1:]} px, the model takes "
                        f"{detector.image_size}")  # fmt: skip
    settings = {
        "benchmark": _NAME, "model": detector.name, "weights": weights_digest(detector),
        "false_alarm_rate": detector.calibration.false_alarm_rate, "data": data.name,
        "data_fingerprint": data.fingerprint, "part": part,
    }  # fmt: skip
    kinds = {case.name: kind for kind, case in all_cases()}
    command = typed_command(_NAME, arguments)

    def measure_changed(case: Case, seed: int) -> dict[str, Any]:
        images = labelled.images
        if case.place is not None:
            images = perturb(images, PERTURBATIONS[kinds[case.name]], case.place, seed)
        return measure(detector, images, labelled) | {"commit": kit_commit()}

    def tell(summary: Summary, lines: Lines) -> Result | None:
        rows = robustness_rows(summary, lines, labelled.labels, kinds)
        return make_result(rows, settings, command) if rows else None

    sweep = Sweep(
        cases=[case for _, case in all_cases()],
        seeds=1,
        settings=settings,
        labels=labelled.labels,
        reference=UNTOUCHED,
        measure=measure_changed,
        tell=tell,
    )
    return run_sweep(sweep, places)


def all_cases() -> list[tuple[str, Case]]:
    """Kind of change and case, the untouched films first."""
    cases = [(UNTOUCHED, Case(UNTOUCHED))]
    for kind, perturbation in PERTURBATIONS.items():
        for strength in perturbation.strengths:
            name = f"{kind} {perturbation.text.format(strength)}"
            cases.append((kind, Case(name, place=strength)))
    return cases


def weights_digest(detector: Detector) -> str:
    """Short hash of everything the model goes by, so that rows of two models never mix."""
    digest = hashlib.sha256()
    for name, tensor in sorted(detector.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    if detector.is_calibrated:  # verdicts depend on it
        for name, scores in sorted(detector.calibration.scores.items()):
            digest.update(name.encode() + np.asarray(scores).tobytes())
    return digest.hexdigest()[:16]


def robustness_rows(
    summary: Summary,
    lines: Lines,
    labels: np.ndarray,
    kinds: dict[str, str],
) -> list[ChangedScore]:
    """A row of each change and score, the default score of each change first."""
    untouched = lines.get((UNTOUCHED, 0))
    if untouched is None or not untouched["ok"]:
        return []
    default = next(iter(untouched["auroc"]))
    normal = labels == 0
    rows = []
    for entry in summary:
        if not entry.seeds:
            continue
        line = lines[entry.case, 0]
        flagged = line["normals_flagged"] or {}
        for score, value in entry.scores.items():
            verdicts = flagged if score == default else {}
            interval = verdicts.get("ci")
            moves = _moves(untouched["scores"][score], line["scores"][score], normal)
            rows.append(ChangedScore(
                case=entry.case, change=kinds[entry.case], strength=entry.place, score=score,
                is_default=score == default, auroc=value.mean, auroc_ci=value.ci,
                difference=value.difference, difference_ci=value.difference_ci,
                false_alarms=verdicts.get("share"), false_alarms_ci=tuple(interval) if interval else None,
                move=float(moves.mean()), move_ci=mean_interval(moves),
                distance=float(np.abs(moves).mean()),
            ))  # fmt: skip
    return rows


def _moves(before: Sequence[float], after: Sequence[float], normal: np.ndarray) -> np.ndarray:
    """Of each normal's score, in standard deviations of normals' scores before."""
    start = np.array(before)[normal]
    deviation = max(float(start.std(ddof=1)), 1e-12) if len(start) > 1 else 1.0
    return (np.array(after)[normal] - start) / deviation


def make_result(rows: Sequence[ChangedScore], settings: dict[str, Any], command: str) -> Result:
    """The table: one row a change."""
    body = [
        (
            row.case,
            with_interval(row.auroc, row.auroc_ci),
            _signed(row.difference, row.difference_ci),
            percent(row.false_alarms),
            number(row.move, 2),
            number(row.distance, 2),
        )
        for row in rows
        if row.is_default
    ]
    header = ("change", "AUROC [95 % interval]", "difference to untouched", "normals flagged",
              "move of normals (SD)", "distance (SD)")  # fmt: skip
    return Result(
        name=_NAME,
        title=f"Robustness of {settings['model']} on {settings['data']}",
        note=f"Measured on the {settings['part']} part; nothing is trained or calibrated again.",
        words=(
            "Normals flagged: at the model's own threshold, for a stated rate of "
            f"{in_percent(settings['false_alarm_rate'])}. Move: mean change of normals' scores, in standard "
            "deviations of untouched normals' scores; distance: mean of its absolute values. "
            "Differences are paired by image. CSV and JSON tell the same of every score.",
        ),
        table=Table(header, tuple(body)),
        figure="Each change at each strength, with 95 % intervals over images. Dashed: untouched "
        "films.",
        rows=[flat(row) for row in rows],
        content=rows,
        settings=settings,
        command=command,
        limits=_LIMITS,
        draw=lambda path: draw_robustness([row for row in rows if row.is_default], settings, path),
    )


def _signed(value: float | None, interval: Interval | None) -> str:
    if value is None or interval is None:
        return ""
    return f"{value:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]"
