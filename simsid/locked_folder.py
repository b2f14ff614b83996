"""A folder that one process at a time works in, and a file that one at a time writes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from filelock import FileLock, Timeout

from simsid.errors import SimsidError
from simsid.files import real_path

if TYPE_CHECKING:
    from typing_extensions import Self


def lock_of_file(path: Path) -> FileLock:
    """What this user's processes hold while they write a file; beside the file it would be litter."""
    name = hashlib.sha256(f"{Path.home()}\0{real_path(path)}".encode()).hexdigest()[:24]
    return FileLock(Path(tempfile.gettempdir()) / f"simsid-{name}.lock")


class LockedFolder:
    """As a context manager it makes the folder and holds its lock.

    Subclasses say what is at work there (``work``), which error they raise, and what else the
    user can do (``remedy``).
    """

    work: ClassVar[str]
    remedy: ClassVar[str]
    error: ClassVar[type[SimsidError]] = SimsidError

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = FileLock(self.path / ".lock")

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            SimsidError: another process has it, somebody else's file has its name, or the folder
                cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._refuse_foreign_lock()
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise self.error(
                f"another {self.work} is at work in {self.path}: wait for it, or {self.remedy}"
            ) from error
        except OSError as error:
            raise self.error(f"cannot write to {self.path}: {error.strerror}") from error
        try:
            self.opened()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self._lock.release()

    def _refuse_foreign_lock(self) -> None:
        """A lock is an empty file; taking it would empty any other."""
        lock = Path(self._lock.lock_file)
        if os.path.lexists(lock) and (lock.is_symlink() or not _is_empty_file(lock)):
            raise self.error(f"{lock} is no lock of this command: move it away, or {self.remedy}")

    def opened(self) -> None:
        """Called with the lock just taken; what it raises gives the lock back."""


def _is_empty_file(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == 0
