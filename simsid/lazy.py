"""Packages whose names are imported when they are asked for, so that what needs no torch waits for none.

A refusal of a wrong option is to come at once; torch takes seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any


def imported(package: str, homes: Mapping[str, str], name: str) -> Any:
    """What ``package`` offers under ``name``; it is kept there. For a package's ``__getattr__``.

    Args:
        homes: of each name the module, without the package's own name.

    Raises:
        AttributeError: it offers no such thing.
    """
    if name not in homes:
        raise AttributeError(f"module '{package}' has no attribute '{name}'")
    value = getattr(import_module(f"{package}.{homes[name]}"), name)
    setattr(sys.modules[package], name, value)
    return value
