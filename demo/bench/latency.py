"""``python -m demo.bench latency``: alone on the page, from upload to picture, by component.

The browser's own drawing is not in it, nor is a network: the page answers on this machine.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from jsonargparse import ArgumentParser
from tqdm import tqdm

from demo.bench.films import chest_files, digit_files
from demo.bench.own_page import OwnPage
from demo.bench.timed_page import ANSWER, PARTS
from demo.bench.visitor import Visitor
from simsid.cli import command_parser, parse
from simsid.errors import check_at_least_one
from simsid.files import path_text

DIGITS, CHEST = "bundled:digitanatomy", "bundled:zhanglab"
TARGETS = {DIGITS: 0.150, CHEST: 0.400}  # seconds of our own time, on two cores
UPLOAD, OTHER, TOTAL = "upload over HTTP", "queue, events, HTTP", "total"
_WARM_UP = 5
Times = dict[str, list[float]]


def make_parser() -> ArgumentParser:
    """The options."""
    parser = command_parser(
        "python -m demo.bench latency",
        "Measure the seconds from upload to picture, by component, with one visitor.",
    )
    add = parser.add_argument
    add("--url", type=str | None, default=None, help="running page to measure (default: start one)")
    add("--count", type=int, default=50, help="requests for each kind of film")
    add(
        "--film",
        type=path_text,
        default=None,
        help="film for the chest model (default: a made one)",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError, OSError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    check_at_least_one(count=options.count)
    files = {(DIGITS, "PNG"): digit_files(options.count)}
    chest = chest_files()
    if options.film:
        chest = {"given film": Path(options.film).read_bytes()}
    files |= {(CHEST, kind): [content] for kind, content in chest.items()}
    with nullcontext() if options.url else OwnPage() as page:
        visitor = Visitor(page.url if page else options.url)
        for (model, kind), contents in files.items():
            times = measure(visitor, page, model, contents, options.count)
            print(f"{model}, {kind}, {options.count} requests\n{table(times)}")
            print(verdict(times, TARGETS[model]) + "\n", flush=True)
        visitor.close()
    return 0


def measure(
    visitor: Visitor, page: OwnPage | None, model: str, contents: list[bytes], count: int
) -> Times:
    """Seconds by component, one for each request; without a page of ours in total only."""
    times: Times = defaultdict(list)
    for number in tqdm(range(-_WARM_UP, count), desc=model, unit="film", disable=None, leave=False):
        uploaded, total = visitor.from_upload_to_picture(
            contents[number % len(contents)], "film", model
        )
        parts = page.times() if page else {}
        if number < 0:
            continue
        times[UPLOAD].append(uploaded)
        for part in dict.fromkeys([name for *_, name in PARTS] + [ANSWER]) if page else ():
            times[part].append(parts.get(part, 0.0))
        times[OTHER].append(total - uploaded - sum(parts.values()))
        times[TOTAL].append(total)
    return times


def table(times: Times) -> str:
    """A row for each component: p50 and p95 in milliseconds. Columns do not add up: p95 never do."""
    lines = [f"  {'':24}{'p50':>10}{'p95':>10}"]
    for name, seconds in times.items():
        low, high = (1000 * np.percentile(seconds, share) for share in (50, 95))
        lines.append(f"  {name:24}{low:>7.1f} ms{high:>7.1f} ms")
    return "\n".join(lines)


def verdict(times: Times, target: float) -> str:
    """Whether the median of the total keeps to the target."""
    median = float(np.median(times[TOTAL]))
    kept = "kept" if median <= target else "MISSED"
    return f"  target of {1000 * target:.0f} ms: {kept} (p50 {1000 * median:.0f} ms)"
