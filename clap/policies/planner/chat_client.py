"""An OpenAI-compatible chat server as seen from here: HTTP, streamed answers, bounds, and named failures.

Nothing is believed that comes back: every wait has an end, every size a bound, and a body that is not what the
protocol says is an error with a sentence. The key comes from an environment variable and is shown nowhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from clap.errors import ClapError, InvalidPlannerTextError
from clap.policies.base import OnText

KEY_VARIABLE = "CLAP_PLANNER_API_KEY"
"""The environment variable that holds the server's key, unless another is named."""

NOT_OPENAI = "The server's answer is not shaped as OpenAI's protocol says."
MAX_SHOWN = 200
"""Characters of a server's own words that are repeated in a sentence."""


class PlannerServerError(ClapError):
    """The planner's server cannot be used as asked: not there, no right to, no such model, or it failed."""

    name = "planner server not usable"
    default_next_move = "Check that the server runs and that --planner-url and --planner-model are right."


class PlannerFailedError(PlannerServerError):
    """The server answered, but has no such page or model, or failed by itself."""

    name = "planner server failed"


class PlannerRequestError(PlannerServerError):
    """The server refused the request as malformed (400 or 422), perhaps for a field that it does not know."""

    name = "planner server refused the request"
    default_next_move = "Check that the server's model takes images and that --planner-model is right."


class PlannerTimeoutError(PlannerServerError):
    """The server did not answer in time."""

    name = "planner server too slow"
    default_next_move = "Try again; if it stays so, look at the server's load."


class PlannerStreamError(PlannerServerError):
    """What the server sent is no OpenAI answer: broken off, no JSON, or too large."""

    name = "planner server's answer broken"
    default_next_move = "Try again; if it stays so, look at the server's own log."


@dataclass(frozen=True)
class Limits:
    """How long and how much: seconds to connect, between two pieces, and in all; bytes and characters of an answer."""

    connect_s: float = 5.0
    silence_s: float = 60.0
    answer_s: float = 180.0
    answer_bytes: int = 2 * 1024 * 1024
    answer_characters: int = 8000


