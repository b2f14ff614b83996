"""Decoders warn and log about odd files, sometimes with what stands in them; here they do not."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("PIL", "tifffile", "pydicom", "highdicom", "openjpeg")
_lock = threading.Lock()
_stderr_lock = threading.Lock()
_state: dict = {"inside": 0, "caught": None, "levels": {}}


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """No warning and no log line of a decoder inside; threads may be inside together.

    ``warnings.catch_warnings`` alone would leave the filters of whichever thread comes out last.
    """
    with _lock:
        if _state["inside"] == 0:
            _enter()
        _state["inside"] += 1
    try:
        yield
    finally:
        with _lock:
            _state["inside"] -= 1
            if _state["inside"] == 0:
                _leave()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Nothing on standard error inside, not from a library in C either; for a moment only.

    What other threads say in that moment is lost, too. Where no file can be opened, as in the
    decoding worker, everything stays as it is.
    """
    with _stderr_lock, contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
            stack.callback(os.close, kept)
            stack.callback(os.close, nowhere)
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(nowhere, 2)
            stack.callback(os.dup2, kept, 2)
        yield


def _enter() -> None:
    _state["caught"] = warnings.catch_warnings()
    _state["caught"].__enter__()
    warnings.simplefilter("ignore")
    for name in _LOGGERS:
        _state["levels"][name] = logging.getLogger(name).level
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _leave() -> None:
    for name, level in _state["levels"].items():
        logging.getLogger(name).setLevel(level)
    _state["caught"].__exit__(None, None, None)
