"""A page of the benchmark's own: a process on loopback with a folder of its own, which tells times."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.request import urlopen

from simsid.errors import SimsidError

_START_SECONDS = 180.0
_NOT_PASSED_ON = ("SIMSID_PASSWORD", "SIMSID_PASSWORD_FILE", "SPACE_ID")  # nobody logs in here
_ROOT = Path(__file__).resolve().parents[2]


class OwnPage:
    """Starts ``python -m demo.bench.timed_page`` and stops it with the ``with`` block.

    Attributes:
        url: where it is. temp: its folder for temporary files. pid: of its process.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="simsid-bench-")
        self.temp = Path(self._folder.name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/"
        self._times: queue.Queue[dict[str, float]] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "demo.bench.timed_page", "--port", str(port)],
            cwd=_ROOT,
            env={k: v for k, v in os.environ.items() if k not in _NOT_PASSED_ON}
            | {"TMPDIR": str(self.temp)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._log: list[str] = []
        for read, pipe in (
            (self._read_times, self._process.stdout),
            (self._read_log, self._process.stderr),
        ):
            threading.Thread(target=read, args=(pipe,), daemon=True).start()
        self.pid = self._process.pid

    def __enter__(self) -> OwnPage:
        print("starting a page …", file=sys.stderr)
        started = time.monotonic()
        try:
            while time.monotonic() < started + _START_SECONDS and self._process.poll() is None:
                try:
                    urlopen(self.url, timeout=5).close()
                    return self
                except OSError:
                    time.sleep(0.2)
            raise SimsidError(f"the page does not start: {' '.join(self._log[-1:])}")
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def times(self) -> dict[str, float]:
        """Seconds by component of the oldest answer not yet asked for; call once an answer."""
        return self._times.get(timeout=10)

    def close(self) -> None:
        """Stop the page and remove its folder."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def _read_times(self, lines: IO[str]) -> None:
        for line in lines:
            if line.startswith("{"):
                content: dict[str, Any] = json.loads(line)
                self._times.put(content)

    def _read_log(self, lines: IO[str]) -> None:
        for line in lines:
            self._log = [*self._log[-20:], line.strip()]
