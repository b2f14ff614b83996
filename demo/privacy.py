"""What comes in leaves again: caps, random names, deletion with the result, sweeps after crashes.

Uploads lie in one folder for each process, which the process holds a lock on. Whoever starts next
removes the folders whose lock nobody holds, so that a killed process leaves nothing for long.
Pictures and downloads go to the browser inside the answer and never touch the disk.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from simsid.data.images import IMAGE_SUFFIXES
from simsid.errors import ImageError, SimsidError

MAX_FILE_BYTES = 64 * 2**20
MAX_FILES = 64
KEEP_FILM_SECONDS = 600  # the model-size picture in memory, for clicks on its regions
ABANDONED_SECONDS = 45  # an upload that no request asks a score for
_ARRIVING_SECONDS = 600  # a file whose request still brings others; those broken off go at once
SWEEP_EVERY = 10.0
_LOCK = "lock"
_DRAFT, _NAMED = "starting-", "uploads-"
_STARTING_SECONDS = 60  # for how long a folder may go without its name
_log = logging.getLogger(__name__)


def random_name(file_name: str) -> str:
    """A name that tells nothing; only a well-known suffix is kept."""
    suffix = Path(file_name).suffix.lower()
    return secrets.token_hex(12) + (suffix if suffix in IMAGE_SUFFIXES else "")


class UploadFolder:
    """The folder of this process's uploads, private to its user.

    Args:
        base: where such folders lie side by side; by default in the system's folder for
            temporary files.
    """

    def __init__(self, base: Path | None = None) -> None:
        user = os.getuid() if hasattr(os, "getuid") else "user"
        self.base = base or Path(tempfile.gettempdir()) / f"simsid-demo-{user}"
        self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_ours(self.base)
        sweep_abandoned_folders(self.base)
        # Named only when it is locked: others sweep what has the name and no lock.
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self.base)).resolve()
        self._lock = FileLock(draft / _LOCK)
        self._lock.acquire()
        self.path = draft.rename(draft.with_name(draft.name.replace(_DRAFT, _NAMED, 1)))
        self._stopped = threading.Event()

    def size(self) -> int:
        """Bytes of the uploads that lie here now."""
        files = (Path(folder, name) for folder, _, names in os.walk(self.path) for name in names)
        total = 0
        for file in files:
            with contextlib.suppress(OSError):
                total += file.stat().st_size
        return total

    def take(self, path: object) -> bytes:
        """The bytes of an upload, which is deleted before this returns, whatever happens.

        Raises:
            ImageError: missing (also for any path outside this folder), empty or too_large.
        """
        file = self._inside(path)
        try:
            size = file.stat().st_size
            if size > MAX_FILE_BYTES:
                limit = MAX_FILE_BYTES >> 20
                raise ImageError("too_large", f"the file is larger than {limit} MiB")
            data = file.read_bytes()
        except OSError:
            raise ImageError("missing", "the file is no longer here") from None
        finally:
            self._remove(file)
        if not data:
            raise ImageError("empty", "the file is empty (0 bytes)")
        return data

    def free(self, paths: Iterable[object]) -> None:
        """Delete uploads that nobody will read; other paths are left alone."""
        for path in paths:
            with contextlib.suppress(ImageError):
                self._remove(self._inside(path))

    def sweep(self, wanted: Collection[str] = ()) -> None:
        """Remove what was uploaded a while ago, except what a request waits for.

        Args:
            wanted: paths that requests name: a queue may be longer than an upload is kept.
        """
        now = time.time()
        # walk, unlike rglob, bears with folders that requests remove meanwhile.
        files = [Path(folder, name) for folder, _, names in os.walk(self.path) for name in names]
        for file in files:
            with contextlib.suppress(OSError):
                if not file.is_file() or file.name == _LOCK or str(file) in wanted:
                    continue
                # Gradio writes into the folder itself, and moves the file when all have arrived.
                keep = _ARRIVING_SECONDS if file.parent == self.path else ABANDONED_SECONDS
                info = file.stat()
                if max(info.st_mtime, info.st_ctime) < now - keep:
                    self._remove(file)

    def sweep_for_ever(
        self,
        wanted: Callable[[], Collection[str]] = tuple,
        also: Callable[[], None] = lambda: None,
    ) -> None:
        """Sweep on a timer, in a thread that ends with the process.

        Args:
            wanted: gives the paths that requests wait for.
            also: is called with every sweep.
        """
        threading.Thread(
            target=self._keep_sweeping, args=(wanted, also), name="sweep", daemon=True
        ).start()

    def close(self) -> None:
        """Remove the folder with everything in it."""
        self._stopped.set()
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)

    def _keep_sweeping(
        self, wanted: Callable[[], Collection[str]], also: Callable[[], None]
    ) -> None:
        while not self._stopped.wait(SWEEP_EVERY):
            try:
                self.sweep(wanted())
                sweep_abandoned_folders(self.base)
                also()
            except Exception as error:  # the next sweep must come all the same
                _log.error("sweep failed: %s", type(error).__name__)

    def _inside(self, path: object) -> Path:
        """The path that a request names, if it lies in this folder; links are followed first."""
        try:
            file = Path(str(path)).resolve()
        except (OSError, ValueError, RuntimeError):
            file = Path()
        if not file.is_relative_to(self.path) or file.name == _LOCK or not file.is_file():
            raise ImageError("missing", "the file is no longer here")
        return file

    def _remove(self, file: Path) -> None:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
        if file.parent != self.path:
            with contextlib.suppress(OSError):  # another upload of the same bytes may lie there
                file.parent.rmdir()


def sweep_abandoned_folders(base: Path) -> None:
    """Remove the upload folders of processes that are gone, however they ended."""
    young = time.time() - _STARTING_SECONDS
    for folder in (*base.glob(f"{_NAMED}*"), *base.glob(f"{_DRAFT}*")):
        lock = FileLock(folder / _LOCK)
        with contextlib.suppress(OSError):
            if folder.name.startswith(_DRAFT) and folder.stat().st_mtime > young:
                continue
        try:
            with lock.acquire(timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue
        _log.info("removed the uploads of a process that is gone")


def _check_ours(base: Path) -> None:
    """The folder has a name that anybody can guess, in a place where everybody may write.

    Raises:
        SimsidError: it is another user's, a link, or open to others.
    """
    if not hasattr(os, "getuid"):
        return
    info = base.lstat()
    ours = stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid()
    if not ours or stat.S_IMODE(info.st_mode) & 0o077:
        raise SimsidError(
            f"others may read or replace {base}, where uploads go: remove it, or set "
            "TMPDIR to a folder of your own"
        )
