"""A DICOMweb server in this process: it gives pages, refuses some results, or goes away."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Archive:
    """What the server holds and how it behaves.

    Attributes:
        films: by (series, instance), as bytes of files. study: of all of them.
        page: most results of one answer; 0 for all. knows_offset: whether it goes on from one.
        warns: with a header 299 where more is left. ends_with: status of a page behind the last.
        refuse: numbers of stored results that are refused. status: of a refusal.
    """

    def __init__(self, study: str) -> None:
        self.study, self.films = study, dict[tuple[str, str], bytes]()
        self.page, self.knows_offset, self.warns, self.ends_with = 0, True, False, 200
        self.refuse, self.status = frozenset[int](), 409
        self.asked: list[str] = []
        self.came = 0


@contextmanager
def serving(archive: Archive) -> Iterator[str]:
    """Its address while it runs."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def answer(self, status: int, body: bytes = b"", kind: str = "application/dicom+json",
                   **headers: str) -> None:  # fmt: skip
            self.send_response(status)
            for name, value in {"Content-Type": kind, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            archive.asked.append(self.path)
            parts = url.path.strip("/").split("/")
            skip = int(parse_qs(url.query).get("offset", ["0"])[0]) if archive.knows_offset else 0
            series = sorted({name for name, _ in archive.films})
            if parts[-1] == "studies":
                self.found([{"0020000D": {"vr": "UI", "Value": [archive.study]}}], skip)
            elif parts[-1] == "series":
                kind = {"00080060": {"vr": "CS", "Value": ["CR"]}}
                told = [{"0020000E": {"vr": "UI", "Value": [name]}} | kind for name in series]
                self.found(told, skip)
            elif parts[-1] == "instances":
                own = sorted(one for name, one in archive.films if name == parts[-2])
                self.found([{"00080018": {"vr": "UI", "Value": [one]}} for one in own], skip)
            else:
                data = archive.films[parts[-3], parts[-1]]
                body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--x--"
                self.answer(200, body, 'multipart/related; type="application/dicom"; boundary=x')

        def found(self, items: list[dict[str, object]], skip: int) -> None:
            left = items[skip:]
            given = left[: archive.page] if archive.page else left
            more = {"Warning": "299 here: There are 9 additional results that can be requested"}
            warned = archive.warns and len(given) < len(left)
            status = 200 if given else archive.ends_with
            self.answer(status, json.dumps(given).encode(), **(more if warned else {}))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length:
                self.rfile.read(length)
            else:  # in chunks
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()
            archive.came += 1
            if archive.came in archive.refuse:
                self.answer(archive.status, b"secret of the server")
            else:
                self.answer(200, b"{}")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
