"""Who may come in: hosts, origins, routes, sizes, headers; and when a password is needed."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.privacy import MAX_FILE_BYTES, MAX_FILES
from demo.words import BUSY, FAILED
from simsid.errors import SimsidError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_HOST = re.compile(r"(\[[0-9a-f]*:[0-9a-f:.]*\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_OWN = (None, "same-origin", "none")  # what Sec-Fetch-Site says when no other page asks
_SCHEMES = ("http", "https")
_MAX_HEADERS = 2**15
_MAX_BODY = 2**20
_MAX_UPLOAD = MAX_FILES * MAX_FILE_BYTES
MAX_TOOL_CALL = -(-MAX_FILE_BYTES // 3) * 4 + _MAX_BODY  # one film in base64, and a little more
_PAGE = frozenset({"/", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json"})
_ENTRANCE = frozenset({"/login", "/login/", "/logout"})
_UNDER = ("/assets/", "/svelte/", "/static/", "/viewer/")
_MOST_STORED = 2 * _MAX_UPLOAD  # of uploads that lie here or are on their way
_BODY_SECONDS, _UPLOAD_SECONDS = 30.0, 600.0  # for a body to arrive
_API = "/gradio_api"
_API_PAGES = frozenset(
    {"/info", "/info/", "/app_id", "/user", "/login_check", "/startup-events", "/cancel"}
    | {"/theme.css", "/upload", "/upload_progress", "/reset", "/queue/join", "/queue/data"}
    | {"/mcp", "/mcp/", "/mcp/schema"}
)
_CALL = re.compile(r"/call/(v2/)?(score|score_batch|generate|explain)(/[0-9a-f]*)?")
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors {frames}"
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Doors:
    """How the page is reachable.

    Attributes:
        host: address to listen on.
        names: names under which visitors may ask for it, beyond the loopback ones.
        public: a Space, which may be framed by its hub and is open to everybody by design.
    """

    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()
    public: bool = False

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK

    def allows_host(self, host: str) -> bool:
        """Whether a Host header is ours. A bare address cannot be rebound, a foreign name can."""
        match = _HOST.fullmatch(host.lower())
        if match is None:
            return False
        name = match[1].strip("[]")
        if name in LOOPBACK or name in (own.lower() for own in (*self.names, self.host)):
            return True
        return not self.is_local and _is_address(name)


def open_doors(host: str | None, names: list[str], password: str | None, no_auth: bool) -> Doors:
    """The doors for this start; a Space is known by ``SPACE_ID``.

    Raises:
        SimsidError: another host than this machine, without a password or an explicit no.
    """
    if os.environ.get("SPACE_ID"):
        # With a domain of its own, a Space has several names, with commas between.
        own = os.environ.get("SPACE_HOST", "").replace(",", " ").split()
        return Doors(host or "0.0.0.0", (*names, *own), public=True)
    doors = Doors(host or "127.0.0.1", tuple(names))
    if doors.is_local or password or no_auth:
        if not doors.is_local:
            names = [*names, socket.gethostname(), socket.getfqdn()]
        return Doors(doors.host, tuple(names))
    raise SimsidError(
        f"--host {doors.host} lets other machines in: set SIMSID_PASSWORD (user: simsid), or add "
        "--no-auth if everybody who reaches this machine may come in"
    )


class Doorkeeper:
    """ASGI middleware: refuses before anything of Gradio runs, and sets the headers of answers."""

    def __init__(self, app: ASGIApp, doors: Doors, stored: Callable[[], int] = lambda: 0) -> None:
        self.app, self.doors, self._stored = app, doors, stored
        self._arriving = 0
        frames = "https://huggingface.co" if doors.public else "'none'"
        self.headers = {
            "Content-Security-Policy": _POLICY.format(frames=frames),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }
        if not doors.public:
            self.headers["X-Frame-Options"] = "DENY"
            self.headers["Cross-Origin-Opener-Policy"] = "same-origin"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        elif (reason := self._objection(scope)) is not None:
            status = 404 if reason == "not here" else 413 if "large" in reason else 403
            await PlainTextResponse(reason, status)(scope, receive, self._dressed(scope, send))
        else:
            await self._take_in(scope, receive, self._dressed(scope, send))

    async def _take_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Bodies end in time; uploads wait outside while the disk is full of others."""
        if not scope["path"].startswith(f"{_API}/upload"):
            await self._let_in(scope, _counted(receive, _limit(scope), _BODY_SECONDS), send)
            return
        length = int(Headers(scope=scope).get("content-length", _MAX_UPLOAD))
        if self._stored() + self._arriving + length > _MOST_STORED:
            await PlainTextResponse("busy", 503)(scope, receive, send)
            return
        self._arriving += length
        try:
            await self._let_in(scope, _counted(receive, _limit(scope), _UPLOAD_SECONDS), send)
        finally:
            self._arriving -= length

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What goes wrong inside ends here: its traceback would quote paths and visitors' values."""
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:
            _log.error("request failed: %s", type(error).__name__)
            with contextlib.suppress(Exception):
                end = {"type": "http.response.body"}
                await (
                    send(end) if started else PlainTextResponse(FAILED, 500)(scope, receive, send)
                )

    def _objection(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        # Gradio builds the addresses of its own files and routes from these.
        forwarded = headers.get("x-forwarded-host", host).split(",")[0].strip()
        if not (self.doors.allows_host(host) and self.doors.allows_host(forwarded)):
            return "foreign host"
        if "x-gradio-server" in headers:
            return "foreign host"
        origin = headers.get("origin", f"http://{host}").lower()
        if origin not in {f"{scheme}://{own}" for scheme in _SCHEMES for own in (host, forwarded)}:
            return "foreign origin"
        path = scope["path"]
        if path not in _PAGE and headers.get("sec-fetch-site") not in _OWN:
            return "foreign origin"
        if not _is_open(path):
            return "not here"
        if sum(len(name) + len(value) for name, value in headers.raw) > _MAX_HEADERS:
            return "too large"
        length = headers.get("content-length", "0")
        fits = length.isascii() and length.isdigit() and int(length) <= _limit(scope)
        return None if fits else "too large"

    def _dressed(self, scope: Scope, send: Send) -> Send:
        """Headers on every answer; a full queue becomes a plain sentence."""
        busy = False

        async def dressed(message: Message) -> None:
            nonlocal busy
            if message["type"] == "http.response.start":
                busy = message["status"] == 503
                if busy:
                    return
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers[name] = value
                if scope["path"].startswith(_API):
                    headers["Cache-Control"] = "no-store"
            elif busy:
                if not message.get("more_body"):
                    answer = JSONResponse({"detail": BUSY}, 503, self.headers)
                    await answer(scope, _nothing, send)
                return
            await send(message)

        return dressed


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _limit(scope: Scope) -> int:
    """How many bytes a body may have here."""
    routes = {f"{_API}/upload": _MAX_UPLOAD, f"{_API}/mcp": MAX_TOOL_CALL}
    return routes.get(scope["path"].rstrip("/"), _MAX_BODY)


def _is_open(path: str) -> bool:
    """Whether the page needs this route; all others of Gradio are closed."""
    if ".." in path or "\\" in path or "\0" in path:
        return False
    if path.startswith(f"{_API}/"):
        rest = path.removeprefix(_API)
        named = _CALL.fullmatch(rest) is not None  # the page's own events have no such address
        return named or rest in _API_PAGES or rest.startswith("/heartbeat/")
    return path in _PAGE | _ENTRANCE or path.startswith(_UNDER)


def _counted(receive: Receive, limit: int, seconds: float) -> Receive:
    """Ends a body that grows beyond what its header said or may say, or that does not end."""
    total, whole, end = 0, False, time.monotonic() + seconds

    async def counted() -> Message:
        nonlocal total, whole
        if whole:  # from here on it is asked only whether the visitor has gone
            return await receive()
        try:
            with anyio.fail_after(max(0.0, end - time.monotonic())):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        whole = not message.get("more_body", False)
        total += len(message.get("body", b""))
        return {"type": "http.disconnect"} if total > limit else message

    return counted


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
