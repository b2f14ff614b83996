"""Several decoding workers, one for each core in use, and films read ahead of whoever needs them."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from simsid.data.decode.worker import DecodingWorker
from simsid.data.images import MAX_PIXELS, DecodedFilm, read_bytes
from simsid.threads import threads_in_use

MOST_WORKERS = 32
_AGAIN_SECONDS = 0.1  # a worker that starts is killed so soon
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class DecodingPool:
    """Workers that start as they are needed. Thread-safe: each film has a worker to itself.

    Args:
        size: at most so many; None: as many as there are threads to compute with, up to 32.
    """

    def __init__(self, size: int | None = None) -> None:
        self._size = size
        self._workers: list[DecodingWorker] = []
        self._forget()
        _pools.add(self)

    @property
    def size(self) -> int:
        """At most so many workers."""
        return self._size or min(MOST_WORKERS, threads_in_use())

    def decode(self, data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> DecodedFilm:
        """See :meth:`DecodingWorker.decode`; waits for a worker while all are at work."""
        with self._lent() as worker:
            return worker.decode(data, name, max_pixels)

    def kill(self) -> None:
        """End what is being decoded: those films fail, and the next ones get fresh workers."""
        for worker in self._workers:
            worker.kill()

    def close(self) -> None:
        """Stop all workers; the next film would start another."""
        for worker in self._workers:
            worker.close()

    @contextlib.contextmanager
    def _lent(self) -> Iterator[DecodingWorker]:
        with self._change:
            while not self._free and len(self._workers) >= self.size:
                self._change.wait()
            if not self._free:
                self._free.append(DecodingWorker())
                self._workers.append(self._free[-1])
            worker = self._free.pop()  # the one that was at work last: few films start few
        try:
            yield worker
        finally:
            with self._change:
                self._free.append(worker)
                self._change.notify()

    def _forget(self) -> None:
        """Nothing is lent: whoever had it was a thread of the parent's."""
        self._free = list(self._workers)
        self._change = threading.Condition()


def _leave_to_parent() -> None:
    for pool in _pools:
        pool._forget()


_pools: weakref.WeakSet[DecodingPool] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_leave_to_parent)
_shared = DecodingPool()


def read_untrusted(path: str | Path, max_pixels: int = MAX_PIXELS) -> DecodedFilm:
    """Read a stranger's file here and decode it in a worker that this process shares.

    Raises:
        ImageError: as ``images.read_film`` and ``DecodingWorker.decode``.
    """
    return decode_untrusted(read_bytes(path), Path(path).name, max_pixels)


def decode_untrusted(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> DecodedFilm:
    """Decode the bytes of a stranger's file in a worker that this process shares.

    Raises:
        ImageError: as ``DecodingWorker.decode``.
    """
    return _shared.decode(data, name, max_pixels)


def made_ahead(
    batches: Iterable[Sequence[_Item]], make: Callable[[_Item], _Made]
) -> Generator[list[_Made], None, None]:
    """What ``make`` makes of each item, batch by batch and in order, while later ones are made.

    As many threads as the shared pool has workers. Beyond the batch that was taken, at most two
    items for each of them are under way, or one batch where that is more. Whoever stops early
    closes the iterator, and what is being decoded is given up.

    Raises:
        Exception: what ``make`` raised, with the first item of the batch that it concerns.
    """
    waiting: deque[list[Future[_Made]]] = deque()
    most, under_way = 2 * _shared.size, 0
    threads = ThreadPoolExecutor(_shared.size, "made-ahead")
    whole = False
    try:
        for batch in batches:
            waiting.append([threads.submit(make, item) for item in batch])
            under_way += len(batch)
            while len(waiting) > 1 and under_way - len(waiting[0]) >= most:
                first = waiting.popleft()
                under_way -= len(first)
                yield [future.result() for future in first]
        while waiting:
            yield [future.result() for future in waiting.popleft()]
        whole = True
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        if not whole:
            _give_up([future for batch in waiting for future in batch])
        threads.shutdown()
        if not whole:
            _shared.close()  # a dead worker must not get the next film


def _give_up(futures: Sequence[Future]) -> None:
    """End what is being decoded, that too which is only about to begin."""
    _shared.kill()
    begun = [future for future in futures if not future.cancelled()]
    while wait(begun, _AGAIN_SECONDS).not_done:
        _shared.kill()
