"""What Gradio remembers of requests, in memory: forgotten soon after they are answered."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import gradio as gr
from gradio.queueing import Event

from demo.privacy import KEEP_FILM_SECONDS

UNREAD_SECONDS = 40  # an answer that nobody came for
_CLOSED_SECONDS = 40  # a visit that has ended


class Memory:
    """The queue's and the sessions' memory of one page."""

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page
        self._unread_since: dict[tuple[str, frozenset[str]], float] = {}

    def wanted(self) -> set[str]:
        """Paths of the uploads that waiting and running requests name."""
        return {path for event in self._events() for path in _paths(event.data and event.data.data)}

    def forget(self) -> None:
        """Drop answers that nobody came for; sessions that ended; names of uploads."""
        queue, now = self._page._queue, time.monotonic()
        busy = {event.session_hash for event in self._events()}
        # A session that goes on has other requests by the next sweep: those same ones were left.
        unread = {
            (session, frozenset(answers))
            for session, answers in list(queue.pending_event_ids_session.items())
            if answers and session not in busy
        }
        self._unread_since = {each: self._unread_since.get(each, now) for each in unread}
        for (session, _), since in self._unread_since.items():
            if now - since >= UNREAD_SECONDS:
                queue.pending_messages_per_session.pop(session, None)
        for session, messages in list(queue.pending_messages_per_session.items()):
            # All answered and read: Gradio would keep the empty channels of 2,000 sessions.
            answers = queue.pending_event_ids_session.get(session)
            if session not in busy and not answers and messages.empty():
                queue.pending_messages_per_session.pop(session, None)
        for session in set(queue.pending_event_ids_session) - busy:
            if session not in queue.pending_messages_per_session:
                queue.pending_event_ids_session.pop(session, None)
        self._forget_sessions(busy)
        self._page.upload_file_set.clear()
        _give_back()

    def _forget_sessions(self, busy: set[str]) -> None:
        holder, now = self._page.state_holder, datetime.now()
        for session, state in list(holder.session_data.items()):
            seconds = _CLOSED_SECONDS if state.is_closed else KEEP_FILM_SECONDS
            last = holder.time_last_used.get(session, now)
            if session not in busy and now - last > timedelta(seconds=seconds):
                holder.session_data.pop(session, None)
                holder.time_last_used.pop(session, None)

    def _events(self) -> Iterator[Event]:
        queue = self._page._queue
        for waiting in list(queue.event_queue_per_concurrency_id.values()):
            yield from list(waiting.queue)
        for running in list(queue.active_jobs):
            yield from running or ()


def use_few_arenas() -> None:
    """Before any thread starts: glibc gives threads heaps of their own, which all grow to the peak."""
    if _LIBC is not None:
        _LIBC.mallopt(_M_ARENA_MAX, 2)


def _give_back() -> None:
    """Freed memory to the system, which glibc would keep for itself."""
    if _LIBC is not None:
        _LIBC.malloc_trim(0)


def _find_libc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return libc if hasattr(libc, "malloc_trim") else None


_LIBC = _find_libc()
_M_ARENA_MAX = -8


def _paths(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("path"), str):
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _paths(each)
