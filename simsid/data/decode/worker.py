"""Decoding of strangers' files in a process of its own, with little memory, time and no files.

The worker gets bytes through a pipe and gives pixels or an error's code back. It imports all
decoders first and then gives up the right to open anything, so that a decoder gone astray reaches
no other file and no network; a hang or a crash costs that one file, and the next gets a fresh
worker.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from simsid.data.decode.blocks import receive, send
from simsid.data.decode.decoded import check_image
from simsid.data.images import MAX_BYTES, MAX_PIXELS, DecodedFilm
from simsid.errors import ImageError, SimsidError

MEMORY_MIB = 2048
SECONDS = 20.0
_START_SECONDS = 60.0
_PIPE_BYTES = 2**20  # what a user may ask for; with the usual 64 KiB the two sides mostly wait
_NAME_LENGTH = 255  # of a file, on any system; a longer one was made up
_PATIENCE = 3  # a busy machine gives a process less than the clock shows
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "LANG")
_ROOT = str(Path(os.path.abspath(__file__)).parents[3])  # where this very package lies
_OUT_OF_CPU = -getattr(signal, "SIGXCPU", 1_000)
_CODE = "import sys; sys.path[:] = {path!r}; from simsid.data.decode.worker_process import serve; serve()"


class DecodingWorker:
    """A worker that starts with the first film and is replaced when it dies. Thread-safe.

    Args:
        seconds: of processor time for one film, where the system can bound it (not on Windows);
            three times as many by the clock, after which the worker is killed.
        memory_mib: address space that decoding may add to the worker, where the system can.
    """

    def __init__(self, seconds: float = SECONDS, memory_mib: int = MEMORY_MIB) -> None:
        self.seconds, self.memory_mib = seconds, memory_mib
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        _workers.add(self)

    def __enter__(self) -> DecodingWorker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def decode(self, data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> DecodedFilm:
        """Decode the bytes of a file; ``name`` stands in messages, without a path.

        Raises:
            ImageError: as ``images.read_film``, and with ``code`` too_slow (time), too_large
                (memory), decoder_failed (the worker died).
        """
        if len(data) > MAX_BYTES:
            raise ImageError("too_large", f"{name} is larger than {MAX_BYTES >> 20} MiB")
        name = name[:_NAME_LENGTH]
        with self._lock:
            process = self._running()
            try:
                with _deadline(process, _PATIENCE * self.seconds) as out_of_time:
                    requests, replies = _pipes(process)
                    send(requests, {"name": name, "max_pixels": max_pixels}, data)
                    reply, pixels = receive(replies, 4 * max_pixels)
            except (OSError, EOFError, ValueError):
                self._stop()
                if out_of_time.is_set() or process.returncode == _OUT_OF_CPU:
                    raise ImageError("too_slow", f"{name} takes too long to decode") from None
                raise ImageError(
                    "decoder_failed", f"{name} makes its decoder fail: it is damaged"
                ) from None
            except BaseException:  # an interrupt leaves half a message in the pipe
                self._stop()
                raise
            if out_of_time.is_set():  # killed as it answered: no worker for the next film
                self._stop()
        try:
            return _as_film(reply, pixels, name)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ImageError("decoder_failed", f"{name} gives no image: it is damaged") from None

    def close(self) -> None:
        """Stop the worker; the next film would start another."""
        with self._lock:
            self._stop()

    def kill(self) -> None:
        """End the decoding of a film, which fails, from another thread."""
        process = self._process
        if process is not None:
            process.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._process is None:
            self._process = _start(self.memory_mib, self.seconds)
            atexit.register(self.close)
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.close)
        _end(process)


def _leave_to_parent() -> None:
    """After a fork the processes are the parent's, as are the threads that hold the locks."""
    for worker in _workers:
        _inherited.append(worker._process)  # to close its pipes would wait for those threads
        worker._lock, worker._process = threading.Lock(), None


_workers: weakref.WeakSet[DecodingWorker] = weakref.WeakSet()
_inherited: list[subprocess.Popen[bytes] | None] = []
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_leave_to_parent)


def _start(memory_mib: int, seconds: float) -> subprocess.Popen[bytes]:
    limits = [str(memory_mib), str(int(seconds) + 1)]
    environment = {key: os.environ[key] for key in _ENVIRONMENT if key in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-c", _CODE.format(path=_search_path()), *limits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    for pipe in _pipes(process):
        _widen(pipe)
    try:
        with _deadline(process, _START_SECONDS):
            receive(_pipes(process)[1], 0)
    except BaseException as error:
        _end(process)
        if isinstance(error, EOFError | OSError | ValueError):
            raise SimsidError("the process that decodes images does not start") from None
        raise
    return process


def _widen(pipe: IO[bytes]) -> None:
    """Ask for a larger pipe: without one the two sides mostly wait. The system may say no."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # of one user all pipes together have a limit
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Where requests go, and where replies come from."""
    assert process.stdin is not None and process.stdout is not None  # ``_start`` asked for both
    return process.stdin, process.stdout


def _search_path() -> list[str]:
    """Where the worker finds modules: where we do, in that order, and this very package."""
    path = [os.path.abspath(entry) for entry in sys.path]
    return path if _ROOT in path else [_ROOT, *path]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in _pipes(process):
        with contextlib.suppress(OSError):  # what could not be sent any more
            pipe.close()


@contextlib.contextmanager
def _deadline(process: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """Kill the process if the block takes longer; the event tells that it did.

    A killed process ends whatever waits for its pipes, on every system.
    """
    passed = threading.Event()

    def stop() -> None:
        passed.set()
        process.kill()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield passed
    finally:
        timer.cancel()
        timer.join()


def _as_film(reply: dict[str, Any], pixels: bytearray, name: str) -> DecodedFilm:
    """What the worker answered; a worker that hostile bytes took over is not believed either."""
    if "code" in reply:
        raise ImageError(reply["code"], reply["message"])
    image = np.frombuffer(pixels, np.float32).reshape(reply.pop("shape"))
    check_image(image, name)
    return DecodedFilm(image, warnings=tuple(reply.pop("warnings")), **reply)
