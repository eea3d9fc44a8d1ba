"""HTTP to a planner's server that cannot be held up, flooded or sent elsewhere: all waits end, all sizes have bounds.

Under the ``openai`` client, which writes the requests and reads the events. What it would add of its own (its
version, this machine's, an organisation out of the environment) is left out, and so are proxies and .netrc: pictures
of the workplace go to the named server and nowhere else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from clap.policies.planner.server_errors import (
    PlannerFailedError,
    PlannerRequestError,
    PlannerServerError,
    PlannerStreamError,
    PlannerTimeoutError,
)

SENT_HEADERS = ("host", "accept", "content-type", "content-length", "connection")
MAX_REFUSAL_BYTES = 16 * 1024
MAX_SHOWN = 200
"""Characters of a server's own words that are repeated in a sentence."""

EVENT_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")
"""What a stream of server-sent events begins with."""


@dataclass(frozen=True)
class Limits:
    """How long and how much: seconds to connect, between two pieces, and in all; bytes and characters of an answer."""

    connect_s: float = 5.0
    silence_s: float = 60.0
    answer_s: float = 180.0
    answer_bytes: int = 2 * 1024 * 1024
    answer_characters: int = 8000


class BoundedTransport(httpx2.BaseTransport):
    """The way to the server at ``url``. Raises PlannerServerError for whatever is not a successful answer in bounds.

    ``key`` goes along as a bearer if it is not empty; ``key_variable`` is where it came from.
    """

    def __init__(self, url: str, key: str, key_variable: str, limits: Limits):
        self._url, self._key, self._key_variable, self._limits = url, key, key_variable, limits
        self._http = httpx2.HTTPTransport(trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer's head; its body is read, piece by piece, through the limits."""
        end = time.monotonic() + self._limits.answer_s
        headers = [(name, value) for name, value in request.headers.items() if name.lower() in SENT_HEADERS]
        headers.append(("Accept-Encoding", "identity"))
        if self._key:
            headers.append(("Authorization", f"Bearer {self._key}"))
        silence = httpx2.Timeout(self._limits.silence_s, connect=self._limits.connect_s)
        more = {"timeout": silence.as_dict()}
        sent = httpx2.Request(request.method, request.url, headers=headers, stream=request.stream, extensions=more)
        try:
            response = self._http.handle_request(sent)
        except httpx2.HTTPError as error:
            raise self._failure(error) from error
        pieces = _Pieces(self._bounded(response, end), response)
        try:
            if response.status_code != 200:
                raise self._refusal(response.status_code, pieces, _asked_model(request))
            if response.headers.get("content-encoding", "identity") != "identity":
                raise PlannerStreamError("The server sent a compressed answer, which was not asked for.")
        except BaseException:
            pieces.close()
            raise
        if request.method == "POST":
            pieces = _Pieces(_as_events(pieces), response)
        return httpx2.Response(200, headers=response.headers, stream=pieces)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def shown(self, text: str) -> str:
        """A server's own words, short, on one line, without the key."""
        clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        if self._key:
            clean = clean.replace(self._key, "***")
        return f' It says: "{clean[:MAX_SHOWN]}"' if clean else ""

    def _bounded(self, response: httpx2.Response, end: float) -> Iterator[bytes]:
        received = 0
        assert isinstance(response.stream, httpx2.SyncByteStream)
        try:
            for piece in response.stream:
                received += len(piece)
                if received > self._limits.answer_bytes:
                    raise PlannerStreamError(f"The answer is larger than {self._limits.answer_bytes:,} bytes.")
                if time.monotonic() > end:
                    raise PlannerTimeoutError(f"The answer was not finished within {self._limits.answer_s:.0f} s.")
                yield piece
        except httpx2.HTTPError as error:
            raise self._failure(error) from error

    def _failure(self, error: httpx2.HTTPError) -> PlannerServerError:
        if isinstance(error, httpx2.ConnectTimeout):
            return PlannerTimeoutError(f"{self._url} was not reached in {self._limits.connect_s:.0f} s.")
        if isinstance(error, httpx2.TimeoutException):
            return PlannerTimeoutError(f"{self._url} was silent for {self._limits.silence_s:.0f} s.")
        if isinstance(error, httpx2.ConnectError):
            return PlannerServerError(f"No planner server answers at {self._url} ({error}).")
        return PlannerStreamError(f"The connection to {self._url} broke ({type(error).__name__}).")

    def _refusal(self, status: int, pieces: Iterator[bytes], model: str) -> PlannerServerError:
        said = self.shown(_said(pieces))
        if status in (401, 403):
            have = "refuses the key" if self._key else "asks for a key"
            return PlannerServerError(
                f"{self._url} {have} ({status}).",
                f"Set the environment variable {self._key_variable} to the server's key, then start again.",
            )
        if status == 404:
            what = f"does not know the model {model!r}" if model else "has no such page"
            return PlannerFailedError(f"{self._url} {what} (404).{said}")
        if status in (400, 422):
            return PlannerRequestError(f"{self._url} refuses the request ({status}).{said}")
        if status in (429, 503):
            return PlannerServerError(f"{self._url} is busy ({status}).{said}", "Try again in a moment.")
        if 300 <= status < 400:
            return PlannerServerError(f"{self._url} sends elsewhere ({status}), which is not followed.")
        return PlannerFailedError(f"{self._url} failed ({status}).{said}", "Look at the server's own log.")


class _Pieces(httpx2.SyncByteStream):
    """A body of which the connection is given up when it is closed, wherever the reader has come to."""

    def __init__(self, pieces: Iterator[bytes], response: httpx2.Response):
        self._pieces, self._response = pieces, response

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        self._response.close()


def _as_events(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A stream of events as it is, its last one ended; the plain JSON of a server that does not stream as one event."""
    head = b""
    for piece in pieces:
        head = (head + piece).lstrip()
        if len(head) >= max(map(len, EVENT_FIELDS)):
            break
    if not head or head.startswith(EVENT_FIELDS):
        yield head
        yield from pieces
        yield b"\n\n"
    else:
        body = b"".join([head, *pieces])
        yield b"data: " + b" ".join(body.splitlines()) + b"\n\n"


def _asked_model(request: httpx2.Request) -> str:
    """The model that a request names, to be told if there is none of that name."""
    return str(json.loads(request.content).get("model", "")) if request.method == "POST" else ""


def _said(pieces: Iterator[bytes]) -> str:
    """The message in the body of a refusal, of which no more than 16 KiB are read."""
    data = b""
    for piece in pieces:
        data += piece
        if len(data) > MAX_REFUSAL_BYTES:
            return ""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    return message_of(body) if isinstance(body, dict) else ""


def message_of(body: dict[str, Any]) -> str:
    """The sentence in an error as OpenAI, FastAPI and others write it."""
    error = body.get("error", body.get("detail", body.get("message", "")))
    return str(error.get("message", "") if isinstance(error, dict) else error)
