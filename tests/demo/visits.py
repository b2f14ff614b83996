"""Visits to a page in a browser, which tell what they saw when a test fails."""

from __future__ import annotations

import contextlib
import json
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

UPLOAD = "#upload input[type=file]"  # is there as soon as the page can be used
PATIENCE = 60_000  # of the browser, in milliseconds
_READING = 3_000  # the same, for a page that may be stuck
_MOST_TEXT, _MOST_LINES = 1500, 20
_TOAST, _QUEUE = ".toast-body", "/gradio_api/queue/"


class Visits:
    """Opens visits for one test, and closes them behind it."""

    def __init__(self, browser) -> None:
        self._browser = browser
        self._watched: list[_Watched] = []

    def open(
        self,
        url: str,
        ready: str | None = None,
        width: int = 1280,
        height: int = 1000,
        script: str = "",
    ):
        """A fresh visit of ``url``.

        Args:
            ready: selector of what must be there first, seen or not. width, height: in pixels.
            script: is run before all of the page's own.
        """
        visit = self._browser.new_page(viewport={"width": width, "height": height})
        visit.set_default_timeout(PATIENCE)
        self._watched.append(_Watched(visit))
        if script:
            visit.add_init_script(script)
        visit.goto(url)
        if ready is not None:
            visit.wait_for_selector(ready, state="attached")
        return visit

    @property
    def errors(self) -> list[str]:
        """What the pages' scripts did not catch."""
        return [error for each in self._watched for error in each.errors]

    def told(self) -> str:
        """What a person would look at first in each visit, and its traffic with the page's queue."""
        return "\n\n".join(each.told() for each in self._watched)

    def close(self) -> None:
        for each in self._watched:
            each.visit.close()


class _Watched:
    """One visit; seconds count from its beginning."""

    def __init__(self, visit) -> None:
        self.visit = visit
        self.errors: list[str] = []
        self._console: deque[str] = deque(maxlen=_MOST_LINES)
        self._requests: dict[object, str] = {}  # of the queue, in order, and what became of each
        self._began = time.monotonic()
        visit.on("pageerror", lambda error: self.errors.append(self._timed(str(error))))
        visit.on(
            "console", lambda said: self._console.append(self._timed(f"{said.type}: {said.text}"))
        )
        visit.on("request", self._asked)
        visit.on("response", lambda answer: self._became(answer.request, str(answer.status)))
        visit.on("requestfinished", lambda request: self._became(request, "ended"))
        visit.on(
            "requestfailed", lambda request: self._became(request, f"failed: {request.failure}")
        )

    def told(self) -> str:
        toasts = self._read(lambda: "\n".join(self.visit.locator(_TOAST).all_inner_texts()))
        parts = {
            "text": self._read(lambda: self.visit.inner_text("body", timeout=_READING)),
            "toasts": toasts,
            "console": "\n".join(self._console),
            "errors of scripts": "\n".join(self.errors),
            "requests to the queue": "\n".join(list(self._requests.values())[-_MOST_LINES:]),
        }
        told = [f"-- {name}: {said or 'none'}" for name, said in parts.items()]
        return "\n".join([self._timed(self.visit.url), *told])

    def _asked(self, request) -> None:
        path = urlsplit(request.url).path
        if _QUEUE in path:
            self._requests[request] = self._timed(f"{request.method} {path}{_what_for(request)}")

    def _became(self, request, end: str) -> None:
        if request in self._requests:
            self._requests[request] += f" | {self._timed(end)}"

    def _timed(self, text: str) -> str:
        return f"{time.monotonic() - self._began:.1f} s {text}"

    @staticmethod
    def _read(look: Callable[[], str]) -> str:
        """Text of the page, which may be stuck, or gone."""
        try:
            return look()[:_MOST_TEXT]
        except Exception as error:  # the report of a failure must not fail
            return f"cannot be read: {str(error).splitlines()[0]}"


def _what_for(request) -> str:
    """Which of the page's functions a request asks for; what visitors give it is not told."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return f" fn_index={json.loads(request.post_data)['fn_index']}"
    return ""
