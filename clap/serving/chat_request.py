"""A chat request's body, checked: what is asked, under which grammar, about which views.

Only what this server can honour is accepted; a field that would change the answer and is not known here is refused,
since an answer that silently ignores half of the question is worse than none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from clap.geometry.frames import VIEW_NAMES
from clap.policies.planner.view_images import DEPTH_NAMES

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_PROMPT_CHARACTERS = 4000
MAX_GRAMMAR_CHARACTERS = 32_000
MAX_PARTS = 2 * len(VIEW_NAMES + DEPTH_NAMES) + 2

WITHOUT_EFFECT = {"user", "seed", "top_p", "store", "metadata", "stream_options", "service_tier", "safety_identifier"}
"""Fields that may come along and change nothing about a greedy answer."""

READ = {
    *("model", "messages", "stream", "temperature", "n", "max_tokens", "max_completion_tokens"),
    *("structured_outputs", "guided_regex", "response_format"),
}


class RequestError(ValueError):
    """The request cannot be answered; the text says what was wrong, ``status`` is the HTTP status."""

    def __init__(self, sentence: str, status: int = 400):
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class ChatRequest:
    """A question with an optional regular expression for its answer, and images (data URLs) by name."""

    model: str
    question: str
    images: dict[str, str]
    grammar: str | None
    max_tokens: int | None
    stream: bool


def read_request(data: bytes) -> ChatRequest:
    """Check a body. Raises RequestError."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RequestError("The body is no JSON.") from error
    if not isinstance(body, dict):
        raise RequestError("The body is no JSON object.")
    unknown = sorted(set(body) - READ - WITHOUT_EFFECT)
    if unknown:
        raise RequestError(f"This server does not know {', '.join(map(repr, unknown[:4]))}; leave that out.")
    if not isinstance(body.get("model"), str):
        raise RequestError("'model' is missing or no text.")
    if body.get("temperature") not in (None, 0) or isinstance(body.get("temperature"), bool):
        raise RequestError("This server answers greedily: leave 'temperature' out or set it to 0.")
    if body.get("n") not in (None, 1):
        raise RequestError("This server gives one answer: leave 'n' out or set it to 1.")
    if not isinstance(body.get("stream") or False, bool):
        raise RequestError("'stream' must be true or false.")
    question, images = _read_messages(body.get("messages"))
    return ChatRequest(body["model"], question, images, _grammar(body), _max_tokens(body), bool(body.get("stream")))


def _read_messages(messages: Any) -> tuple[str, dict[str, str]]:
    if not isinstance(messages, list) or len(messages) != 1 or not isinstance(messages[0], dict):
        raise RequestError("'messages' must hold one message; this planner keeps no conversation.")
    message = messages[0]
    if message.get("role") != "user":
        raise RequestError("The message's role must be 'user'; this planner has no place for another.")
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list) or not 0 < len(content) <= MAX_PARTS:
        raise RequestError(f"The message's content must be text or 1 to {MAX_PARTS} parts.")
    question, images = "", {}
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            question += part["text"]
        elif kind == "image_url":
            name, url = question.strip(), _url(part)
            if name not in VIEW_NAMES + DEPTH_NAMES or name in images:
                raise RequestError(
                    f"An image must follow a text that names it, each name once: {', '.join(VIEW_NAMES + DEPTH_NAMES)}."
                )
            images[name], question = url, ""
        else:
            raise RequestError("Every part must be {'type': 'text', 'text': ...} or an 'image_url'.")
    question = question.strip()
    if not 0 < len(question) <= MAX_PROMPT_CHARACTERS:
        raise RequestError(f"The question must have 1 to {MAX_PROMPT_CHARACTERS:,} characters, after any images.")
    return question, images


def _url(part: dict[str, Any]) -> str:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    if not isinstance(url, str):
        raise RequestError("An image part must be {'type': 'image_url', 'image_url': {'url': ...}}.")
    return url


def _grammar(body: dict[str, Any]) -> str | None:
    """The regular expression, in any of the spellings in use; those present must agree."""
    found: list[Any] = []
    if (outputs := body.get("structured_outputs")) is not None:
        if not isinstance(outputs, dict) or set(outputs) != {"regex"}:
            raise RequestError("'structured_outputs' must be {'regex': ...}; nothing else is supported.")
        found.append(outputs["regex"])
    if (regex := body.get("guided_regex")) is not None:
        found.append(regex)
    if (form := body.get("response_format")) is not None and form != {"type": "text"}:
        if not isinstance(form, dict) or form.get("type") != "regex" or set(form) != {"type", "value"}:
            raise RequestError("'response_format' must be {'type': 'text'} or {'type': 'regex', 'value': ...}.")
        found.append(form["value"])
    if not found:
        return None
    if not all(isinstance(regex, str) and 0 < len(regex) <= MAX_GRAMMAR_CHARACTERS for regex in found):
        raise RequestError(f"A regular expression must be text of 1 to {MAX_GRAMMAR_CHARACTERS:,} characters.")
    if len(set(found)) > 1:
        raise RequestError("The request holds several regular expressions that differ.")
    return str(found[0])


def _max_tokens(body: dict[str, Any]) -> int | None:
    given = body.get("max_completion_tokens", body.get("max_tokens"))
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < 1):
        raise RequestError("'max_tokens' must be a whole number from 1 on.")
    return given
