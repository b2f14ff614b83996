"""Unsupervised anomaly detection for radiographs: learn normal films, score new ones.

Research software, not a medical device.
"""

import os
from typing import Any

from simsid.lazy import imported

__version__ = "0.1.0"

# Threads that wait sleep: spinning ones take the cores from whatever else is at work. Read by
# OpenMP's libraries (GNU's, and LLVM's and Intel's) when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("KMP_BLOCKTIME", "0")

_HOMES = {"fit": "training.fit", "load_model": "detectors", "save_model": "detectors"}


def __getattr__(name: str) -> Any:
    """``simsid.fit``, ``simsid.load_model``, ``simsid.save_model``: torch is imported when asked."""
    return imported(__name__, _HOMES, name)
