"""``python -m simsid.benchmark scoring``: how fast scoring is beside an earlier commit's, in one run.

One process of each commit stays alive, and they are asked in turn: what the machine does meanwhile
falls on both alike, and a ratio holds where a time does not.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import numpy as np
from jsonargparse import ArgumentParser
from PIL import Image

import simsid
from simsid.benchmark.cost import scoring_probe
from simsid.benchmark.cost.speed_records import Answer, Asked, BothRounds, Offer
from simsid.benchmark.made import commits_text, versions_text
from simsid.benchmark.options import check_results, typed_command
from simsid.benchmark.pages import write_page
from simsid.benchmark.record_files import parsed
from simsid.benchmark.sweeps.output import as_text
from simsid.cli import command_parser, parse
from simsid.errors import SimsidError, check_at_least_one
from simsid.evaluation.blocks import Section, Table
from simsid.files import path_text
from simsid.threads import threads_in_use

_ROOT = Path(simsid.__file__).resolve().parent.parent
_WORDS = (
    "Films a second of the earlier commit and of this one, medians over rounds in which both were "
    "asked, one after the other; the ratio is the median [least, most] of the rounds' own. "
    "'Command' is what `python -m simsid.score` does from files to rows, decoding included, in batches "
    "of 8; the others score decoded films. Large films are 16-bit PNG of 2000x2500 px, small ones "
    "8-bit JPEG of 500x600 px."
)
Found = dict[str, BothRounds]  # by task
_Said = TypeVar("_Said")


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.benchmark scoring",
        "Speed of scoring beside an earlier commit's, asked in turn in the same run.",
        example="--against 99f09be",
    )
    add = parser.add_argument
    add("--against", type=str, required=True, help="commit or tag of this checkout to compare with")
    add("--model", type=path_text, default="bundled:chest", help="model folder or bundled:NAME")
    add("--films", type=int, default=16, help="files of each kind")
    add("--batch", type=int, default=32, help="films in a batch")
    add("--rounds", type=int, default=5, help="times that both are asked")
    add(
        "--out", type=path_text, default=None, help="folder to write scoring.md and scoring.json to"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: numbers that cannot be, no such commit, or a process that fails.
    """
    options = parse(make_parser(), arguments)
    check_at_least_one(films=options.films, batch=options.batch, rounds=options.rounds)
    if options.out is not None:
        check_results(Path(options.out), "--out")
    with tempfile.TemporaryDirectory() as folder:
        old, films = Path(folder, "old"), Path(folder, "films")
        check_out(options.against, old)
        make_films(films, options.films)
        asked = Asked(model=options.model, batch=options.batch, rounds=options.rounds)
        found = ask_in_turn(old, _ROOT, films, asked)
    table = ratios(found)
    print(as_text(table))
    if options.out is not None:
        made = {
            "model": options.model,
            "threads": threads_in_use(),
            "against": options.against,
            "commit": commits_text(),
            "versions": versions_text(),
            "command": typed_command("scoring", arguments).split(" --out ")[0] + " --out OUT",
        }
        sections = [Section("Result", (_WORDS, table))]
        note = "Ratios of one run on a shared machine; times are its own."
        title = "Speed of scoring"
        print(write_page(Path(options.out), "scoring", title, note, sections, made, found))
    return 0


def check_out(commit: str, folder: Path) -> None:
    """The files of a commit of this checkout, written to a new folder.

    Raises:
        SimsidError: there is no such commit, or no checkout.
    """
    command = ["git", "-C", str(_ROOT), "archive", "--format=tar", commit]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise SimsidError(f"--against {commit}: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.extractall(folder, filter="data")


def make_films(folder: Path, count: int) -> None:
    """Made-up films, smooth with noise, in ``large`` and ``small``."""
    rng = np.random.default_rng(0)
    for name in ("large", "small"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        coarse = Image.fromarray(rng.random((24, 20)).astype(np.float32))
        smooth = np.asarray(coarse.resize((2000, 2500), Image.Resampling.BICUBIC)).clip(0, 1)
        film = smooth * 60_000 + rng.normal(0, 200, smooth.shape) + 1_500
        Image.fromarray(film.clip(0, 65_535).astype(np.uint16)).save(
            folder / "large" / f"{index:03d}.png"
        )
        small = Image.fromarray((smooth[::4, ::4] * 255).astype(np.uint8)).resize((500, 600))
        small.save(folder / "small" / f"{index:03d}.jpg", quality=90)


def ask_in_turn(old: Path, new: Path, films: Path, asked: Asked) -> Found:
    """What the processes of both checkouts measured, task by task and round by round.

    Raises:
        SimsidError: a process ends, or says something else than it was asked.
    """
    with ExitStack() as stack:
        processes = [stack.enter_context(_start(root, films, asked)) for root in (old, new)]
        offered = [_hear(Offer, process).tasks for process in processes]
        found: Found = {}
        for task in offered[0]:
            rounds = []
            for _ in range(asked.rounds + 1):
                rounds.append([_ask(process, task) for process in processes])
            before, now = zip(*rounds[1:], strict=True)  # the first warms up
            found[task] = BothRounds(old=before, new=now)
        for process in processes:
            process.communicate()
    return found


def ratios(found: Found) -> Table:
    """A row for each task."""
    rows = []
    for task, both in found.items():
        old, new = (np.array([each.seconds for each in part]) for part in (both.old, both.new))
        before, now = np.array(both.old[0].scores), np.array(both.new[0].scores)
        ratio, films = old / new, len(before)
        rows.append((
            task,
            f"{films / np.median(old):.1f}",
            f"{films / np.median(new):.1f}",
            f"{np.median(ratio):.2f} [{ratio.min():.2f}, {ratio.max():.2f}]",
            f"{np.abs(before - now).max():.1e}",
        ))  # fmt: skip
    header = ("what", "before, films/s", "now, films/s", "ratio", "largest difference of a score")
    return Table(header, tuple(rows))


def _start(root: Path, films: Path, asked: Asked) -> subprocess.Popen[str]:
    """The probe, in a process that imports the kit of ``root``."""
    paths = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": str(threads_in_use())}
    model = asked.model
    if not model.startswith("bundled:"):
        model = str(Path(model).resolve())
    code = Path(scoring_probe.__file__).read_text(encoding="utf-8")  # which ``root`` may lack
    command = [sys.executable, "-c", code, model, str(films), str(asked.batch)]
    return subprocess.Popen(command, cwd=root, env=paths, text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip


def _ask(process: subprocess.Popen[str], task: str) -> Answer:
    assert process.stdin is not None
    process.stdin.write(task + "\n")
    process.stdin.flush()
    return _hear(Answer, process)


def _hear(kind: type[_Said], process: subprocess.Popen[str]) -> _Said:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SimsidError(f"a process that scores ended with code {process.wait()}")
    return parsed(kind, json.loads(line), "what a process that scores said")
