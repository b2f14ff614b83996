"""Who may come in, and by which door."""

from __future__ import annotations

import asyncio
import http.client
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from demo.doors import Doorkeeper, Doors, open_doors
from simsid.errors import SimsidError
from tests.demo.conftest import ROOT, Page
from tests.waiting import GENEROUS

CLOSED = (
    "gradio_api/file=/etc/passwd",
    "gradio_api/file/etc/passwd",
    "gradio_api/proxy=http://127.0.0.1:22/",
    "gradio_api/deep_link?session_hash=x",
    "gradio_api/runs",
    "gradio_api/run-history/records",
    "gradio_api/openapi.json",
    "gradio_api/vibe-code/",
    "gradio_api/dev/reload",
    "gradio_api/custom_component/x/client/component/index.js",
    "gradio_api/stream/a/b/1/playlist.m3u8",
    "monitoring",
    "monitoring/summary",
    "docs",
    "static/../app.py",
    "assets/%2e%2e/%2e%2e/app.py",
)


def ask(url: str, headers: dict | None = None, data: bytes | None = None):
    """(status, text, headers) of an answer."""
    request = urllib.request.Request(url, data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=GENEROUS) as answer:
            return answer.status, answer.read().decode("utf-8", "replace"), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace"), error.headers


def test_another_host_needs_a_password_or_an_explicit_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    with pytest.raises(SimsidError, match="SIMSID_PASSWORD"):
        open_doors("0.0.0.0", [], None, no_auth=False)
    assert open_doors(None, [], None, no_auth=False).host == "127.0.0.1"
    assert open_doors("0.0.0.0", [], "secret", no_auth=False).host == "0.0.0.0"
    assert open_doors("0.0.0.0", [], None, no_auth=True).host == "0.0.0.0"


def test_a_space_is_public_by_design(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/simsid")
    monkeypatch.setenv("SPACE_HOST", "somebody-simsid.hf.space")
    doors = open_doors(None, [], None, no_auth=False)
    assert doors.public and doors.allows_host("somebody-simsid.hf.space")
    assert not doors.allows_host("evil.example")


def test_a_name_that_is_not_ours_is_refused_even_on_an_open_host() -> None:
    doors = Doors("0.0.0.0", ("films.hospital",))
    assert doors.allows_host("films.hospital:7860") and doors.allows_host("10.0.0.5:7860")
    assert not doors.allows_host("rebound.example:7860")
    assert not Doors().allows_host("10.0.0.5")


def test_foreign_hosts_and_origins_are_refused(page: Page) -> None:
    own = page.url.removeprefix("http://").rstrip("/")
    assert ask(page.url)[0] == 200
    assert ask(page.url, {"Origin": page.url.rstrip("/")})[0] == 200
    foreign = ("http://evil.example", "null", "http://127.0.0.1:1", f"https://{own}.evil.example")
    for origin in foreign:
        status, _, headers = ask(page.url, {"Origin": origin})
        assert status == 403 and "Access-Control-Allow-Origin" not in headers, origin
    for host in ("evil.example", "", "127.0.0.1.evil.example", f"evil.example@{own}x"):
        assert ask(page.url, {"Host": host})[0] == 403, host
    upload = f"{page.url}gradio_api/upload"
    assert ask(upload, {"Sec-Fetch-Site": "cross-site"}, b"x")[0] == 403


def test_doors_that_the_page_does_not_need_are_closed(page: Page) -> None:
    for path in CLOSED:
        status, text, _ = ask(page.url + path)
        assert status == 404, path
        assert "root:" not in text and str(ROOT) not in text and "Traceback" not in text
    for path in ("gradio_api/process_recording", "gradio_api/vibe-edit", "gradio_api/run/score"):
        assert ask(page.url + path, data=b"{}")[0] == 404, path


def test_answers_carry_security_headers(page: Page) -> None:
    headers = ask(page.url)[2]
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert ask(f"{page.url}gradio_api/info")[2]["Cache-Control"] == "no-store"


def test_large_bodies_are_refused_by_their_header(page: Page) -> None:
    connection = http.client.HTTPConnection(urlsplit(page.url).netloc, timeout=GENEROUS)
    connection.putrequest("POST", "/gradio_api/queue/join")
    connection.putheader("Content-Length", str(2**20 + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def answer_of(keeper: Doorkeeper, path: str, receive, headers: dict | None = None) -> list[dict]:
    """What one request to the doorkeeper alone is sent."""
    sent: list[dict] = []
    found = {"host": "127.0.0.1", "sec-fetch-site": "same-origin"} | (headers or {})
    raw = [(name.encode(), value.encode()) for name, value in found.items()]
    scope = {"type": "http", "method": "POST", "path": path, "headers": raw, "query_string": b""}

    async def send(message: dict) -> None:
        sent.append(message)

    with ThreadPoolExecutor(1) as elsewhere:  # Playwright keeps a loop in this thread
        elsewhere.submit(asyncio.run, keeper(scope, receive, send)).result()
    return sent


def test_a_body_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.doors._BODY_SECONDS", 0.2)
    seen: list[str] = []

    async def inside(scope, receive, send) -> None:
        seen.append((await receive())["type"])

    async def never() -> dict:
        await asyncio.sleep(60)
        return {"type": "http.request"}

    answer_of(Doorkeeper(inside, Doors()), "/gradio_api/mcp", never)
    assert seen == ["http.disconnect"]


def test_uploads_wait_outside_while_the_disk_is_full_of_others() -> None:
    async def inside(scope, receive, send) -> None:
        raise AssertionError("let in")

    async def nothing() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    keeper = Doorkeeper(inside, Doors(), stored=lambda: 2**40)
    sent = answer_of(keeper, "/gradio_api/upload", nothing, {"content-length": "10"})
    assert sent[0]["status"] == 503
