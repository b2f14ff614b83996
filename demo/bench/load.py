"""``python -m demo.bench load``: many clients at once; no wrong score, no error, nobody forgotten."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gradio_client import Client, handle_file
from jsonargparse import ArgumentParser
from tqdm import tqdm

import hub
from demo.bench.films import digit_images
from demo.bench.latency import DIGITS
from demo.bench.own_page import OwnPage
from demo.pictures import png_bytes
from simsid.cli import command_parser, parse
from simsid.errors import check_at_least_one
from simsid.scoring import ScoredFilm, score_film

TOLERANCE = 1e-6
TARGET = 1.3  # p95 in units of what N solo requests take one after the other
_SOLO, _WARM_UP = 60, 10


@dataclass
class Tally:
    """What the clients met. Lists grow by append alone, which threads may share."""

    seconds: list[float] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def make_parser() -> ArgumentParser:
    """The options."""
    parser = command_parser(
        "python -m demo.bench load",
        "Let many clients score images at once, and compare their scores with Python's.",
    )
    add = parser.add_argument
    add("--url", type=str | None, default=None, help="running page to measure (default: start one)")
    add("--clients", type=int, default=16, help="number of clients")
    add("--images", type=int, default=200, help="different images; each client sends all of them")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns 0, or 1 if a score was wrong or a request failed.

    Raises:
        SimsidError, OSError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    check_at_least_one(clients=options.clients, images=options.images)
    images = digit_images(options.images)
    detector = hub.load(DIGITS)
    films = (score_film(detector, image) for image in images)
    expected = [film.score if isinstance(film, ScoredFilm) else float("nan") for film in films]
    own = nullcontext() if options.url else OwnPage()
    with own as page, tempfile.TemporaryDirectory() as folder:
        url = page.url if page else options.url
        files = [Path(folder) / f"{number}.png" for number in range(len(images))]
        for file, image in zip(files, images, strict=True):
            file.write_bytes(png_bytes(image))
        solo = run(url, 1, files[:_SOLO], expected)
        crowd = run(url, options.clients, files, expected)
    print(report(solo, crowd, options.clients))
    return 1 if crowd.wrong or crowd.errors or solo.wrong or solo.errors else 0


def run(url: str, clients: int, files: list[Path], expected: list[float]) -> Tally:
    """Every client scores every file, each starting at another; returns what they met."""
    tally, stop = Tally(), threading.Event()
    connected = [Client(url, verbose=False) for _ in range(clients)]
    total = clients * len(files)

    def work(client: Client, first: int) -> None:
        order = np.roll(np.arange(len(files)), -first)
        for number in (*order[:_WARM_UP], *order) if clients == 1 else order:
            if stop.is_set():
                return
            _request(client, files[number], expected[number], tally)

    threads = [
        threading.Thread(target=work, args=(c, n * len(files) // clients), daemon=True)
        for n, c in enumerate(connected)
    ]
    bar = tqdm(total=total, desc=f"{clients} clients", unit="film", disable=None, leave=False)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
            bar.update(min(len(tally.seconds) + len(tally.errors), total) - bar.n)
    finally:
        stop.set()
        bar.close()
    tally.seconds = tally.seconds[-total:]  # a solo run warms up first
    for client in connected:
        client.close()
    return tally


def report(solo: Tally, crowd: Tally, clients: int) -> str:
    """Counts, percentiles and the ratio with its target."""
    if not solo.seconds or not crowd.seconds:
        return "no request was answered: " + "; ".join(sorted(set(solo.errors + crowd.errors)))
    median = float(np.median(solo.seconds))
    p50, p95 = (float(np.percentile(crowd.seconds, share)) for share in (50, 95))
    ratio = p95 / (clients * median)
    lines = [
        f"{clients} clients, {len(crowd.seconds)} requests: "
        f"{len(crowd.wrong)} wrong scores (beyond {TOLERANCE:g}), {len(crowd.errors)} errors",
        *(f"  {count} x {text}" for text, count in Counter(crowd.errors).most_common(5)),
        f"solo p50 {1000 * median:.1f} ms; together p50 {1000 * p50:.0f} ms, "
        f"p95 {1000 * p95:.0f} ms, slowest {1000 * max(crowd.seconds):.0f} ms",
        f"p95 / ({clients} x solo p50) = {ratio:.2f}; target at most {TARGET}: "
        + ("kept" if ratio <= TARGET else "MISSED"),
    ]
    return "\n".join(lines)


def _request(client: Client, file: Path, expected: float, tally: Tally) -> None:
    started = time.perf_counter()
    try:
        answer = client.predict(handle_file(str(file)), DIGITS, api_name="/score")
        score = answer["score"]
    except Exception as error:  # whatever it is, it is an answer that a client did not get
        tally.errors.append(f"{type(error).__name__}: {error}"[:120])
        return
    tally.seconds.append(time.perf_counter() - started)
    if score is None or abs(score - expected) > TOLERANCE:
        tally.wrong.append(1)
