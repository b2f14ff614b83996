"""Waiting for what happens in another process or thread: for a condition, never for a while.

A loaded machine takes many times as long as a quiet one, so limits are generous: they end a test that
would hang, and say nothing of speed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

GENEROUS = 180.0  # seconds


def wait_until(
    condition: Callable[[], object], seconds: float = GENEROUS, between: float = 0.02
) -> None:
    """Return as soon as ``condition`` holds.

    Raises:
        TimeoutError: it does not hold within ``seconds``.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain")
        time.sleep(between)


def at_work(process: psutil.Process, seconds: float = 0.05) -> None:
    """Wait until a process has computed for so long, from now on."""
    begun = sum(process.cpu_times()[:2])
    wait_until(lambda: sum(process.cpu_times()[:2]) - begun > seconds)
