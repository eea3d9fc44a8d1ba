"""Reads what a page has sent; whatever is wrong with it becomes a sentence for the page."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn, get_args

from pydantic import Field, TypeAdapter, ValidationError

from ui.protocol.commands import Command, PageMessage
from ui.protocol.shared import Expected

MAX_MESSAGE = 8_192
"""Characters of a message from a page."""

_PAGE_MESSAGE: TypeAdapter[PageMessage] = TypeAdapter(Annotated[PageMessage, Field(discriminator="type")])


class BadCommandError(Exception):
    """A message from the page that is no command; its text says why."""


def read(text: str) -> PageMessage:
    """The message in a text. Raises BadCommandError with a sentence that says which field, and what was expected."""
    if len(text) > MAX_MESSAGE:
        raise BadCommandError(f"A message of {len(text):,} characters is too long (at most {MAX_MESSAGE:,}).")
    try:
        found = json.loads(text, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        raise BadCommandError("The message is not JSON.") from error
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise BadCommandError("The message is not a JSON object with a type.")
    return check(found)


def check(found: dict[str, Any]) -> PageMessage:
    """The message in an object that has a type. Raises BadCommandError."""
    try:
        return _PAGE_MESSAGE.validate_python(found)
    except ValidationError as error:
        raise BadCommandError(_sentence(found["type"], error)) from error


def forms() -> dict[str, type[Command]]:
    """The model of every message that a page may send, by its type."""
    return {name: form for form in get_args(PageMessage) for name in get_args(form.model_fields["type"].annotation)}


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _sentence(verb: str, error: ValidationError) -> str:
    """What is wrong first."""
    wrong = error.errors(include_url=False)[0]
    kind, context = wrong["type"], wrong.get("ctx", {})
    if kind == "union_tag_invalid":
        return f"There is no command {verb[:40]!r}."
    key = next((str(part) for part in wrong["loc"][1:]), "")
    if kind == "extra_forbidden":
        known = [name for name in forms()[verb].model_fields if name != "type"]
        return f"The command {verb!r} has no field {key[:40]!r}; its fields: {', '.join(known) or 'none'}."
    if kind == "missing":
        metadata = forms()[verb].model_fields[key].metadata
        what = next((one.what for one in metadata if isinstance(one, Expected)), "a text")
        return f"The command {verb!r} needs the field {key!r}: {what}."
    if kind == "expected":
        return f"The {key} must be {context['what']}."
    if kind == "string_too_long":
        return f"The {key} has {len(wrong['input']):,} characters; at most {context['max_length']:,} are possible."
    if kind == "string_unicode":
        return f"The {key} holds characters that are no text."
    return f"The command needs a text {key!r}."
