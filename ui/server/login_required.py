"""ASGI middleware: nothing of the console without a login, neither its page, nor Gradio's routes, nor the live link."""

from __future__ import annotations

import asyncio
import math
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clap.templates import fill_template
from ui.server.access import POLICY_VIOLATION
from ui.server.login import SESSION_S, Login

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def login_page(sentence: str = "", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """The form, with a sentence about the last attempt."""
    return HTMLResponse(fill_template("ui.server", "login.html", sentence=sentence), status, HEADERS)


COOKIE = "clap-login"
PATH = "/clap/login"
LOG_OUT = "/clap/logout"
MAX_FORM = 4096
MAX_AT_ONCE = 4
"""Attempts that may wait for their hash; more are turned away at once."""

NEEDED = "Log in first."
ENDED = "The login has ended. Log in again."


class LoginRequired:
    """Lets only sessions of ``login`` through, and serves the login page."""

    def __init__(self, app: ASGIApp, login: Login):
        self._app, self._login = app, login
        self._waiting = 0
        self._one = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or ask for the login."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        token = HTTPConnection(scope).cookies.get(COOKIE)
        known = self._login.knows(token)
        if scope["type"] == "http" and scope["path"] == PATH:
            response = (
                RedirectResponse("/", HTTPStatus.SEE_OTHER) if known else await self._log_in(Request(scope, receive))
            )
            await response(scope, receive, send)
        elif known and scope["type"] == "http" and scope["path"] == LOG_OUT and scope["method"] == "POST":
            await self._log_out(token)(scope, receive, send)
        elif known and scope["type"] == "websocket":
            await self._app(scope, self._while_known(token, receive, send), send)
        elif known:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": NEEDED})
        else:
            await self._ask(Request(scope))(scope, receive, send)

    def _while_known(self, token: str | None, receive: Receive, send: Send) -> Receive:
        """Closes a live link with the first message after its session's end. A page sends some every second."""

        async def received() -> Message:
            message = await receive()
            if message["type"] != "websocket.receive" or self._login.knows(token):
                return message
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ENDED})
            return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}

        return received

    def _log_out(self, token: str | None) -> Response:
        self._login.end(token)
        response = RedirectResponse(PATH, HTTPStatus.SEE_OTHER)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    @staticmethod
    def _ask(request: Request) -> Response:
        """A browser that asks for the page is led to the form; everything else is told that it may not."""
        if request.method == "GET" and request.url.path == "/":
            return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)
        return JSONResponse({"error": NEEDED}, HTTPStatus.UNAUTHORIZED)

    async def _log_in(self, request: Request) -> Response:
        if request.method != "POST":
            return login_page()
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM:
                return login_page("That was too long for a name and a password.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=8)
        user, password = (form.get(key, [""])[0] for key in ("user", "password"))
        address = request.client.host if request.client else ""
        if self._waiting >= MAX_AT_ONCE:
            return login_page("Too many attempts at once. Try again.", HTTPStatus.TOO_MANY_REQUESTS)
        self._waiting += 1
        try:
            async with self._one:
                return await self._attempt(user, password, address, request.url.scheme == "https")
        finally:
            self._waiting -= 1

    async def _attempt(self, user: str, password: str, address: str, secure: bool) -> Response:
        wait = math.ceil(self._login.wait(address))
        if wait > 0:
            sentence = f"Too many wrong attempts. Wait {wait} s, then try again."
            return login_page(sentence, HTTPStatus.TOO_MANY_REQUESTS)
        token = await run_in_threadpool(self._login.attempt, user, password, address)
        if token is None:
            return login_page("Name or password is wrong.", HTTPStatus.UNAUTHORIZED)
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        response.set_cookie(COOKIE, token, int(SESSION_S), httponly=True, samesite="strict", secure=secure)
        return response
