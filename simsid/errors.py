"""Errors that a user can act on. Command lines print them in one line and exit with code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SimsidError(Exception):
    """Bad input or a bad state of the world; the message names the file and the remedy."""


def first_line(error: BaseException, longest: int = 200) -> str:
    """The first line of what an error says; of one that says nothing its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:longest]


def nearest(name: str, names: Iterable[str], before: str = "") -> str:
    """'did you mean NAME? ' with at most three names like a mistyped one; '' where none is.

    Args:
        before: what stands before each name; it says nothing of how alike two are.
    """
    short = [each.removeprefix(before) for each in names]
    found = difflib.get_close_matches(name.removeprefix(before), short, cutoff=0.5)
    found = [before + each for each in found]
    return f"did you mean {' or '.join(found)}? " if found else ""


def check_at_least_one(**options: int | None) -> None:
    """Refuse numbers below 1, by the options as they are typed; None was not given.

    Raises:
        SimsidError: the first one that is, as '--epochs must be at least 1, not 0'.
    """
    for name, value in options.items():
        if value is not None and value < 1:
            raise SimsidError(f"--{name.replace('_', '-')} must be at least 1, not {value}")


class ImageError(SimsidError):
    """An image that cannot be read or scored. ``code`` is stable, for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class DataError(SimsidError):
    """A data set that is missing, incomplete or of the wrong layout."""


class ModelFolderError(SimsidError):
    """A model folder that is missing, corrupt, or does not fit this version."""


class TrainingError(SimsidError):
    """Training cannot start or go on; what was saved so far is kept."""
