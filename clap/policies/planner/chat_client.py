"""An OpenAI-compatible chat server as seen from here: the ``openai`` client behind bounds, and named failures.

Nothing is believed that comes back: every wait has an end, every size a bound (``bounded_transport``), and a body that
is not what the protocol says is an error with a sentence. The key comes from an environment variable and is shown
nowhere.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from clap.errors import InvalidPlannerTextError
from clap.policies.base import OnText
from clap.policies.planner.server_errors import PlannerServerError, PlannerStreamError

if TYPE_CHECKING:
    from openai import Stream

    from clap.policies.planner.bounded_transport import Limits

KEY_VARIABLE = "CLAP_PLANNER_API_KEY"
"""The environment variable that holds the server's key, unless another is named."""

NOT_OPENAI = "The server's answer is not shaped as OpenAI's protocol says."


class ChatServer:
    """One server by its address ("http://127.0.0.1:8000" or ".../v1").

    Raises PlannerServerError for an address or a key that cannot be used.
    """

    def __init__(self, url: str, key_variable: str = KEY_VARIABLE, limits: Limits | None = None):
        # Imported here: the client takes a second, and most planners run in this process.
        import httpx2
        import openai

        from clap.policies.planner.bounded_transport import BoundedTransport, Limits

        self.url, self.limits = _base(url), limits or Limits()
        key = os.environ.get(key_variable, "").strip()
        if not all("!" <= letter <= "~" for letter in key):  # h11 would repeat such a header in its message
            raise PlannerServerError(
                f"The key in {key_variable} has characters that no key has.", f"Set {key_variable} anew."
            )
        self._transport = BoundedTransport(self.url, key, key_variable, self.limits)
        self._client = openai.OpenAI(
            base_url=self.url,
            api_key="-",  # the transport adds the key; from OpenAI's own variable none is taken
            max_retries=0,
            http_client=httpx2.Client(transport=self._transport, trust_env=False, follow_redirects=False),
        )

    def models(self) -> list[dict[str, Any]]:
        """The cards of /v1/models. Raises PlannerServerError."""
        found = _json(self._client.get("/models", cast_to=bytes))
        cards = found.get("data")
        if not isinstance(cards, list) or not all(isinstance(c, dict) and isinstance(c.get("id"), str) for c in cards):
            raise PlannerStreamError(f"{self.url}/models does not list models as OpenAI's protocol says.")
        return cards

    def complete(self, body: dict[str, Any], on_text: OnText | None = None) -> str:
        """Post a chat request and return the answer's text; ``on_text`` receives it as it grows.

        Raises PlannerServerError, or InvalidPlannerTextError if the answer was cut at its length limit.
        """
        from openai import Stream

        text, reason = "", None
        # As plain JSON: the client's own classes would take any value for any field, and half of one for a whole.
        with self._client.post(
            "/chat/completions", cast_to=object, body={**body, "stream": True}, stream=True, stream_cls=Stream[object]
        ) as events:
            while (event := self._next(events)) is not None:
                piece, ended = _read(event)
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

    def _next(self, events: Stream[object]) -> dict[str, Any] | None:
        """The next event of an answer, None after the last one."""
        import openai

        from clap.policies.planner.bounded_transport import message_of

        try:
            event = next(events, None)
        except openai.APIError as error:
            raise PlannerServerError(
                f"The server failed while it wrote.{self._transport.shown(message_of({'error': error.body}))}",
                "Look at the server's own log.",
            ) from error
        except (ValueError, RecursionError) as error:
            raise PlannerStreamError("The server sent something that is no JSON.") from error
        return None if event is None else _object(event)


def _read(event: dict[str, Any]) -> tuple[str, str | None]:
    """The text and the finish reason of a chunk, or of a whole answer from a server that does not stream."""
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


def _base(url: str) -> str:
    """The address with /v1 and nothing behind it."""
    import httpx2

    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        httpx2.URL(url.strip())
    except (ValueError, httpx2.InvalidURL):
        usable = False
    if not usable or parts.query or parts.fragment:
        raise PlannerServerError(f"{url!r} is no address of a server.", "Give one such as http://127.0.0.1:8000.")
    if parts.username is not None or parts.password is not None:
        raise PlannerServerError(
            "The server's address holds a name or a password.", f"Put the key into the variable {KEY_VARIABLE} instead."
        )
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/v1') else path + '/v1'}"


def _json(data: bytes) -> dict[str, Any]:
    try:
        return _object(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise PlannerStreamError("The server sent something that is no JSON.") from error


def _object(found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise PlannerStreamError(f"The server sent a JSON {type(found).__name__}; an object was expected.")
    return found
