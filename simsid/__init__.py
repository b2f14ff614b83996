"""Unsupervised anomaly detection for radiographs: learn normal films, score new ones.

Research software, not a medical device.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

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
