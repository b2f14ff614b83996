"""Ctrl-C and SIGTERM, heard between two steps."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simsid.training.loop import Training


class StopSignals:
    """First Ctrl-C or SIGTERM asks the loop to save and stop; a second Ctrl-C stops at once."""

    def __init__(self, training: Training) -> None:
        self.training = training
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
        if self.training._stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.training._stop = True
