"""``python -m simsid.benchmark patchcore``: memory and time of PatchCore's kinds, and of a peer's.

All rows see the same films, a ResNet-18 of random weights and the same share of stored vectors:
what is measured is cost. Each runs in processes of its own, in turn with the others.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jsonargparse import ArgumentParser

from simsid.benchmark import adapter
from simsid.benchmark.cost import patchcore_rows
from simsid.benchmark.cost.patchcore_figure import draw_region_patchcore
from simsid.benchmark.cost.patchcore_page import Runs, cost_table, write_page
from simsid.benchmark.cost.patchcore_records import Measured
from simsid.benchmark.cost.patchcore_rows import OURS, PEER
from simsid.benchmark.options import check_results, typed_command
from simsid.benchmark.record_files import parsed
from simsid.benchmark.sweeps.output import as_text
from simsid.cli import command_parser, parse
from simsid.data.datasets import RadiographData
from simsid.data.options import add_data_options, data_choice
from simsid.data.own_files import says_figure
from simsid.errors import SimsidError, check_at_least_one
from simsid.files import path_text
from simsid.outputs import check_file
from simsid.shares import in_percent


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.benchmark patchcore",
        "Memory and time of patchcore and region-patchcore, with and without masking, "
        "and of anomalib's PatchCore, in one run.",
    )
    add_data_options(parser)
    add = parser.add_argument
    add("--films", type=int, default=200, help="training normals that are looked at")
    add("--coreset-share", type=float, default=0.01, help="share of the vectors that is stored")
    add("--runs", type=int, default=3, help="processes of each row; median and range are shown")
    add("--repeats", type=int, default=5, help="measurements of scoring in each; its median counts")
    add("--out", type=path_text, default=None,
        help="folder to write patchcore.md and patchcore.json to, without paths")  # fmt: skip
    add("--anomalib-python", type=path_text, default=None,
        help="interpreter of an environment that has anomalib; default: this one")  # fmt: skip
    add("--figure", type=path_text, default=None,
        help="draw what --model makes of this data into a PNG, and measure nothing")  # fmt: skip
    add("--model", type=path_text, default=None, help="run folder of a region-patchcore to draw")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: numbers that cannot be, or a row that fails.
    """
    options = parse(make_parser(), arguments)
    effort = Effort(options.coreset_share, options.runs, options.repeats)
    _check(effort, options.films)
    if options.out is not None:
        check_results(Path(options.out), "--out")
    if options.figure is not None:
        check_file(Path(options.figure), "--figure", "a figure", says_figure)
    python = peer_python(options.anomalib_python)
    data = adapter.load(data_choice(options))
    if options.figure is not None:
        if options.model is None:
            raise SimsidError("--figure needs a trained region-patchcore: name it with --model")
        print(f"figure: {draw_region_patchcore(options.model, data, Path(options.figure))}")
        return 0
    films = data.train[: options.films]
    height, width = films.shape[1:]
    if height != width:
        raise SimsidError(f"this benchmark takes square films, not {films.shape[1:]}")
    runs = _measure_all(films, python, effort)
    table = cost_table(runs)
    stored = in_percent(options.coreset_share, 1)
    print(f"{len(films)} films of {width}x{width} px, ResNet-18, {stored} stored; "
          f"median [least, most] of {options.runs} processes (share of the first row's)")  # fmt: skip
    print(as_text(table))
    if python is None:
        print("anomalib is not installed: its row is left out. Make an environment with "
              "pip install anomalib and name its interpreter with --anomalib-python")  # fmt: skip
    if options.out is not None:
        settings = _settings(effort, data, len(films), width)
        command = typed_command("patchcore", arguments)
        page = write_page(Path(options.out), runs, settings, command, options.dataset)
        print(f"table: {page}")
    return 0


def _check(effort: Effort, films: int) -> None:
    check_at_least_one(repeats=effort.repeats, runs=effort.runs)
    if films < 16 or not 0 < effort.coreset_share <= 1:
        raise SimsidError("--films must be at least 16, --coreset-share within 0 and 1")


@dataclass(frozen=True)
class Effort:
    """How often what is measured.

    Attributes:
        coreset_share: of the vectors that are stored.
        runs: processes of each row. repeats: of the scoring, in each of them.
    """

    coreset_share: float
    runs: int
    repeats: int


def _measure_all(films: np.ndarray, python: str | None, effort: Effort) -> Runs:
    """Every row once, then all again: what the machine does meanwhile falls on all alike."""
    interpreters = dict.fromkeys(OURS, sys.executable)
    if python is not None:
        interpreters = {PEER: python} | interpreters
    runs: Runs = {name: [] for name in interpreters}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "films.npy")
        np.save(path, films)
        side, share = str(films.shape[1]), str(effort.coreset_share)
        for _ in range(effort.runs):
            for name, found in runs.items():
                numbers = (str(path), side, share, str(effort.repeats))
                found.append(run_row(interpreters[name], name, numbers))
    return runs


def _settings(effort: Effort, data: RadiographData, films: int, side: int) -> dict[str, object]:
    return {
        "benchmark": "patchcore",
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "films": films,
        "side_in_px": side,
        "backbone": "ResNet-18 of random weights, layers 2 and 3",
        **dataclasses.asdict(effort),
    }


def peer_python(given: str | None) -> str | None:
    """The interpreter to run the peer with; None where there is none.

    Raises:
        SimsidError: one was given that has no anomalib.
    """
    if given is None:
        return sys.executable if importlib.util.find_spec("anomalib") else None
    probe = "import importlib.util as u, sys; sys.exit(u.find_spec('anomalib') is None)"
    try:
        lacking = subprocess.run([given, "-c", probe], capture_output=True).returncode
    except OSError as error:
        raise SimsidError(f"--anomalib-python {given} cannot be run: {error}") from error
    if lacking:
        raise SimsidError(f"{given} has no anomalib: pip install anomalib in its environment")
    return given


def run_row(python: str, name: str, numbers: tuple[str, ...]) -> Measured:
    """Measure a row in a process of its own.

    Raises:
        SimsidError: it failed; the message holds its last line.
    """
    command = [python, "-W", "ignore", "-m", patchcore_rows.__name__, name, *numbers]
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": root}
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SimsidError(f"the row '{name}' failed: {last}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    return parsed(Measured, said, f"what the row '{name}' said")