class ChatServer:
    """One server by its address ("http://127.0.0.1:8000" or ".../v1").

    Raises PlannerServerError for an address or a key that cannot be used.
    """

    def __init__(self, url: str, key_variable: str = KEY_VARIABLE, limits: Limits | None = None):
        self.url, self.key_variable, self.limits = _base(url), key_variable, limits or Limits()
        self._key = os.environ.get(key_variable, "").strip()
        if not all("!" <= letter <= "~" for letter in self._key):  # h11 would repeat such a header in its message
            raise PlannerServerError(
                f"The key in {key_variable} has characters that no key has.", f"Set {key_variable} anew."
            )
        # Neither proxies nor .netrc: pictures of the workplace go to the named server and nowhere else.
        self._client = httpx.Client(
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(self.limits.silence_s, connect=self.limits.connect_s),
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {self._key}"} if self._key else {})},
        )

    def models(self) -> list[dict[str, Any]]:
        """The cards of /v1/models. Raises PlannerServerError."""
        found = _json(b"".join(self._pieces("GET", "/models")))
        cards = found.get("data")
        if not isinstance(cards, list) or not all(isinstance(c, dict) and isinstance(c.get("id"), str) for c in cards):
            raise PlannerStreamError(f"{self.url}/models does not list models as OpenAI's protocol says.")
        return cards

    def complete(self, body: dict[str, Any], on_text: OnText | None = None) -> str:
        """Post a chat request and return the answer's text; ``on_text`` receives it as it grows.

        Raises PlannerServerError, or InvalidPlannerTextError if the answer was cut at its length limit.
        """
        text, reason = "", None
        with contextlib.closing(self._pieces("POST", "/chat/completions", {**body, "stream": True})) as pieces:
            for event in _events(pieces):
                piece, ended = self._read(event)
                reason = ended or reason
                text += piece
                if len(text) > self.limits.answer_characters:
                    raise PlannerStreamError(f"The answer is longer than {self.limits.answer_characters:,} characters.")
                if piece and on_text is not None:
                    on_text(text.strip())
        if reason is None:
            raise PlannerStreamError("The server's answer broke off before its end.")
        if reason == "length":
            raise InvalidPlannerTextError("The planner's answer was cut at its length limit.", raw=text)
        return text.strip()

    def _pieces(self, method: str, path: str, body: dict[str, Any] | None = None) -> Generator[bytes, None, None]:
        """The body of a successful answer, piece by piece, within the limits."""
        end = time.monotonic() + self.limits.answer_s
        received = 0
        try:
            with self._client.stream(method, self.url + path, json=body) as response:
                if response.status_code != 200:
                    raise self._refusal(response, str((body or {}).get("model", "")))
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise PlannerStreamError("The server sent a compressed answer, which was not asked for.")
                for piece in response.iter_raw():
                    received += len(piece)
                    if received > self.limits.answer_bytes:
                        raise PlannerStreamError(f"The answer is larger than {self.limits.answer_bytes:,} bytes.")
                    if time.monotonic() > end:
                        raise PlannerTimeoutError(f"The answer was not finished within {self.limits.answer_s:.0f} s.")
                    yield piece
        except httpx.ConnectTimeout as error:
            raise PlannerTimeoutError(f"{self.url} was not reached in {self.limits.connect_s:.0f} s.") from error
        except httpx.TimeoutException as error:
            raise PlannerTimeoutError(f"{self.url} was silent for {self.limits.silence_s:.0f} s.") from error
        except httpx.ConnectError as error:
            raise PlannerServerError(f"No planner server answers at {self.url} ({error}).") from error
        except httpx.HTTPError as error:
            raise PlannerStreamError(f"The connection to {self.url} broke ({type(error).__name__}).") from error

    def _read(self, event: dict[str, Any]) -> tuple[str, str | None]:
        """The text and the finish reason of a chunk, or of a whole answer from a server that does not stream."""
        if "error" in event:
            raise PlannerServerError(
                f"The server failed while it wrote.{self._shown(_message(event))}", "Look at the server's own log."
            )
        choices = event.get("choices")
        if choices == []:  # a last chunk with nothing but the count of tokens
            return "", None
        choice = choices[0] if isinstance(choices, list) else None
        message = choice.get("delta", choice.get("message")) if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict):
            raise PlannerStreamError(NOT_OPENAI)
        content, reason = message.get("content"), choice.get("finish_reason")
        if not isinstance(content, str | None) or not isinstance(reason, str | None):
            raise PlannerStreamError(NOT_OPENAI)
        return content or "", reason

    def _refusal(self, response: httpx.Response, model: str) -> PlannerServerError:
        status = response.status_code
        said = self._shown(_said(response))
        if status in (401, 403):
            have = "refuses the key" if self._key else "asks for a key"
            return PlannerServerError(
                f"{self.url} {have} ({status}).",
                f"Set the environment variable {self.key_variable} to the server's key, then start again.",
            )
        if status == 404:
            what = f"does not know the model {model!r}" if model else "has no such page"
            return PlannerFailedError(f"{self.url} {what} (404).{said}")
        if status in (400, 422):
            return PlannerRequestError(f"{self.url} refuses the request ({status}).{said}")
        if status in (429, 503):
            return PlannerServerError(f"{self.url} is busy ({status}).{said}", "Try again in a moment.")
        if 300 <= status < 400:
            return PlannerServerError(f"{self.url} sends elsewhere ({status}), which is not followed.")
        return PlannerFailedError(f"{self.url} failed ({status}).{said}", "Look at the server's own log.")

    def _shown(self, text: str) -> str:
        """A server's own words, short, on one line, without the key."""
        clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        if self._key:
            clean = clean.replace(self._key, "***")
        return f' It says: "{clean[:MAX_SHOWN]}"' if clean else ""


def _base(url: str) -> str:
    """The address with /v1 and nothing behind it."""
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        httpx.URL(url.strip())
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable or parts.query or parts.fragment:
        raise PlannerServerError(f"{url!r} is no address of a server.", "Give one such as http://127.0.0.1:8000.")
    if parts.username is not None or parts.password is not None:
        raise PlannerServerError(
            "The server's address holds a name or a password.", f"Put the key into the variable {KEY_VARIABLE} instead."
        )
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/v1') else path + '/v1'}"


def _said(response: httpx.Response) -> str:
    """The message in the body of a refusal, of which no more than 16 KiB are read."""
    data = b""
    for piece in response.iter_raw():
        data += piece
        if len(data) > 16 * 1024:
            return ""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    return _message(body) if isinstance(body, dict) else ""


def _message(body: dict[str, Any]) -> str:
    """The sentence in an error as OpenAI, FastAPI and others write it."""
    error = body.get("error", body.get("detail", body.get("message", "")))
    return str(error.get("message", "") if isinstance(error, dict) else error)


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PlannerStreamError("The server sent something that is no JSON.") from error
    if not isinstance(found, dict):
        raise PlannerStreamError(f"The server sent a JSON {type(found).__name__}; an object was expected.")
    return found


def _events(pieces: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream of server-sent events up to [DONE]; a plain JSON body is one event."""
    rest = b""
    streamed = False
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                streamed = True
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                yield _json(data)
            elif not streamed and line.strip() and not line.startswith((b":", b"event:", b"id:", b"retry:")):
                rest = b"".join([*lines[lines.index(line) :], rest])
                yield _json(rest + b"".join(pieces))
                return
    if rest.startswith(b"data:") and rest[5:].strip() != b"[DONE]":
        yield _json(rest[5:].strip())
    elif not streamed and rest.strip():
        yield _json(rest)
