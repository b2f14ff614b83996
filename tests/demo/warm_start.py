"""Pages that start warm: forks of a process that has imported the libraries, and nothing that reads settings.

``python -m tests.demo.warm_start`` reads one JSON object a line, forks, and prints the fork's process id.
The fork takes the environment, the folder and the log that the line names, and runs the program as Python
would. Gradio, the Hub's client and the page itself read the environment when they are imported: each fork
imports them anew. The session's own page and a deployed one start cold, as a visitor's do.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("torch", "scipy.ndimage", "pandas", "pydicom", "fastapi", "mcp", "skimage", "yaml")
LIBRARIES += (
    "simsid.scoring",
    "simsid.detectors",
    "sklearn.linear_model",
    "jinja2",
    "rich",
    "typer",
)
READ_SETTINGS = ("gradio", "gradio_client", "huggingface_hub", "demo", "hub")


@dataclass(frozen=True)
class WarmStarter:
    """A process that has imported the libraries and forks."""

    process: subprocess.Popen

    def start(
        self, program: Sequence[str], environment: dict[str, str], log: Path, folder: Path = ROOT
    ) -> psutil.Process:
        """Run ``python *program``, a file or a module after ``-m``, in ``folder``; output goes to ``log``."""
        wanted = {"program": list(program), "environment": environment}
        wanted |= {"log": str(log), "folder": str(folder)}
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        return psutil.Process(int(self.process.stdout.readline()))


@contextlib.contextmanager
def warm_starter() -> Iterator[WarmStarter]:
    """A starter, until its pages are no longer wanted."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield WarmStarter(process)
    finally:
        process.stdin.close()
        process.wait(180)


def become(wanted: dict) -> None:
    """Run the program that ``wanted`` names in this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(wanted["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    tempfile.tempdir = None
    os.chdir(wanted["folder"])
    program = wanted["program"]
    if program[0] == "-m":
        sys.argv = program[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = program
        runpy.run_path(program[0], run_name="__main__")


def serve() -> None:
    """Fork for each line of standard input."""
    for name in LIBRARIES:
        importlib.import_module(name)
    early = [name for name in READ_SETTINGS if name in sys.modules]
    assert not early and threading.active_count() == 1, (early, threading.enumerate())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a page that has ended
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            become(json.loads(line))
            raise SystemExit  # the interpreter ends as it does after any program
        print(process, flush=True)


if __name__ == "__main__":
    serve()
