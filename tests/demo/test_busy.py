"""More requests than may wait: a plain 'busy', for programs and in the browser; the rest is served."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.bench.visitor import Visitor
from demo.words import BUSY
from tests.demo.conftest import GENTLE, Page, png, start_page, stop_page
from tests.demo.test_doors import ask
from tests.demo.warm_start import WarmStarter

gradio_client = pytest.importorskip("gradio_client")
playwright = pytest.importorskip("playwright.sync_api")
MODEL = "bundled:digitanatomy"
REQUESTS, FILMS = 12, 24


@pytest.fixture(scope="module")
def narrow(starter: WarmStarter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    running = start_page(tmp_path_factory.mktemp("narrow"), "--queue", "1", starter=starter)
    yield running
    stop_page(running)


def batch(page: Page, film: bytes) -> list[dict]:
    visitor = Visitor(page.url)
    paths = [visitor.upload(film, "a.png") for _ in range(FILMS)]
    visitor.close()
    return [{"path": path} for path in paths]


def join(page: Page, files: list[dict]) -> tuple[int, str]:
    """Ask for a batch without waiting for its answer."""
    body = json.dumps({"data": [files, MODEL, ""]}).encode()
    headers = {"Content-Type": "application/json"}
    status, text, _ = ask(f"{page.url}gradio_api/call/score_batch", headers, body)
    return status, text


def fill(page: Page, film: bytes) -> list[tuple[int, str]]:
    batches = [batch(page, film) for _ in range(REQUESTS)]
    with ThreadPoolExecutor(REQUESTS) as pool:
        return list(pool.map(lambda files: join(page, files), batches))


@pytest.mark.slow
def test_a_full_queue_says_busy_to_programs_and_serves_the_others(narrow, digits) -> None:
    answers = fill(narrow, png(digits["normal"]))
    refused = [json.loads(text) for status, text in answers if status == 503]
    served = [json.loads(text)["event_id"] for status, text in answers if status == 200]
    assert refused and all(answer == {"detail": BUSY} for answer in refused)
    # One waits at least; whether two more are being scored already is a matter of luck.
    assert served and len(served) + len(refused) == REQUESTS
    for event in served:
        text = ask(f"{narrow.url}gradio_api/call/score_batch/{event}")[1]
        assert text.count('"status": "ok"') == FILMS
    client = gradio_client.Client(narrow.url, **GENTLE)
    assert client.predict(api_name="/generate")["image_png"]


@pytest.mark.slow
def test_a_full_queue_says_busy_in_the_browser(narrow, visits, digits) -> None:
    visit = visits.open(narrow.url, "#example-novel")
    busy = visit.get_by_text("busy").first
    for _ in range(10):  # a fast page may have scored everything before the click
        fill(narrow, png(digits["normal"]))
        visit.click("#example-novel")
        with contextlib.suppress(playwright.TimeoutError):
            busy.wait_for(timeout=2_000)
            break
    assert busy.is_visible()
    assert "Traceback" not in visit.content()
