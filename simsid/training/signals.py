"""Ctrl-C and SIGTERM, heard between two steps."""

from __future__ import annotations

import signal
from typing import Any


class StopSignals:
    """First Ctrl-C or SIGTERM asks the loop to save and stop; a second Ctrl-C stops at once.

    Attributes:
        asked: whether there was one; whoever else wants the loop to stop may set it.
    """

    def __init__(self) -> None:
        self.asked = False
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.previous[number] = signal.signal(number, self._ask)
            except ValueError:  # not in the main thread: nobody to listen for
                return

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
