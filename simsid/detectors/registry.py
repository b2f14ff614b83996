"""Names to detectors. Register one, and the command lines and contract tests find it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from simsid.errors import SimsidError

if TYPE_CHECKING:
    from simsid.detectors.base import Detector

_DETECTORS: dict[str, type[Detector]] = {}
_D = TypeVar("_D", bound="type[Detector]")


def register(detector: _D) -> _D:
    """Class decorator: make a detector known under its ``name``."""
    if detector.name in _DETECTORS:
        raise ValueError(f"a detector named '{detector.name}' is registered already")
    _DETECTORS[detector.name] = detector
    return detector


def detector_names() -> list[str]:
    """Every registered name, in order of registration."""
    return list(_DETECTORS)


def detector_class(name: str) -> type[Detector]:
    """The class registered under ``name``.

    Raises:
        SimsidError: there is none; the message lists those that there are.
    """
    if name not in _DETECTORS:
        raise SimsidError(f"unknown model '{name}'; choose one of: {', '.join(_DETECTORS)}")
    return _DETECTORS[name]
