"""Who may come in: hosts, origins, routes, sizes, headers; and when a password is needed."""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.privacy import MAX_FILE_BYTES, MAX_FILES
from demo.words import BUSY
from simsid.errors import SimsidError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_HOST_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]")
_MAX_BODY = 2**20
_MAX_UPLOAD = MAX_FILES * MAX_FILE_BYTES
_PAGE = frozenset({"/", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json"})
_ENTRANCE = frozenset({"/login", "/login/", "/logout"})
_UNDER = ("/assets/", "/svelte/", "/static/")
_API = "/gradio_api"
_API_PAGES = frozenset(
    {"/info", "/info/", "/app_id", "/user", "/login_check", "/token", "/startup-events", "/cancel"}
    | {"/theme.css", "/upload", "/upload_progress", "/reset", "/queue/join", "/queue/data"}
)
_API_UNDER = ("/heartbeat/", "/call/", "/queue/")
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors {frames}"
)


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
        if not set(host) <= _HOST_LETTERS:
            return False
        name = urlsplit(f"//{host}").hostname or ""
        if name in LOOPBACK or name in self.names or name == self.host:
            return True
        return not self.is_local and _is_address(name)


def open_doors(host: str | None, names: list[str], password: str | None, no_auth: bool) -> Doors:
    """The doors for this start; a Space is known by ``SPACE_ID``.

    Raises:
        SimsidError: another host than this machine, without a password or an explicit no.
    """
    if os.environ.get("SPACE_ID"):
        space = os.environ.get("SPACE_HOST", "")
        return Doors(host or "0.0.0.0", (*names, *([space] if space else [])), public=True)
    doors = Doors(host or "127.0.0.1", tuple(names))
    if doors.is_local or password or no_auth:
        own = () if doors.is_local else (socket.gethostname(), socket.getfqdn())
        return Doors(doors.host, (*doors.names, *own))
    raise SimsidError(
        f"listening on {doors.host} lets others in: set SIMSID_PASSWORD (user: simsid), or give "
        "--no-auth if everybody who can reach this machine may come in"
    )


class Doorkeeper:
    """ASGI middleware: refuses before anything of Gradio runs, and sets the headers of answers."""

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self.app, self.doors = app, doors
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
            return
        reason = "not here" if scope["type"] != "http" else self._objection(scope)
        if reason is not None:
            if scope["type"] == "http":
                status = 404 if reason == "not here" else 413 if "large" in reason else 403
                await PlainTextResponse(reason, status)(scope, receive, self._dressed(scope, send))
            return
        limit = _MAX_UPLOAD if _is_upload(scope) else _MAX_BODY
        await self.app(scope, _counted(receive, limit), self._dressed(scope, send))

    def _objection(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self.doors.allows_host(host):
            return "foreign host"
        if origin is not None and urlsplit(origin).netloc != host:
            return "foreign origin"
        path = scope["path"]
        if path not in _PAGE and headers.get("sec-fetch-site") == "cross-site":
            return "foreign origin"
        if not _is_open(path):
            return "not here"
        length = headers.get("content-length", "0")
        limit = _MAX_UPLOAD if _is_upload(scope) else _MAX_BODY
        return "too large" if not length.isdigit() or int(length) > limit else None

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


def _is_upload(scope: Scope) -> bool:
    return scope["path"] == f"{_API}/upload"


def _is_open(path: str) -> bool:
    """Whether the page needs this route; all others of Gradio are closed."""
    if ".." in path or "\\" in path or "\0" in path:
        return False
    if path.startswith(f"{_API}/"):
        rest = path.removeprefix(_API)
        return rest in _API_PAGES or rest.startswith(_API_UNDER)
    return path in _PAGE | _ENTRANCE or path.startswith(_UNDER)


def _counted(receive: Receive, limit: int) -> Receive:
    """Ends a body that grows beyond what its header said or may say."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        return {"type": "http.disconnect"} if total > limit else message

    return counted


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
