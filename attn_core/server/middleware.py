"""Bound sessions and uploads, and add to the server's responses: ASGI middleware.

Each class wraps an application (https://asgi.readthedocs.io).
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable

from cachetools import LRUCache
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attn_core import compat

MEGABYTE = 2**20  # as Streamlit counts uploads
MULTIPART = 2**16  # bytes that an upload has besides its file
TRY_AGAIN_LATER = 1013  # a web socket's code
SECONDS_UNTIL_NEXT_TRY = 30

_FULL = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="{SECONDS_UNTIL_NEXT_TRY}">
<title>The dashboard is full</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1.25rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 20vh auto 0; padding: 0 1.5rem }}
</style>
</head>
<body>
<h1>The dashboard is full</h1>
<p>As many people use it now as it has room for. This page tries again every {SECONDS_UNTIL_NEXT_TRY} seconds.</p>
</body>
</html>
"""


class SessionLimit:
    """Let a number of visitors in; whoever comes beyond reads that the dashboard is full."""

    def __init__(self, app: ASGIApp, max_sessions: Callable[[], int]) -> None:
        self._app, self._max_sessions = app, max_sessions
        self._n_open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a page or a web socket if too many are open."""
        if scope["type"] == "lifespan":  # the server starts
            await self._app(scope, receive, send)
            return
        is_full = self._n_open >= self._max_sessions()
        if scope["type"] == "websocket" and scope["path"].endswith(compat.STREAM_PATH):
            if is_full:
                await _refuse_socket(receive, send)
                return
            self._n_open += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._n_open -= 1
        elif is_full and _asks_for_page(scope):
            page = HTMLResponse(_FULL, 503, {"Retry-After": str(SECONDS_UNTIL_NEXT_TRY)})
            await page(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class UploadLimit:
    """Refuse uploads for which no page gave out an address, and those beyond a number of bytes.

    Bytes count from the start of an upload until the page has read it or the session has ended.
    """

    _ADDRESSES_OF_SESSION = 100
    _SESSIONS = 10_000

    def __init__(self, app: ASGIApp, per_session: int, in_all: int) -> None:
        self._app = app
        self._per_session, self._in_all = per_session, in_all
        self._expected: LRUCache[str, deque[str]] = LRUCache(self._SESSIONS)
        self._arriving: Counter[str] = Counter()  # bytes, by session
        compat.on_upload_announced(self._expect)

    def _expect(self, session: str, file: str) -> None:
        self._expected.setdefault(session, deque(maxlen=self._ADDRESSES_OF_SESSION)).append(file)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse an upload, or count it while it arrives."""
        if scope["type"] != "http" or scope["method"] != "PUT" or compat.UPLOAD_PATH not in scope["path"]:
            await self._app(scope, receive, send)
            return
        session, _, file = scope["path"].partition(compat.UPLOAD_PATH)[2].partition("/")
        length = Headers(scope=scope).get("content-length", "")
        refusal = self._find_refusal(session, file, length)
        if refusal is not None:
            await _discard_body(receive, 2 * self._per_session)
            await refusal(scope, receive, send)
            return
        self._arriving[session] += int(length)
        try:
            await self._app(scope, receive, send)
        finally:
            self._arriving[session] -= int(length)
            self._arriving += Counter()  # drops those at zero

    def _find_refusal(self, session: str, file: str, length: str) -> Response | None:
        """Return the response to an upload that is refused; None if it may come."""
        if file not in self._expected.get(session, ()):
            return PlainTextResponse("No page asked for this file.", 404)
        if not re.fullmatch(r"\d{1,12}", length, re.ASCII):
            return PlainTextResponse("Say how long the file is.", 411)
        stored = Counter(compat.stored_uploads()) + self._arriving
        if stored[session] + int(length) > self._per_session + MULTIPART:
            return PlainTextResponse("The file is too large, or another one is being opened.", 413)
        if stored.total() + int(length) > self._in_all + MULTIPART:
            busy = {"Retry-After": str(SECONDS_UNTIL_NEXT_TRY)}
            return PlainTextResponse("Too many files are being opened. Try again in a minute.", 503, busy)
        return None


class HealthAndMetrics:
    """Let the health check say what is wrong with the server, and keep its metrics private."""

    def __init__(self, app: ASGIApp, find_problems: Callable[[], tuple[str, ...]]) -> None:
        self._app, self._find_problems = app, find_problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer requests for health and metrics; pass on all others."""
        app: ASGIApp = self._app
        path = scope["path"] if scope["type"] == "http" else ""
        if path.endswith(compat.METRICS_PATH):
            app = PlainTextResponse("Not found", 404)
        elif path.endswith(compat.HEALTH_PATH) and (problems := self._find_problems()):
            app = PlainTextResponse("\n".join(problems), 503)
        await app(scope, receive, send)


class SecurityHeaders:
    """Add headers that protect visitors.

    Pages may be framed by others only where their address says so, with `?embed=true`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, and add headers to the response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(scope, MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _add_headers(scope: Scope, headers: MutableHeaders) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    if headers.get("content-type", "").startswith("text/html"):
        ancestors = "*" if b"embed=true" in scope["query_string"].lower() else "'self'"
        headers["Content-Security-Policy"] = f"frame-ancestors {ancestors}"
    if scope["scheme"] == "https" or Headers(scope=scope).get("x-forwarded-proto") == "https":
        cookies = headers.getlist("set-cookie")
        del headers["set-cookie"]
        for cookie in cookies:
            headers.append("set-cookie", cookie if "; secure" in cookie.lower() else f"{cookie}; Secure")


def _asks_for_page(scope: Scope) -> bool:
    return scope["type"] == "http" and "text/html" in Headers(scope=scope).get("accept", "")


async def _discard_body(receive: Receive, at_most: int) -> None:
    """Read what a browser sends: it looks at no answer before it has sent all."""
    n_bytes = 0
    while n_bytes < at_most:
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if not message.get("more_body"):
            return


async def _refuse_socket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
