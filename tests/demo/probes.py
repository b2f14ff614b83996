"""What the probes of the page share: raw requests, a server that must not be asked, planted files."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from synth import DigitAnatomy
from tests.demo.conftest import ROOT, Page, png

SECRET = "ZZCANARYZZ"
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@dataclass(frozen=True)
class Answer:
    """(status, head and body as text) of one request; status 0 when the line was just cut."""

    status: int
    text: str

    @property
    def body(self) -> str:
        return self.text.partition("\r\n\r\n")[2]


@dataclass(frozen=True)
class Canary:
    """A server that counts who asks it, and a film and a note that nobody may read."""

    url: str
    asked: list[str]
    film: Path
    note: Path


def ask(page: Page, method: str, path: str, headers: dict | None = None, body: bytes = b""):
    """The answer to a request that is sent as it is; a header of None is left out."""
    own = urlsplit(page.url).netloc
    lines = {"Host": own, "Connection": "close"}
    if body or method in ("POST", "PUT", "PATCH"):
        lines["Content-Length"] = str(len(body))
    lines |= headers or {}
    head = f"{method} {path} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    host, _, port = own.partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as line:
        received = b""
        try:
            line.sendall(head.encode("latin-1") + b"\r\n" + body)
            while part := line.recv(2**16):
                received += part
        except ConnectionError:
            pass
    text = received.decode("utf-8", "replace")
    return Answer(int(text.split(" ", 2)[1]) if text.startswith("HTTP/") else 0, text)


def post(page: Page, path: str, content: object, headers: dict | None = None) -> Answer:
    """The answer to a JSON body."""
    return ask(page, "POST", path, JSON | (headers or {}), json.dumps(content).encode())


def event(page: Page, number: int, data: list, **more: object) -> str:
    """Put an event into the queue, as the page's script does, and read what comes of it."""
    session = {"session_hash": f"probe{number}", "fn_index": number, "data": data}
    answer = post(page, "/gradio_api/queue/join", session | more)
    if answer.status != 200:
        return answer.text
    return ask(page, "GET", f"/gradio_api/queue/data?session_hash=probe{number}").text


def call(page: Page, name: str, data: list) -> str:
    """Call a named endpoint without a client, and read what comes of it."""
    answer = post(page, f"/gradio_api/call/{name}", {"data": data})
    if answer.status != 200:
        return answer.text
    number = json.loads(answer.body)["event_id"]
    return ask(page, "GET", f"/gradio_api/call/{name}/{number}").text


def tool(page: Page, name: str, arguments: dict) -> str:
    """Call an MCP tool without a client."""
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    request["params"] = {"name": name, "arguments": arguments}
    answer = post(page, "/gradio_api/mcp/", request)
    assert answer.status == 200
    return answer.text


def tells_nothing(page: Page, text: str) -> bool:
    """Whether neither a planted secret nor the server's inside shows in a text."""
    inside = (SECRET, "Traceback", 'File "', "site-packages", str(ROOT), "root:x:")
    return not any(word in text for word in inside)


@contextmanager
def planted(page: Page) -> Iterator[Canary]:
    """A canary beside the page's uploads, and a server on this machine that must hear nothing."""
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(film.read_bytes())

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    beside = next(page.temp.glob("simsid-demo-*"))
    film, note = beside / "canary.png", page.temp / "canary.txt"
    # A film that would be scored, if only it were read.
    film.write_bytes(png(DigitAnatomy().sample("test", "novel", 1).image, SECRET))
    note.write_text(SECRET * 20)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Canary(f"http://127.0.0.1:{server.server_port}/film.png", asked, film, note)
    server.shutdown()
    server.server_close()
    assert film.exists() and note.exists()
    film.unlink()
    note.unlink()
