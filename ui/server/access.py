"""Who may talk to the console: known hosts, the page's own origin, and one-time tokens for the live link.

Without this, any web page open in a browser on the same network could drive the robot: a WebSocket is not bound by
the same-origin policy, and a hostile name that resolves to 127.0.0.1 would pass an origin check alone. Nor may other
sites show the page in a frame, unless they are named.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_LIFETIME_S = 60.0
MAX_TOKENS = 256
"""Tokens that wait to be used; the oldest go first, so that asking for many cannot fill the memory."""

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
WRITABLE = frozenset(
    {
        "/clap/session",
        "/clap/stop",
        "/clap/login",
        "/clap/logout",
        "/clap/demonstrations-import",
        "/gradio_api/run/predict",
        "/gradio_api/queue/join",
    }
)
"""Where requests that are no mere reading may go: the page's own, and Gradio's for the event of stop_event.py."""

NOBODY = "'none'"
"""Nobody, as Content-Security-Policy writes it."""

POLICY_VIOLATION = 1008
"""The WebSocket close code for a refused caller."""


def host_name(netloc: str) -> str:
    """The host of ``name:port`` or ``[v6]:port``, lower case, without the port."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").lower()
    except ValueError:
        return ""


class Access:
    """Decides which hosts, origins and tokens the console accepts."""

    def __init__(
        self,
        host: str,
        names: Iterable[str] = (),
        embed_in: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ):
        """``names``: further names of this machine, beside its own and ``host``, under which it is reached.
        ``embed_in``: origins of pages that may show the console in a frame."""
        self.embed_in = tuple(embed_in)
        own = socket.gethostname().lower()
        self._names = {"localhost", host.lower(), own, f"{own}.local", *(name.lower() for name in names)}
        self._clock = clock
        self._tokens: dict[str, float] = {}

    def host_allowed(self, netloc: str) -> bool:
        """True for this machine's names and for any numeric address, which no hostile name server can redirect."""
        name = host_name(netloc)
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def origin_allowed(self, origin: str | None, netloc: str) -> bool:
        """True if a page with this origin was served by this very host and port."""
        return bool(origin) and urlsplit(origin or "").netloc.lower() == netloc.lower()

    @property
    def framing(self) -> str:
        """The header that tells browsers who may show the page in a frame: whoever else did could lay a page of its own
        over the buttons and have the operator approve a motion unawares."""
        return f"frame-ancestors {' '.join(self.embed_in or (NOBODY,))}"

    def issue(self) -> str:
        """A token that opens one live link within a minute."""
        now = self._clock()
        self._tokens = {token: until for token, until in self._tokens.items() if until > now}
        while len(self._tokens) >= MAX_TOKENS:
            self._tokens.pop(next(iter(self._tokens)))
        token = secrets.token_urlsafe(24)
        self._tokens[token] = now + TOKEN_LIFETIME_S
        return token

    def redeem(self, token: object) -> bool:
        """True once for every token that was issued and is still fresh."""
        until = self._tokens.pop(token, None) if isinstance(token, str) else None
        return until is not None and until > self._clock()


class SameHostOnly:
    """ASGI middleware: refuses unknown hosts, writes from other origins, WebSockets from other origins, and uploads."""

    def __init__(self, app: ASGIApp, access: Access):
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403 (close 1008 for a WebSocket) with the reason."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = self._refusal(scope)
        if reason is None:
            await self._app(scope, receive, self._framed(send))
        elif scope["type"] == "http":
            await JSONResponse({"error": reason}, HTTPStatus.FORBIDDEN)(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason})

    def _framed(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("content-security-policy", self._access.framing)
            await send(message)

        return sent

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._access.host_allowed(host):
            return "This console does not answer to that host name. Use the address that it printed at start."
        if scope["type"] == "http" and scope["method"] in READ_METHODS:
            return None
        if not self._access.origin_allowed(origin, host):
            return "This console takes commands from its own page only."
        if scope["type"] == "http" and scope["path"] not in WRITABLE:
            return "This console takes no files, and no commands but those of its own page."
        return None
