"""Unsupervised anomaly detection for radiographs: learn normal films, score new ones.

Research software, not a medical device.
"""

import os
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Threads that wait sleep: spinning ones take the cores from whatever else is at work. Read by
# OpenMP's libraries (GNU's, and LLVM's and Intel's) when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("KMP_BLOCKTIME", "0")

_FROM = {
    "fit": "simsid.training.fit",
    "load_model": "simsid.detectors",
    "save_model": "simsid.detectors",
}


def __getattr__(name: str) -> Any:
    """``simsid.fit``, ``simsid.load_model``, ``simsid.save_model``: torch is imported when asked."""
    if name not in _FROM:
        raise AttributeError(f"module 'simsid' has no attribute '{name}'")
    return getattr(import_module(_FROM[name]), name)
