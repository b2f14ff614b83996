"""``python -m simsid.benchmark gpu``: does the kit agree with itself on a GPU, and how fast is it there?

One short run that ends by the clock: what it did not reach stands in the page as such.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from jsonargparse import ArgumentParser

from simsid.benchmark import pages
from simsid.benchmark.cost import gpu_parts
from simsid.benchmark.cost.gpu_parts import WORKLOADS
from simsid.benchmark.cost.speed_records import Agreement, Compiled, NotMeasured, Rate, Rates
from simsid.benchmark.made import commits_text, versions_text
from simsid.benchmark.options import check_results, typed_command
from simsid.cli import command_parser, parse
from simsid.detectors import detector_names
from simsid.device import pick_device
from simsid.errors import SimsidError, first_line
from simsid.evaluation.blocks import Section, Table
from simsid.files import path_text
from simsid.shares import in_percent

_WORDS = {
    "agreement": "Largest difference between the GPU and the CPU, in standard deviations of the CPU's "
    "scores and maps.",
    "speed": "Operations are counted by torch; the ceiling is the largest plain matrix product, measured "
    "in the same run.",
    "compiled": "A batch's evidence by ways that prepare it: time, and the largest difference.",
}
Row = Agreement | Rates | Compiled | NotMeasured
Parts = dict[str, dict[str, Callable[[], Row]]]  # part, row, what measures it


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.benchmark gpu",
        "Agreement of CPU and GPU for every detector, speed in training and scoring beside the "
        "matmul ceiling, torch.compile and CUDA graphs: in one short run.",
        example="--minutes 10 --out gpu",
    )
    add = parser.add_argument
    add("--minutes", type=float, default=10.0, help="no row begins later than this")
    add("--batch", type=int, default=64, help="images in a step and in a batch")
    add("--out", type=path_text, required=True, help="folder to write gpu.md and gpu.json to")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: there is no GPU, or numbers that cannot be.
    """
    options = parse(make_parser(), arguments)
    if options.minutes <= 0 or options.batch < 2:
        raise SimsidError("--minutes must be above 0, --batch at least 2")
    check_results(Path(options.out), "--out")
    device = pick_device("cuda")
    found = measure(all_parts(device, options.batch), 60 * options.minutes)
    made = {
        "card": torch.cuda.get_device_name(),
        "batch": options.batch,
        "commit": commits_text(),
        "versions": versions_text(),
        "command": typed_command("gpu", arguments),
    }
    print(write_page(Path(options.out), found, made))
    return 0


def all_parts(device: str, batch: int, side: int = 8192) -> Parts:
    """Every row there is to measure.

    Args:
        side: of the matrices that the ceiling is measured with.
    """
    return {
        "compiled": {
            workload: partial(gpu_parts.compiled, workload, device, batch) for workload in WORKLOADS
        },
        "speed": {
            f"{workload}, {'bf16' if bf16 else 'fp32'}": partial(
                gpu_parts.training, workload, device, bf16, batch, side
            )
            for workload in WORKLOADS
            for bf16 in (True, False)
        },
        "agreement": {
            name: partial(gpu_parts.agreement, name, device) for name in detector_names()
        },
    }


def measure(parts: Parts, seconds: float) -> dict[str, dict[str, Row]]:
    """Every row; one that fails says why, and none begins after ``seconds``."""
    end = time.monotonic() + seconds
    found: dict[str, dict[str, Row]] = {}
    for part, rows in parts.items():
        found[part] = {}
        for name, run in rows.items():
            try:
                found[part][name] = (
                    run() if time.monotonic() < end else NotMeasured(why="not reached")
                )
            except Exception as error:  # what a first day on a GPU is there to find
                found[part][name] = NotMeasured(why=f"failed {first_line(error)}")
            print(f"{part}: {name}: {_told(found[part][name])}", flush=True)
    return found


def write_page(folder: Path, found: dict[str, dict[str, Row]], made: dict[str, object]) -> Path:
    """Write ``gpu.md`` and ``gpu.json``; returns the first."""
    sections = [
        Section(
            part.capitalize(),
            (_WORDS[part], Table(("what", "found"), tuple((k, _told(v)) for k, v in rows.items()))),
        )
        for part, rows in found.items()
    ]
    title, note = f"On a GPU: {made['card']}", "One run; times are of its machine."
    return pages.write_page(folder, "gpu", title, note, sections, made, found)


def _told(row: Row) -> str:
    match row:
        case NotMeasured():
            return row.why
        case Agreement():
            return (
                f"fp32 score {row.fp32_score:.3g}, map {row.fp32_anomaly_map:.3g}; "
                f"bf16 score {row.bf16_score:.3g}, map {row.bf16_anomaly_map:.3g}"
            )
        case Rates():
            rates = {"training": row.training, "scoring": row.scoring}
            told = (f"{what} {_rate_told(rate)}" for what, rate in rates.items())
            return f"ceiling {row.ceiling:.3g} TFLOP/s, {', '.join(told)}"
        case Compiled():
            ways = (
                f"{name} failed {way.failed}"
                if way.ms is None
                else f"{name} {way.ms:.3g} ms, difference {way.difference:.3g}"
                for name, way in row.ways.items()
            )
            return f"as it is {row.as_it_is:.3g} ms, {', '.join(ways)}"


def _rate_told(rate: Rate) -> str:
    return f"{rate.images:.3g} images/s ({in_percent(rate.share_of_ceiling, 0)} of the ceiling)"
