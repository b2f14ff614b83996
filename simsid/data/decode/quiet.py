"""Decoders warn and log about odd files, sometimes with what stands in them; here they do not."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("PIL", "tifffile", "pydicom", "openjpeg")
_lock = threading.Lock()
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
