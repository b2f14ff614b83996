"""Traversal, SSRF and CSRF, tried on the running page: refused, nothing read, nobody asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.demo.conftest import Page
from tests.demo.probes import JSON, Canary, ask, call, event, planted, post, tells_nothing, tool

TRAVERSALS = (
    "/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "/static//etc/passwd",
    "/static/%2fetc/passwd",
    "/static/..%2f..%2fapp.py",
    "/static/%252e%252e%252fapp.py",
    "/static/....//....//etc/passwd",
    "/static/%5c..%5cx",
    "/static/%00/etc/passwd",
    "/static/~root/.ssh/id_rsa",
    "/assets/..;/..;/etc/passwd",
    "/assets/%c0%ae%c0%ae/etc/passwd",
    "/svelte/..%2f..%2f..%2fapp.py",
    "/svelte/C:/windows/win.ini",
    "/svelte/file:///etc/passwd",
    "/file=/etc/passwd",
    "/file/etc/passwd",
    "/gradio_api/file=%2fetc%2fpasswd",
    "/gradio_api/file=../../etc/passwd",
    "/gradio_api/file=file:///etc/passwd",
    "/gradio_api//file=/etc/passwd",
    "/gradio_api/./file=/etc/passwd",
    "/gradio_api%2ffile=/etc/passwd",
    "/GRADIO_API/file=/etc/passwd",
    "/gradio_api;x/file=/etc/passwd",
    "/gradio_api/upload/../file=/etc/passwd",
    "/gradio_api/call/%2e%2e/file=/etc/passwd",
    "/gradio_api/heartbeat/..%2f..%2ffile=/etc/passwd",
    "/gradio_api/mcp/../file=/etc/passwd",
    "/gradio_api/mcp/file=/etc/passwd",
    "/gradio_api/upload_progress?upload_id=../../../etc/passwd",
    "/gradio_api/custom_component/../../etc/passwd",
    "/gradio_api/token",
    "/gradio_api/queue/status",
    "/pwa_icon/../../etc/passwd",
    "/?page=../../../etc/passwd",
)
INWARDS = (  # {canary} becomes the address of the server that must not be asked
    "/gradio_api/proxy={canary}",
    "/gradio_api/proxy=%68%74%74%70://169.254.169.254/latest/meta-data/",
    "/gradio_api/file={canary}",
    "/gradio_api/file/{canary}",
    "/proxy={canary}",
    "/static/{canary}",
    "/assets/{canary}",
    "/gradio_api/mcp/proxy={canary}",
    "/gradio_api/deep_link?session_hash={canary}",
)
HOSTS = (
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example",
    "127.0.0.1.nip.io:{port}",
    "evil.example@127.0.0.1:{port}",
    "127.0.0.1:{port}@evil.example",
    "127.0.0.1:{port}:{port}",
    "127.0.0.1:port",
    "127.0.0.1:{port}#evil.example",
    "127.0.0.1, evil.example",
    "127.0.0.1]",
    "[::1",
    "[::ffff:127.0.0.1]:{port}",
    "0.0.0.0:{port}",
    "2130706433:{port}",
    "0x7f.1:{port}",
    ":{port}",
)
ORIGINS = (
    "http://evil.example",
    "null",
    "",
    "http://[",
    "http://localhost:1",
    "ftp://{own}",
    "//{own}",
    "http://{own}.evil.example",
    "http://evil.example@{own}",
    "http://{own}@evil.example",
    "http://{own}/, http://evil.example",
    "file://",
)
DOORS = (  # every route that a POST can reach
    "/gradio_api/upload",
    "/gradio_api/queue/join",
    "/gradio_api/call/score",
    "/gradio_api/call/v2/score",
    "/gradio_api/cancel",
    "/gradio_api/reset",
    "/gradio_api/mcp",
    "/login",
)
FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "rebound.example:{port}", "Origin": "http://rebound.example:{port}"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Gradio-Server": "http://evil.example"},
)
METHODS = ("TRACE", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT")
BROKEN = {
    "no_such_function": ("/gradio_api/queue/join", {"fn_index": 9999}),
    "negative_function": ("/gradio_api/queue/join", {"fn_index": -1}),
    "function_as_text": ("/gradio_api/queue/join", {"fn_index": "../../etc/passwd"}),
    "no_session": ("/gradio_api/queue/join", {"session_hash": None}),
    "no_such_endpoint": ("/gradio_api/call/etc%2Fpasswd", {}),
    "no_such_endpoint_v2": ("/gradio_api/call/v2/nothing", {}),
    "private_endpoint": ("/gradio_api/call/v2/choose", {}),
    "unknown_arguments": ("/gradio_api/call/v2/score", {"path": "/etc/passwd"}),
    "direct_run": ("/gradio_api/run/score", {}),
    "direct_api": ("/gradio_api/api/score", {}),
    "component_server": ("/gradio_api/component_server", {"component_id": 1, "fn_name": "x"}),
    "recording": ("/gradio_api/process_recording", {}),
    "history": ("/gradio_api/run-history/connect", {}),
    "mcp_messages": ("/gradio_api/mcp/messages/", {}),
    "mcp_http": ("/gradio_api/mcp/http/", {}),
}
SCORED = re.compile(r"status\W+ok\b")
MARK = {"meta": {"_type": "gradio.FileData"}}


def _files(canary: Canary) -> dict[str, object]:
    """Things that stand where a film may stand."""
    film, note, url = str(canary.film), str(canary.note), canary.url
    return {
        "film_beside": {"path": film} | MARK,
        "film_beside_unmarked": {"path": film},
        "note": {"path": note} | MARK,
        "passwd": {"path": "/etc/passwd"} | MARK,
        "relative": {"path": "../canary.png"} | MARK,
        "dots": {"path": f"{canary.film.parent}/uploads-x/../canary.png"} | MARK,
        "file_url": {"path": f"file://{film}"} | MARK,
        "address_as_path": {"path": url} | MARK,
        "address_unmarked": {"path": url},
        "address_as_url": {"path": film, "url": url} | MARK,
        "metadata_address": {"path": "http://169.254.169.254/latest/"} | MARK,
        "ipv6_address": {"path": url.replace("127.0.0.1", "[::ffff:127.0.0.1]")} | MARK,
        "stream": {"path": film, "is_stream": True} | MARK,
        "orig_name": {"path": film, "orig_name": "../../x.png", "size": 1} | MARK,
        "path_is_list": {"path": [film]} | MARK,
        "path_is_null_byte": {"path": f"{film}\0.png"} | MARK,
        "nested": {"path": {"path": film} | MARK} | MARK,
        "meta_other": {"path": film, "meta": {"_type": "gradio.Other", "path": film}},
        "text_path": film,
        "text_address": url,
        "text_file_url": f"file://{note}",
        "text_data_url_of_address": f"data:image/png;base64,{url}",
    }


KINDS = tuple(_files(Canary("", [], Path("a/b"), Path("a/b"))))


@pytest.fixture(scope="module")
def canary(page: Page) -> Iterator[Canary]:
    start = page.log.stat().st_size
    with planted(page) as found:
        yield found
        assert found.asked == []
    log = page.log.read_bytes()[start:].decode()
    assert tells_nothing(page, log) and str(page.temp) not in log


def refused(page: Page, method: str, path: str, headers: dict | None = None, body: bytes = b""):
    answer = ask(page, method, path, headers, body)
    assert answer.status == 0 or 400 <= answer.status < 600, answer.text[:300]
    assert tells_nothing(page, answer.text), answer.text
    assert "access-control-allow-origin" not in answer.text.lower()


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out(page: Page, canary: Canary, path: str) -> None:
    refused(page, "GET", path)


@pytest.mark.parametrize("path", INWARDS)
def test_no_path_makes_the_page_ask_others(page: Page, canary: Canary, path: str) -> None:
    refused(page, "GET", path.format(canary=canary.url))
    assert canary.asked == []


@pytest.mark.parametrize("host", HOSTS)
def test_a_rebound_or_crooked_host_is_refused(page: Page, canary: Canary, host: str) -> None:
    headers = {"Host": host.format(port=urlsplit(page.url).port)}
    refused(page, "GET", "/config", headers)
    refused(page, "POST", "/gradio_api/mcp", JSON | headers, b"{}")


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_foreign_or_crooked_origin_is_refused(page: Page, canary: Canary, origin: str) -> None:
    headers = {"Origin": origin.format(own=urlsplit(page.url).netloc)}
    refused(page, "GET", "/gradio_api/info", headers)
    refused(page, "POST", "/gradio_api/queue/join", JSON | headers, b"{}")


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda headers: "+".join(headers))
@pytest.mark.parametrize("door", DOORS)
def test_no_other_page_can_post(page: Page, canary: Canary, door: str, foreign: dict) -> None:
    port = urlsplit(page.url).port
    headers = {name: value.format(port=port) for name, value in foreign.items()}
    refused(page, "POST", door, {"Content-Type": "text/plain"} | headers, b'{"data": []}')
    answer = ask(page, "POST", door, JSON | headers, b'{"data": []}')
    assert answer.status == 403 and "foreign" in answer.body


@pytest.mark.parametrize("door", [door for door in DOORS if "upload" not in door])
def test_a_form_is_no_json(page: Page, canary: Canary, door: str) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        refused(page, "POST", door, {"Content-Type": kind}, b'{"data": [], "fn_index": 0}')


@pytest.mark.parametrize("method", METHODS)
def test_other_methods_are_refused(page: Page, canary: Canary, method: str) -> None:
    for path in ("/", "/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/mcp"):
        refused(page, method, path, {"X-Probe": "echo"})


@pytest.mark.parametrize("name", BROKEN)
def test_a_crafted_request_is_refused(page: Page, canary: Canary, name: str) -> None:
    path, change = BROKEN[name]
    body = {"data": [], "fn_index": 0, "session_hash": "probe"} | change
    refused(page, "POST", path, JSON, json.dumps(body).encode())


def test_a_private_event_cannot_be_called_by_name(page: Page, canary: Canary) -> None:
    for name in ("score_uploads", "choose", "reason", "make"):
        refused(page, "POST", f"/gradio_api/call/{name}", JSON, b'{"data": []}')


def test_a_session_that_is_not_ours_has_nothing_to_say(page: Page, canary: Canary) -> None:
    for path in ("queue/data?session_hash=other", "call/score/0a", "call/v2/score/0a"):
        text = ask(page, "GET", f"/gradio_api/{path}").text
        assert "404" in text and tells_nothing(page, text)


@pytest.mark.parametrize("kind", KINDS)
def test_an_endpoint_reads_uploads_only(page: Page, canary: Canary, kind: str) -> None:
    file = _files(canary)[kind]
    text = call(page, "score", [file, "bundled:digitanatomy"])
    text += call(page, "explain", [file, 0, 0, "bundled:digitanatomy"])
    text += call(page, "score_batch", [[file], "bundled:digitanatomy"])
    assert not SCORED.search(text) and tells_nothing(page, text)
    assert canary.asked == [] and canary.film.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_reads_uploads_only(page: Page, canary: Canary, kind: str) -> None:
    file = _files(canary)[kind]
    text = tool(page, "score", {"file": file}) + tool(page, "score_batch", {"files": [file]})
    text += tool(page, "explain", {"file": file, "row": 0, "col": 0})
    assert not SCORED.search(text) and tells_nothing(page, text)
    assert canary.asked == [] and canary.film.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_the_pages_own_events_read_uploads_only(page: Page, canary: Canary, kind: str) -> None:
    config = json.loads(ask(page, "GET", "/config").body)
    upload = next(d for d in config["dependencies"] if [t[1] for t in d["targets"]] == ["upload"])
    number, rest = upload["id"], [None] * (len(upload["inputs"]) - 3)
    file, model = _files(canary)[kind], "bundled:digitanatomy"
    text = event(page, number, [[file], model, True, *rest])
    text += event(page, number, [file, model, True, *rest])
    text += event(page, number, [[], file], event_data={"index": file}, trigger_id=99999)
    assert "percentile" not in text and "higher than that of" not in text
    if kind == "address_as_path":  # Gradio would fetch it before our function is called
        assert "addresses are never fetched" in text
    assert tells_nothing(page, text) and canary.asked == [] and canary.film.exists()


@pytest.mark.parametrize(
    "request_", ("prompts/get", "resources/read", "resources/list", "logging/setLevel")
)
def test_mcp_knows_tools_only(page: Page, canary: Canary, request_: str) -> None:
    parameters = {"name": "x", "uri": canary.note.as_uri(), "level": "debug"}
    body = {"jsonrpc": "2.0", "id": 1, "method": request_}
    answer = post(page, "/gradio_api/mcp", body | {"params": parameters})
    assert '"error"' in answer.body and tells_nothing(page, answer.text)


@pytest.mark.parametrize("path", ("/gradio_api/mcp/sse", "/gradio_api/mcp", "/gradio_api/mcp/http"))
def test_mcp_has_no_other_door(page: Page, canary: Canary, path: str) -> None:
    refused(page, "GET", path, {"Accept": "text/event-stream", "X-Forwarded-Host": "127.0.0.1"})


def test_a_line_is_not_upgraded(page: Page, canary: Canary) -> None:
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "close, Upgrade",
        "Sec-WebSocket-Version": "13",
    }
    for path in ("/gradio_api/queue/join", "/queue/join", "/gradio_api/mcp"):
        refused(page, "GET", path, upgrade | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})


def test_oversized_headers_and_bodies_are_refused(page: Page, canary: Canary) -> None:
    refused(page, "GET", "/config", {"X-Long": "a" * 40_000})
    for length in ("-1", "1e9", "5, 6", "99999999999999999999"):
        refused(page, "POST", "/gradio_api/queue/join", JSON | {"Content-Length": length})
    chunk = b"%x\r\n" % (2**20 + 9) + b"1" * (2**20 + 9) + b"\r\n0\r\n\r\n"
    chunked = JSON | {"Transfer-Encoding": "chunked", "Content-Length": None}
    refused(page, "POST", "/gradio_api/queue/join", chunked, chunk)
    for door in ("/gradio_api/queue/join", "/gradio_api/mcp"):
        refused(page, "POST", door, JSON, b"[" * 100_000)


@pytest.mark.parametrize(
    "name", ("../../../canary.png", "/etc/canary.png", "..\\..\\canary", "..", ".bashrc")
)
def test_an_uploads_name_leads_nowhere(page: Page, canary: Canary, name: str) -> None:
    body = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\nabc\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = ask(page, "POST", "/gradio_api/upload?upload_id=../../x", kind, body.encode())
    (path,) = json.loads(answer.body)
    assert path.startswith(str(canary.film.parent / "uploads-")) and "canary" not in path
    assert ".." not in path and "bashrc" not in path
    call(page, "score", [{"path": path}, "bundled:digitanatomy"])
    field = b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\n/etc/passwd\r\n--x--\r\n'
    refused(page, "POST", "/gradio_api/upload", kind, field)


def test_addresses_of_the_page_are_its_own(page: Page, canary: Canary) -> None:
    for name in ("X-Forwarded-Host", "X-Gradio-Server", "Forwarded", "X-Forwarded-Server"):
        answer = ask(page, "GET", "/config", {name: "http://evil.example"})
        assert "evil.example" not in answer.text
