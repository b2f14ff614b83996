"""Behind a password: who has not logged in reaches nothing but the form, and guessing is slow."""

from __future__ import annotations

import asyncio
import base64
import hmac
import re

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.words import NOTICE, TITLE

USER = "simsid"
WRONG_SECONDS = 1.0  # that a wrong guess takes; the next guess, by anybody, waits for it
_API = "/gradio_api"
_FORM = frozenset({f"{_API}/theme.css", f"{_API}/startup-events", f"{_API}/login_check"})
_ENDPOINTS = re.compile(rb"(gradio_api_info = ).*?(;</script>)", re.DOTALL)


class Password:
    """The one name and password of a page, as Gradio asks for them."""

    def __init__(self, password: str) -> None:
        self._expected = (USER.encode(), password.encode())
        self._one_by_one = asyncio.Lock()

    async def admits(self, user: str, password: str) -> bool:
        """Whether both are right; takes as long for a wrong name as for a wrong password."""
        given = (user.encode(), password.encode())
        async with self._one_by_one:
            right = [hmac.compare_digest(*pair) for pair in zip(given, self._expected, strict=True)]
            if not all(right):
                await asyncio.sleep(WRONG_SECONDS)
        return all(right)


def login_message() -> str:
    """What stands above the form: whose door it is, and the research notice."""
    return (
        f'<div class="login-words"><h1>{TITLE}</h1><p class="notice" role="note">{NOTICE}</p>'
        f"<p>The user's name is <b>{USER}</b>; whoever runs this page gives out the password.</p></div>"
    )


class LoginGate:
    """ASGI middleware: closes what Gradio leaves open to those who have not logged in.

    It hands out its cookies for other sites' pages too; here they are for our own alone. And it
    writes the endpoints, with the names of the models, into the page of the form, and neither a title
    nor the page's style.

    Args:
        style: sheet for the form, the page's own.
    """

    def __init__(self, app: ASGIApp, style: str = "") -> None:
        self.app = app
        self._face = f"<title>{TITLE}</title><style>{style}</style></head>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        known, path = _is_known(scope), scope["path"]
        if path.startswith(_API) and not (known or path in _FORM or await _brings_password(scope)):
            await JSONResponse({"detail": "not logged in"}, 401)(scope, receive, send)
            return
        bare = path == "/" and not known
        await self.app(
            scope, receive, _without_endpoints(send, self._face) if bare else _strict(send)
        )


def _strict(send: Send) -> Send:
    async def strict(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            cookies = headers.getlist("set-cookie")
            del headers["set-cookie"]
            for cookie in cookies:
                kept = [part for part in cookie.split("; ") if "samesite" not in part.lower()]
                headers.append("set-cookie", "; ".join([*kept, "SameSite=strict"]))
        await send(message)

    return strict


def _without_endpoints(send: Send, face: bytes) -> Send:
    start: Message = {}
    page = bytearray()

    async def bare(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        page.extend(message.get("body", b""))
        if not message.get("more_body"):
            body = _ENDPOINTS.sub(rb"\1{}\2", bytes(page)).replace(b"</head>", face, 1)
            MutableHeaders(scope=start)["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

    return bare


def _is_known(scope: Scope) -> bool:
    app, cookies = scope["app"], HTTPConnection(scope).cookies
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(cookies.get(name) in app.tokens for name in names if name in cookies)


async def _brings_password(scope: Scope) -> bool:
    """Whether an MCP client, which sees no form, sends both as HTTP Basic authentication."""
    kind, _, given = HTTPConnection(scope).headers.get("authorization", "").partition(" ")
    if not scope["path"].startswith(f"{_API}/mcp") or kind.lower() != "basic":
        return False
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        return False
    return await scope["app"].auth(user, password)
