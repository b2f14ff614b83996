"""Options and beginnings that the sweeps share."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser, Namespace

from simsid.benchmark import adapter
from simsid.benchmark.cases import Budget
from simsid.cli import command_parser
from simsid.data.datasets import LabelledImages, RadiographData
from simsid.data.options import add_data_options
from simsid.detectors import detector_class, detector_names
from simsid.detectors.calibration import DEFAULT_FALSE_ALARM_RATE
from simsid.errors import DataError, SimsidError, check_at_least_one
from simsid.evaluation.evaluate import PARTS, part_to_measure
from simsid.evaluation.metrics import has_both_classes
from simsid.files import path_text, real_path
from simsid.outputs import check_names, json_object
from simsid.training.options import resolve_precision


def sweep_parser(name: str, description: str) -> ArgumentParser:
    """A parser with the data set, where to write, and which part to measure on."""
    parser = command_parser(f"python -m simsid.benchmark {name}", description)
    add_data_options(parser)
    add = parser.add_argument
    add("--part", type=Literal[PARTS] | None, default=None,
        help="part to measure on; default: validation where there is one: test stays unread")  # fmt: skip
    add("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to compute")
    add("--out", type=path_text, required=True,
        help="folder of the tables and the plot; the same command goes on where it was stopped")  # fmt: skip
    add("--export", type=path_text, default=None,
        help="also write tables and plot there, without paths")  # fmt: skip
    return parser


def add_budget_options(parser: ArgumentParser) -> None:
    """Add what every row is trained with."""
    add = parser.add_argument
    add("--model", type=str, default="simsid", help=f"one of: {', '.join(detector_names())}")
    add("--preset", type=Literal["quick", "paper"], default="quick", help="sizes of the network")
    add("--seeds", type=int, default=3, help="trainings of each row, seeds 0, 1, …")
    add(
        "--epochs",
        type=int | None,
        default=None,
        help="of every row; by default what the preset asks for",
    )
    add("--batch-size", type=int, default=16, help="images a step")
    add("--precision", type=Literal["auto", "fp32", "bf16"], default="auto", help="of training")
    add("--false-alarm-rate", type=float, default=DEFAULT_FALSE_ALARM_RATE,
        help="share of normals that may be called abnormal")  # fmt: skip
    add("--detector", type=dict[str, Any], default={},
        help="settings of every row that differ from the preset, as --detector.num_slots 50")  # fmt: skip


def budget_of(options: Namespace) -> Budget:
    """The common budget, with what 'auto' means here.

    Raises:
        SimsidError: an unknown model, or numbers that cannot be.
    """
    check_at_least_one(seeds=options.seeds, epochs=options.epochs, batch_size=options.batch_size)
    check_rate(options.false_alarm_rate)
    detector_class(options.model)
    device = adapter.device_named(options.device)
    return Budget(
        preset=options.preset,
        epochs=options.epochs or 0,
        batch_size=options.batch_size,
        device=device,
        precision=resolve_precision(options.precision, device),
        false_alarm_rate=options.false_alarm_rate,
    )


def check_rate(false_alarm_rate: float) -> None:
    """Refuse a rate that is no share of normals.

    Raises:
        SimsidError: it does not lie between 0 and 1.
    """
    if not 0 < false_alarm_rate < 1:
        raise SimsidError(f"--false-alarm-rate must lie between 0 and 1, not {false_alarm_rate}")


def settled(
    budget: Budget, model: str, settings: dict[str, Any], data: RadiographData, images: int
) -> Budget:
    """The budget with as many epochs as the preset asks for on this data, unless they were given."""
    if budget.epochs:
        return budget
    config = adapter.untrained(model, budget.preset, settings, 0, data).config
    steps = max(1, images // budget.batch_size)
    epochs = detector_class(model).epochs_for(budget.preset, config, steps)
    return dataclasses.replace(budget, epochs=epochs)


def labelled_part(data: RadiographData, part: str | None) -> tuple[str, LabelledImages]:
    """Name and images of the part to measure on: validation first, since sweeps lead to choices.

    Raises:
        DataError: there is none, or it lacks a class.
    """
    if part is None and data.validation is not None and len(data.validation):
        part = "validation"
    part = part_to_measure(data, part)
    if part is None:
        raise DataError(f"'{data.name}' has no labelled validation or test part to measure on")
    labelled: LabelledImages = getattr(data, part)
    if not has_both_classes(labelled.labels):
        raise DataError(f"the {part} part of '{data.name}' has one class only")
    return part, labelled


def sweep_settings(
    name: str, model: str, detector: dict[str, Any], budget: Budget, data: RadiographData, part: str
) -> dict[str, Any]:
    """What makes rows of one folder comparable; seeds and rows may be added later."""
    return {
        "benchmark": name,
        "model": model,
        "detector": detector,
        **dataclasses.asdict(budget),
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "part": part,
    }


def typed_command(name: str, arguments: list[str] | None) -> str:
    """The exact command, to run it again."""
    typed = sys.argv[2:] if arguments is None else arguments
    return shlex.join(["python", "-m", "simsid.benchmark", name, *typed])


_SWEEPS = (
    *("ablation", "contamination", "robustness", "benchmark", "patchcore"),
    *("severity", "shift", "scoring", "gpu", "supervised"),
)
_WRITTEN = (
    *("settings.json", "rows.jsonl", "commands.txt", "data", "maps", "runs", "logs", "ceiling"),
    *("note.txt", "reference.txt"),
    *("roc.png", "kinds.png", "cost.png"),
    *(f"{name}.{kind}" for name in _SWEEPS for kind in ("md", "json", "csv", "png")),
)


def check_results(folder: Path, option: str) -> None:
    """Refuse a folder in which somebody else's files have the names that benchmarks write.

    Raises:
        SimsidError: it is a file, or holds such a file and nothing that a benchmark left.
    """
    own = is_sweep(folder) or any(
        {"made", "rows"} <= found.keys()
        or {"benchmark", "rows"} <= found.keys()
        or {"entries", "settings"} <= found.keys()
        for found in (json_object(folder / f"{name}.json") for name in _SWEEPS)
    )
    check_names(folder, option, _WRITTEN, lambda _: own)


def is_sweep(folder: Path) -> bool:
    """Whether a benchmark was at work here."""
    return bool({"benchmark", "preset", "budget"} & json_object(folder / "settings.json").keys())


@dataclass(frozen=True)
class Places:
    """Where a sweep writes.

    Attributes:
        out: folder of everything. export: of what everybody may see, None where none is asked for.
        dataset: whose folder the exported command names by a word.
    """

    out: Path
    export: Path | None
    dataset: str


def places_of(options: Namespace) -> Places:
    """What ``--out``, ``--export`` and ``--dataset`` say.

    Raises:
        SimsidError: a folder is a file, or both are one.
    """
    out = folder_named("--out", options.out)
    export = None if options.export is None else folder_named("--export", options.export)
    if export is not None and real_path(export) == real_path(out):
        raise SimsidError(f"--export must name another folder than {export}")
    return Places(out, export, options.dataset)


def folder_named(option: str, text: str) -> Path:
    """The folder that an option names.

    Raises:
        SimsidError: it is a file.
    """
    path = Path(text)
    check_results(path, option)
    return path
