"""The HTTP of the planner's server: /v1/models and /v1/chat/completions as OpenAI's protocol has them, and /health."""

from __future__ import annotations

import contextlib
import hmac
import json
import time
import uuid
from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.remote import CARD_FIELD
from clap.serving.chat_request import MAX_BODY_BYTES, RequestError, read_request
from clap.serving.request_queue import Piece, RequestQueue

OWN_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
"""Names under which a server for this machine alone may be called: a hostile name that resolves to it is refused."""


def make_application(planner: CoarseTaskPlanner, name: str, key: str = "", loopback: bool = True) -> Starlette:
    """The server of one planner under the model name ``name``; with a ``key``, callers must send it as a bearer."""
    service = _Service(planner, name, key)
    return Starlette(
        routes=[
            Route("/health", service.health),
            Route("/v1/models", service.models),
            Route("/v1/chat/completions", service.chat, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=OWN_HOSTS)] if loopback else [],
        exception_handlers={RequestError: _refuse, HTTPException: _refuse, Exception: _refuse},
    )


class _Service:
    def __init__(self, planner: CoarseTaskPlanner, name: str, key: str):
        self._requests, self._name, self._key = RequestQueue(planner), name, key
        told = {"settings": asdict(planner.settings), "words": sorted(planner.known_words)}
        self._card = {"id": name, "object": "model", "created": int(time.time()), "owned_by": "clap", CARD_FIELD: told}

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def models(self, request: Request) -> Response:
        self._authorize(request)
        return JSONResponse({"object": "list", "data": [self._card]})

    async def chat(self, request: Request) -> Response:
        self._authorize(request)
        # Without this, a web page could post here: JSON is what a browser asks permission for first.
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise RequestError("The content type must be application/json.", 415)
        asked = read_request(await _body(request))
        if asked.model != self._name:
            raise RequestError(f"There is no model {asked.model[:80]!r} here; this server has {self._name!r}.", 404)
        pieces = self._requests.pieces(asked)
        # A refusal comes before the first piece, while the status can still say so.
        first = await anext(pieces)
        if asked.stream:
            return StreamingResponse(self._events(first, pieces), media_type="text/event-stream")
        async with contextlib.aclosing(pieces):
            written = [first, *[piece async for piece in pieces]]
        message = {"role": "assistant", "content": "".join(piece.text for piece in written)}
        choice = {"index": 0, "message": message, "finish_reason": written[-1].finish_reason, "logprobs": None}
        return JSONResponse(self._answer("chat.completion", choice))

    async def _events(self, first: Piece, pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[str, None]:
        head = self._answer("chat.completion.chunk", {})

        def event(delta: dict[str, str], reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
            return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"

        async with contextlib.aclosing(pieces):
            yield event({"role": "assistant", "content": first.text}, first.finish_reason)
            try:
                async for piece in pieces:
                    yield event({"content": piece.text}, piece.finish_reason)
            except RequestError as error:
                yield f"data: {json.dumps(_error(str(error), error.status))}\n\n"
                return
        yield "data: [DONE]\n\n"

    def _answer(self, kind: str, choice: dict[str, Any]) -> dict[str, Any]:
        head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": self._name}
        return {**head, "choices": [choice]}

    def _authorize(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if self._key and not hmac.compare_digest(given, f"Bearer {self._key}".encode()):
            raise RequestError("The key is missing or wrong.", 401)


async def _body(request: Request) -> bytes:
    """The request's body. Raises RequestError as soon as it is known to be too large."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MAX_BODY_BYTES:
            raise RequestError(f"The body is larger than {MAX_BODY_BYTES // 2**20} MiB.", 413)
    return bytes(data)


def _refuse(request: Request, error: Exception) -> Response:
    """Any failure as OpenAI's error object."""
    if isinstance(error, RequestError):
        return JSONResponse(_error(str(error), error.status), error.status)
    if isinstance(error, HTTPException):
        return JSONResponse(_error(f"{error.detail}.", error.status_code), error.status_code, error.headers)
    return JSONResponse(_error("The server failed; its log says why.", 500), 500)


def _error(sentence: str, status: int) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": sentence, "type": kind, "param": None, "code": status}}
