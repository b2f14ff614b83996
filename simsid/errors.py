"""Errors that a user can act on. Command lines print them in one line and exit with code 2."""

from __future__ import annotations


class SimsidError(Exception):
    """Bad input or a bad state of the world; the message names the file and the remedy."""


def first_line(error: BaseException, longest: int = 200) -> str:
    """The first line of what an error says; of one that says nothing its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:longest]


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
