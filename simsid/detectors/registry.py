"""Names to detectors. Register one, and the command lines and contract tests find it.

Three ways in: a module of the kit that ``methods`` imports; an entry point of another
package in the group ``simsid.detectors``; a file given as ``--plugin FILE.py``. Names that begin
with ``anomalib:`` are resolved by an adapter when they are asked for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, TypeVar

from simsid.errors import SimsidError, nearest
from simsid.plugins import note_offer

if TYPE_CHECKING:
    from simsid.detectors.base import Detector

ENTRY_POINTS = "simsid.detectors"
ANOMALIB = "anomalib:"
_KIT = "simsid.detectors."
_DETECTORS: dict[str, type[Detector]] = {}
_D = TypeVar("_D", bound="type[Detector]")


def register(detector: _D) -> _D:
    """Class decorator: make a detector known under its ``name``."""
    if not detector.__module__.startswith(_KIT):
        _import_kit()  # or its names would still be free
    if detector.name in _DETECTORS:
        raise ValueError(f"a detector named '{detector.name}' is registered already")
    _DETECTORS[detector.name] = detector
    note_offer(detector.name)
    return detector


def _import_kit() -> dict[str, int]:
    """Its own methods register themselves; by name, since they stand above this file.

    Returns:
        the place of each of their modules among them.
    """
    place: dict[str, int] = import_module(f"{_KIT}methods").PLACE
    return place


def detector_names() -> list[str]:
    """The kit's names, then others in order of registration, then those that packages offer."""
    place = _import_kit()
    known = sorted(_DETECTORS, key=lambda name: place.get(_DETECTORS[name].__module__, len(place)))
    offered = [point.name for point in entry_points(group=ENTRY_POINTS)]
    return list(dict.fromkeys([*known, *offered]))


def detector_class(name: str) -> type[Detector]:
    """The class registered under ``name``; another package is imported when its name is asked for.

    Raises:
        SimsidError: there is none, or the package that offers it is broken or absent.
    """
    _import_kit()
    if name.startswith(ANOMALIB):
        from simsid.detectors.anomalib_adapter import adapter_class

        return adapter_class(name.removeprefix(ANOMALIB))
    for point in () if name in _DETECTORS else entry_points(group=ENTRY_POINTS, name=name):
        try:
            point.load()
        except Exception as error:  # somebody else's code
            raise SimsidError(
                f"model '{name}' of the package '{point.module}' cannot be imported: {error}"
            ) from error
    if name not in _DETECTORS:
        raise SimsidError(
            f"unknown model '{name}'; {nearest(name, detector_names())}"
            f"choose one of: {', '.join(detector_names())}, "
            f"{ANOMALIB}NAME, or bring your own with --plugin FILE.py"
        )
    return _DETECTORS[name]


def is_known(name: str) -> bool:
    """Whether ``detector_class`` would look for it, be what offers it broken or not."""
    _import_kit()
    known = name in _DETECTORS or name.startswith(ANOMALIB)
    return known or bool(entry_points(group=ENTRY_POINTS, name=name))
