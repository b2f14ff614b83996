"""``python -m simsid.benchmark patchcore``: memory and time of PatchCore's kinds, and of a peer's.

All rows see the same films, a ResNet-18 of random weights and the same share of stored vectors:
what is measured is cost. Each runs in a process of its own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from jsonargparse import ArgumentParser

from simsid.benchmark import patchcore_rows
from simsid.benchmark.patchcore_figure import draw_region_patchcore
from simsid.benchmark.patchcore_rows import OURS, PEER
from simsid.cli import command_parser, parse
from simsid.data.options import add_data_options, load_from_options
from simsid.errors import SimsidError

_MEASURES = {
    "stored": "stored vectors, MB",
    "peak": "peak memory, MB",
    "fill": "to fill, CPU s",
    "score": "to score, CPU ms/film",
}


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
    add("--repeats", type=int, default=5, help="measurements of scoring; the median is shown")
    add("--anomalib-python", type=str | None, default=None,
        help="interpreter of an environment that has anomalib; default: this one")  # fmt: skip
    add("--figure", type=str | None, default=None,
        help="draw what --model makes of this data into a PNG, and measure nothing")  # fmt: skip
    add("--model", type=str | None, default=None, help="run folder of a region-patchcore to draw")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: numbers that cannot be, or a row that fails.
    """
    options = parse(make_parser(), arguments)
    if options.films < 16 or options.repeats < 1 or not 0 < options.coreset_share <= 1:
        raise SimsidError(
            "--films must be at least 16, --repeats at least 1, --coreset-share within 0 and 1"
        )
    python = peer_python(options.anomalib_python)
    data = load_from_options(options)
    if options.figure is not None:
        if options.model is None:
            raise SimsidError("--figure needs a trained region-patchcore: name it with --model")
        print(f"figure: {draw_region_patchcore(options.model, data, Path(options.figure))}")
        return 0
    films = data.train[: options.films]
    side = films.shape[1]
    if side != films.shape[2]:
        raise SimsidError(f"this benchmark takes square films, not {films.shape[1:]}")
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "films.npy")
        np.save(path, films)
        numbers = (str(path), str(side), str(options.coreset_share), str(options.repeats))
        for name in (PEER, *OURS):
            interpreter = python if name == PEER else sys.executable
            if interpreter is not None:
                rows[name] = run_row(interpreter, name, numbers)
    print(f"{len(films)} films of {side}x{side} px, ResNet-18, {options.coreset_share:.1%} stored; "
          f"in brackets: as a share of the first row's")  # fmt: skip
    print(table(rows))
    if python is None:
        print("anomalib is not installed: its row is left out. Make an environment with "
              "pip install anomalib and name its interpreter with --anomalib-python")  # fmt: skip
    return 0


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


def run_row(python: str, name: str, numbers: tuple[str, ...]) -> dict[str, float]:
    """Measure a row in a process of its own.

    Raises:
        SimsidError: it failed; the message holds its last line.
    """
    command = [python, "-W", "ignore", "-m", patchcore_rows.__name__, name, *numbers]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": root}
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SimsidError(f"the row '{name}' failed: {last}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def table(rows: dict[str, dict[str, float]]) -> str:
    """Every measure of every row, with its ratio to the first row's."""
    first = next(iter(rows.values()))
    width = max(map(len, rows))
    lines = [" " * width + "".join(f"{title:>26}" for title in _MEASURES.values())]
    for name, row in rows.items():
        cells = (f"{row[key]:.4g} ({row[key] / max(first[key], 1e-9):.2f})" for key in _MEASURES)
        lines.append(f"{name:{width}}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)
