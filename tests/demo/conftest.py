"""One server for all tests of the page, in a process of its own, as a visitor meets it.

Servers with options of their own start warm (``warm_start.py``).
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image, PngImagePlugin

import hub
from hub.sums import SUMS, sha256_of, sums_text
from synth import DigitAnatomy
from tests.demo.visits import UPLOAD, Visits
from tests.demo.warm_start import WarmStarter, warm_starter
from tests.hub.server import StandInHub, stand_in_hub

ROOT = Path(__file__).resolve().parents[2]
READY = "The page is at http://127.0.0.1:"  # what app.py prints once it listens
START_SECONDS = 180
LOG_TOLD = 1500  # characters, of a failure's report
VISITS = pytest.StashKey[Visits]()
PASSWORD = "ZZ horse battery"
GENTLE = {
    "verbose": False,
    "httpx_kwargs": {"timeout": 300},
}  # a client that waits for a busy machine


@dataclass(frozen=True)
class Page:
    """A server under test: where it is, where it keeps uploads, what it logs."""

    url: str
    temp: Path
    log: Path
    process: subprocess.Popen | psutil.Process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_page(folder: Path, *arguments: str, starter: WarmStarter | None = None) -> Page:
    """Run ``python app.py`` with temporary files below ``folder``, and wait until it answers and says so.

    Args:
        starter: starts it warm; None starts it as a visitor does.
    """
    temp, log, port = folder / "temp", folder / "log.txt", free_port()
    temp.mkdir(exist_ok=True)
    environment = os.environ | {"TMPDIR": str(temp), "OMP_NUM_THREADS": "1"}
    program = ["app.py", "--port", str(port), *arguments]
    process: subprocess.Popen | psutil.Process
    if starter is not None:
        process = starter.start(program, environment, log)
    else:
        with open(log, "ab") as out:
            process = subprocess.Popen(
                [sys.executable, *program], cwd=ROOT, env=environment, stdout=out, stderr=out
            )
    url = f"http://127.0.0.1:{port}/"
    wait_for_page(url, process, log)
    return Page(url, temp, log, process)


def wait_for_page(url: str, process: subprocess.Popen | psutil.Process, log: Path) -> None:
    """Wait until it answers and says so, which it does a moment later."""
    for _ in range(START_SECONDS * 5):
        if not alive(process):
            raise RuntimeError(log.read_text())
        try:
            urllib.request.urlopen(url, timeout=5).close()
            if READY in log.read_text():
                return
        except OSError:
            pass
        time.sleep(0.2)
    process.kill()
    raise RuntimeError(f"the page did not answer within {START_SECONDS} s")


def alive(process: subprocess.Popen | psutil.Process) -> bool:
    return process.is_running() if isinstance(process, psutil.Process) else process.poll() is None


def uploads_in(folder: Path) -> set[Path]:
    """Files of visitors below a page's folder of temporary files; its own lock is none."""
    files = {path for path in folder.rglob("uploads-*/**/*") if path.is_file()}
    return {path for path in files if path.name != "lock"}


def stop_page(page: Page) -> None:
    end(page.process)


def end(process: subprocess.Popen | psutil.Process) -> None:
    """Stop it as Ctrl-C does, or else by force."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(60)
    except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def starter() -> Iterator[WarmStarter]:
    with warm_starter() as running:
        yield running


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    running = start_page(tmp_path_factory.mktemp("page"))
    yield running
    stop_page(running)


@pytest.fixture(scope="session")
def locked_page(starter: WarmStarter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page that lets in whoever has ``PASSWORD``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMSID_PASSWORD", PASSWORD)
        folder = tmp_path_factory.mktemp("locked")
        running = start_page(folder, "--host", "127.0.0.1", starter=starter)
    yield running
    stop_page(running)


@pytest.fixture
def hub_page(
    starter: WarmStarter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Page, StandInHub, str]]:
    """A page that fetches me/digits, slowly, from a Hub that has no me/none; and the commit.

    A test that needs the model sets the Hub's ``pace`` to 0 and waits. Each test has a page of its
    own, for a model that has come to one of another test does not come any more.
    """
    folder = tmp_path_factory.mktemp("hub-page")
    files = sorted((hub.BUNDLED_FOLDER / "digitanatomy").iterdir())
    sums = sums_text({file.name: sha256_of(file) for file in files})
    with stand_in_hub() as server, pytest.MonkeyPatch.context() as patch:
        contents = {file.name: file.read_bytes() for file in files} | {SUMS: sums.encode()}
        commit = server.add("me/digits", contents)
        server.pace = 2.0
        patch.setenv("SIMSID_MODELS", "me/digits, me/none")
        patch.setenv("HF_ENDPOINT", server.endpoint)
        patch.setenv("HF_HOME", str(folder / "hub"))
        patch.setenv("HF_TOKEN", "hf_secret_member")
        running = start_page(folder, starter=starter)
        yield running, server, commit
        server.pace = 0.0
        stop_page(running)


@pytest.fixture(scope="session")
def digits() -> dict[str, np.ndarray]:
    """(96, 96) uint8 of each kind."""
    anatomy = DigitAnatomy()
    return {kind: anatomy.sample("test", kind, 1).image for kind in anatomy.kinds}


def png(image: np.ndarray, text: str | None = None) -> bytes:
    """A PNG, with a text chunk and EXIF that quote ``text``."""
    file, info = io.BytesIO(), PngImagePlugin.PngInfo()
    options = {}
    if text is not None:
        info.add_text("Patient", text)
        exif = Image.Exif()
        exif[0x010E] = text
        options = {"pnginfo": info, "exif": exif}
    Image.fromarray(image).save(file, "PNG", **options)
    return file.getvalue()


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Chromium, for whoever has it and Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as engine:
        arguments = ["--headless", "--no-sandbox", "--disable-gpu"]
        running = engine.chromium.launch(executable_path=chromium, args=arguments)
        yield running
        running.close()


@pytest.fixture
def visits(request: pytest.FixtureRequest, browser) -> Iterator[Visits]:
    """Opens visits, which are closed behind the test; a failure tells what they showed."""
    opened = Visits(browser)
    request.node.stash[VISITS] = opened
    yield opened
    opened.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure of a test in the browser says what stood there, and what the page's server logged."""
    report = yield
    if report.failed and VISITS in item.stash:
        report.sections.append(("what the browser showed", item.stash[VISITS].told()))
        for page in getattr(item, "funcargs", {}).values():
            if isinstance(page, Page):
                log = page.log.read_text(errors="replace")[-LOG_TOLD:]
                report.sections.append(("what the page's server logged last", log))
    return report


@pytest.fixture
def tab(visits: Visits, page: Page) -> Iterator:
    """A fresh visit, which must end without an error of the page's scripts."""
    yield visits.open(page.url, ready=UPLOAD)
    assert visits.errors == []
