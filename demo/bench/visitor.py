"""A visitor without a browser: uploads a file and waits for its picture, as the page's script does."""

from __future__ import annotations

import json
import secrets
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from simsid.errors import SimsidError

_PATIENCE = 120.0


class Visitor:
    """One connection to one page, kept open as a browser keeps it.

    Args:
        url: of the page.

    Raises:
        SimsidError: no page of ours answers there.
    """

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self._connection = HTTPConnection(self.host, timeout=_PATIENCE)
        try:
            config = json.loads(self._ask("GET", "/config").read())
            self._components = {c["id"]: c["props"] for c in config["components"]}
            events = config["dependencies"]
            self._event = next(e for e in events if "upload" in (t[1] for t in e["targets"]))
        except (OSError, HTTPException, ValueError, KeyError, StopIteration):
            raise SimsidError(f"no page of this kit answers at {url}; check --url") from None

    def upload(self, content: bytes, name: str) -> str:
        """Send a file; returns where the page put it."""
        boundary = secrets.token_hex(12)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return json.loads(self._ask("POST", "/gradio_api/upload", body, kind).read())[0]

    def score(self, path: str, model: str) -> list[Any]:
        """What the Score tab gets for an uploaded file: its values, with the map's picture."""
        session = secrets.token_hex(6)
        body = {
            "data": [self._value(number, path, model) for number in self._event["inputs"]],
            "fn_index": self._event["id"],
            "session_hash": session,
        }
        kind = {"Content-Type": "application/json"}
        self._ask("POST", "/gradio_api/queue/join", json.dumps(body).encode(), kind).read()
        with self._ask("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
            for line in stream:
                message = json.loads(line[6:]) if line.startswith(b"data: ") else {}
                if message.get("msg") == "process_completed":
                    stream.read()
                    break
        if not message.get("success"):
            raise SimsidError("the page answered with an error")
        return message["output"]["data"]

    def from_upload_to_picture(self, content: bytes, name: str, model: str) -> tuple[float, float]:
        """Seconds for the upload alone, and for everything.

        Raises:
            SimsidError: the film got no score, so there is nothing to time.
        """
        started = time.perf_counter()
        path = self.upload(content, name)
        uploaded = time.perf_counter()
        values = self.score(path, model)
        ended = time.perf_counter()
        if not any("map-layer" in str(value) for value in values):
            raise SimsidError(f"{model} refused the film; name another with --film")
        return uploaded - started, ended - started

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _value(self, component: int, path: str, model: str) -> Any:
        properties = self._components[component]
        if properties.get("elem_id") == "upload":
            return [{"path": path, "meta": {"_type": "gradio.FileData"}}]
        return model if properties.get("elem_id") == "model" else properties.get("value")

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict | None = None
    ) -> HTTPResponse:
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        if answer.status != 200:
            text = answer.read(200).decode("utf-8", "replace")
            raise SimsidError(f"the page answered {answer.status} to {path}: {text}")
        return answer
