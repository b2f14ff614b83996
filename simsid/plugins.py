"""Python files of the user's, run before a command does anything: ``--plugin FILE.py``.

What a file offers under a name (a detector, by ``@register``) is noted here, so that a file that
offers nothing is told at once. This module knows no detector and imports no torch.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from simsid.errors import SimsidError
from simsid.files import real_path

_OFFERED: list[str] = []


def note_offer(name: str) -> None:
    """Say that something can be had by this name from now on."""
    _OFFERED.append(name)


def load_plugin(path: str | Path) -> None:
    """Run a Python file, so that the detectors in it are registered; a second time does nothing.

    Raises:
        SimsidError: there is no such file, it fails, or it registers no detector.
    """
    path = real_path(path)
    name = f"simsid_plugin_{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return
    spec = importlib.util.spec_from_file_location(name, path) if path.suffix == ".py" else None
    if spec is None or spec.loader is None or not path.is_file():
        raise SimsidError(f"--plugin needs a Python file; {path} is not one")
    before = len(_OFFERED)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        if len(_OFFERED) == before:
            raise SimsidError("no class in it has @register")
    except Exception as error:  # somebody else's code
        del sys.modules[name]
        raise SimsidError(f"--plugin {path} cannot be used: {error}") from error
