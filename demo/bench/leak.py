"""``python -m demo.bench leak``: what thousands of requests leave behind in memory and on disk."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import psutil
from jsonargparse import ArgumentParser
from tqdm import tqdm

from demo.bench.films import digit_files
from demo.bench.latency import DIGITS
from demo.bench.own_page import OwnPage
from demo.bench.visitor import Visitor
from simsid.cli import command_parser, parse
from simsid.errors import SimsidError

WARM_UP = 200  # caches fill, as many sessions as are remembered come by
_SAMPLES = 40
_EACH_VISITOR = 50  # requests over one connection
_BAD_ONE_IN = 10
_COLUMNS = ("page MB", "worker MB", "handles", "threads", "files", "disk kB")
# What may be added from warm-up to the end and still be called flat, one for each column.
_ALLOWED = (16.0, 8.0, 4.0, 4.0, 2.0, 100.0)


@dataclass(frozen=True)
class Sample:
    """What the page holds after so many requests: memory, handles, and its temporary folder."""

    page_mb: float
    worker_mb: float
    handles: float
    threads: float
    files: float
    disk_kb: float


def make_parser() -> ArgumentParser:
    """The options."""
    parser = command_parser(
        "python -m demo.bench leak",
        "Send many requests in a row to a page, and watch its memory, handles and disk.",
    )
    add = parser.add_argument
    add("--requests", type=int, default=2000, help=f"number of requests, more than {2 * WARM_UP}")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 0 when everything stayed flat, else 1.

    Raises:
        SimsidError, OSError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    if options.requests <= 2 * WARM_UP:
        raise SimsidError(f"--requests must be more than {2 * WARM_UP}")
    with OwnPage() as page:
        samples = measure(page, options.requests)
    flat = verdicts(samples)
    print(table(samples, flat))
    return 0 if all(flat) else 1


def measure(page: OwnPage, requests: int) -> dict[int, Sample]:
    """Score films one after the other, one in ten of them no film at all; sample on the way."""
    files, samples = digit_files(100), {}
    every = max(1, (requests - WARM_UP) // _SAMPLES)
    visitor = Visitor(page.url)
    for number in tqdm(range(requests), desc="leak", unit="film", disable=None, leave=False):
        if number % _EACH_VISITOR == 0:
            visitor.close()
            visitor = Visitor(page.url)
        if number >= WARM_UP and (number - WARM_UP) % every == 0:
            samples[number] = sample(page)
        bad = number % _BAD_ONE_IN == 0
        content = b"no film" if bad else files[number % len(files)]
        visitor.score(visitor.upload(content, "film"), DIGITS)
    visitor.close()
    samples[requests] = sample(page)
    return samples


def sample(page: OwnPage) -> Sample:
    """What the page and its children hold now; files and bytes below its temporary folder."""
    process = psutil.Process(page.pid)
    children = process.children(recursive=True)
    everybody = (process, *children)
    sizes = [_size(path) for path in page.temp.rglob("*") if path.is_file()]
    return Sample(
        process.memory_info().rss / 2**20,
        sum(child.memory_info().rss for child in children) / 2**20,
        sum(each.num_fds() for each in everybody),
        process.num_threads(),
        len(sizes),
        sum(sizes) / 1024,
    )


def verdicts(samples: dict[int, Sample]) -> list[bool]:
    """For each column, whether the last quarter lies no higher than the first, but for noise."""
    values = np.array([astuple(each) for each in samples.values()])
    quarter = max(1, len(values) // 4)
    grown = np.median(values[-quarter:], 0) - np.median(values[:quarter], 0)
    return list(grown <= np.array(_ALLOWED))


def table(samples: dict[int, Sample], flat: list[bool]) -> str:
    """About ten of the samples, the slope over all of them, and the verdict of each column."""
    numbers = list(samples)
    values = np.array([astuple(samples[number]) for number in numbers])
    shown = sorted({*range(0, len(numbers), max(1, len(numbers) // 10)), len(numbers) - 1})
    slopes = 1000 * np.polyfit(numbers, values, 1)[0]
    rows = [["requests", *_COLUMNS]]
    rows += [[str(numbers[n]), *(f"{value:.1f}" for value in values[n])] for n in shown]
    rows.append(["slope per 1000", *(f"{slope:+.2f}" for slope in slopes)])
    rows.append(["verdict", *("flat" if each else "GROWS" for each in flat)])
    return "\n".join("  ".join(cell.rjust(14) for cell in row) for row in rows)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone between the look and the question
        return 0
