"""``app.py`` with a stop-watch around its parts: prints a line of JSON for every answer."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from simsid.cli import run_command

ANSWER = "words, tables, JSON"  # whatever of an answer no part below takes
PARTS = (
    ("demo.privacy", "UploadFolder.take", "read and delete upload"),
    ("simsid.data.decode.worker", "DecodingWorker.decode", "decode in worker"),
    ("simsid.scoring.film", "prepare_image", "prepare"),
    ("simsid.scoring.film", "check_films", "placement check"),
    ("simsid.detectors.base", "Detector.predict", "predict"),
    ("demo.pictures", "overlay", "colour the map"),
    ("demo.pictures", "png_bytes", "encode pictures"),
    ("demo.components", "png_bytes", "encode pictures"),
)


class StopWatch:
    """Seconds by part, each second counted once: for the innermost part that was running.

    An answer ends when the outermost part does; ``tell`` then gets its seconds.
    """

    def __init__(self, tell: Callable[[dict[str, float]], None]) -> None:
        self._tell = tell
        self._running = threading.local()

    def timed(self, part: str, function: Callable) -> Callable:
        """The function, with its time counted for this part."""

        @wraps(function)
        def measured(*args: Any, **options: Any) -> Any:
            stack = self._running.__dict__.setdefault("stack", [])
            seconds = self._running.__dict__.setdefault("seconds", defaultdict(float))
            stack.append(0.0)  # what inner parts take
            started = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                taken = time.perf_counter() - started
                seconds[part] += taken - stack.pop()
                if stack:
                    stack[-1] += taken
                else:
                    del self._running.seconds
                    if part == ANSWER:
                        self._tell(dict(seconds))

        return measured


def put_watch_on(watch: StopWatch) -> None:
    """Wrap every part, and every function that answers the page or a program."""
    for module, name, part in PARTS:
        *owners, last = name.split(".")
        owner = import_module(module)
        for step in owners:
            owner = getattr(owner, step)
        setattr(owner, last, watch.timed(part, getattr(owner, last)))
    components: Any = import_module("demo.components")
    guarded = components.guarded
    # Tabs and endpoints take it from there when they are imported, which is later.
    components.guarded = lambda function: watch.timed(ANSWER, guarded(function))


def _tell(seconds: dict[str, float]) -> None:
    os.write(1, json.dumps(seconds).encode() + b"\n")  # at once: two threads may be telling


def main() -> int:
    """The command line of ``app.py``, with the same options."""
    launch: Any = import_module("demo.launch")
    prepare = launch.prepare_gradio

    def prepare_and_watch() -> Any:
        uploads = prepare()
        put_watch_on(StopWatch(_tell))
        return uploads

    launch.prepare_gradio = prepare_and_watch
    return launch.main()


if __name__ == "__main__":
    sys.exit(run_command(main))
