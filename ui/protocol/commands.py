"""Messages from a page, checked for form: every field there, of its type, finite, within bounds.

Whether a command makes sense in the present state is the episode's to judge, in its own process; what reaches it is
well-formed. Only known fields go on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

Json = dict[str, Any]

MAX_MESSAGE = 8_192
"""Characters of a message from a page."""

MAX_SEED = 2**31 - 1
MAX_INSTRUCTION, MAX_STEP, MAX_STEPS, MAX_NAME = 4_000, 300, 30, 200
MAX_NOTES = 2_000
MAX_ID, MAX_FRAME, MAX_KEYFRAMES, MAX_CHOSEN = 64, 1_000_000, 1_000, 150
MAX_SPEED = 16.0
MAX_METRES = 10.0
"""Coordinates beyond this are a mistake; the verdict judges the rest."""

GRIPPER = ("open", "close")
LEASE_ACTIONS = ("take", "request", "cancel", "release", "grant", "deny")

PLAIN_VERBS = (
    "predict",
    "approve",
    "run",
    "pause",
    "redo",
    "skip",
    "home",
    "replan",
    "revert",
    "undo",
    "rehearse",
    "recover",
)

RETRAIN_VERBS = ("retrain-start", "retrain-cancel", "retrain-resume", "retrain-use")
"""What is asked of retrainings; the server itself sees to them."""

MAX_MINUTES = 480.0

RECORD_VERBS = ("record-begin", "record-mark", "record-end", "record-resume", "record-commit", "record-discard")


class BadCommandError(Exception):
    """A message from the page that is no command; its text says why."""


def parse(text: str) -> Json:
    """The message in a text. Raises BadCommandError."""
    if len(text) > MAX_MESSAGE:
        raise BadCommandError(f"A message of {len(text):,} characters is too long (at most {MAX_MESSAGE:,}).")
    try:
        message = json.loads(text, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        raise BadCommandError("The message is not JSON.") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadCommandError("The message is not a JSON object with a type.")
    return message


def check(message: Mapping[str, Any]) -> Json:
    """The command in a message, with the fields that it needs and no others. Raises BadCommandError with a sentence."""
    verb = message["type"]
    if verb in PLAIN_VERBS:
        return {"type": verb}
    if verb not in FORMS:
        raise BadCommandError(f"There is no command {verb[:40]!r}.")
    return {"type": verb, **{key: field(message.get(key), key) for key, field in FORMS[verb].items()}}


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


Field = Callable[[Any, str], Any]


def text(longest: int) -> Field:
    """A text of at most ``longest`` characters that every program can write."""

    def checked(value: Any, key: str) -> str:
        if not isinstance(value, str):
            raise BadCommandError(f"The command needs a text {key!r}.")
        if len(value) > longest:
            raise BadCommandError(f"The {key} has {len(value):,} characters; at most {longest:,} are possible.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise BadCommandError(f"The {key} holds characters that are no text.")
        return value

    return checked


def several(most: int, one: Field) -> Field:
    """A list of at most ``most`` such values."""

    def checked(value: Any, key: str) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise BadCommandError(f"The {key} must be a list of at most {most}.")
        return [one(item, key) for item in value]

    return checked


def number(low: float, high: float) -> Field:
    """A finite number from ``low`` to ``high``."""

    def checked(value: Any, key: str) -> float:
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not plain or not low <= value <= high:
            raise BadCommandError(f"The {key} must be a number from {low:g} to {high:g}.")
        return float(value)

    return checked


def numbers(count: int, low: float, high: float) -> Field:
    """A list of ``count`` such numbers."""
    one = number(low, high)

    def checked(value: Any, key: str) -> list[float]:
        if not isinstance(value, list) or len(value) != count:
            raise BadCommandError(f"The {key} must be a list of {count} numbers.")
        return [one(item, key) for item in value]

    return checked


def integer(largest: int) -> Field:
    """A whole number from 0 to ``largest``."""

    def checked(value: Any, key: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
            raise BadCommandError(f"The {key} must be a whole number from 0 to {largest}.")
        return value

    return checked


def choice(*choices: str) -> Field:
    """One of some words."""

    def checked(value: Any, key: str) -> str:
        if value not in choices:
            raise BadCommandError(f"The {key} must be one of: {', '.join(choices)}.")
        return str(value)

    return checked


def maybe(field: Field) -> Field:
    """The same, or nothing."""
    return lambda value, key: None if value is None else field(value, key)


def yes_or_no(value: Any, key: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise BadCommandError(f"The {key} must be true or false.")
    return value


def rotation(value: Any, key: str) -> list[float]:
    """A quaternion that can be brought to unit length."""
    quaternion: list[float] = numbers(4, -2.0, 2.0)(value, key)
    if math.hypot(*quaternion) < 0.1:
        raise BadCommandError(f"The {key} must be a rotation (x, y, z, w) of length 1.")
    return quaternion


_POSITION = numbers(3, -MAX_METRES, MAX_METRES)
_RATES = numbers(3, -1.0, 1.0)
_DEMO: dict[str, Field] = {"id": integer(2**53), "episode": text(MAX_ID)}
"""Of what is done with a demonstration; the page's own ``id`` comes back with the answer."""

FORMS: dict[str, dict[str, Field]] = {
    "plan": {"instruction": text(MAX_INSTRUCTION)},
    "edit-plan": {"steps": several(MAX_STEPS, text(MAX_STEP))},
    "keypoint": {"position": _POSITION},
    "target": {"position": _POSITION, "quaternion": rotation, "gripper_open": yes_or_no},
    "policy": {"name": text(MAX_NAME)},
    "speed": {"value": number(0.0, MAX_SPEED)},
    "approve-each": {"value": yes_or_no},
    "reset": {
        "task": text(MAX_NAME),
        "seed": integer(MAX_SEED),
        "variation": maybe(integer(MAX_SEED)),
        "condition": text(MAX_NAME),
    },
    "drive": {"on": yes_or_no},
    "jog": {
        "seq": integer(2**53),
        "linear": _RATES,
        "angular": _RATES,
        "gripper": maybe(choice(*GRIPPER)),
        "slow": yes_or_no,
    },
    "jog-target": {"position": _POSITION, "quaternion": rotation},
    "record-begin": {"operator": text(MAX_NAME), "notes": text(MAX_NOTES)},
    "record-mark": {},
    "record-end": {},
    "record-resume": {"take": text(MAX_NAME)},
    "record-commit": {"success": maybe(yes_or_no), "notes": text(MAX_NOTES)},
    "record-discard": {},
    "demo-label": {
        **_DEMO,
        "task": maybe(text(MAX_INSTRUCTION)),
        "outcome": maybe(choice("success", "partial", "failure", "unknown")),
        "notes": maybe(text(MAX_NOTES)),
    },
    "demo-keyframes": {**_DEMO, "frames": several(MAX_KEYFRAMES, integer(MAX_FRAME))},
    "demo-step": {**_DEMO, "start": integer(MAX_FRAME), "stop": integer(MAX_FRAME), "text": text(MAX_STEP)},
    "demo-trim": {**_DEMO, "start": integer(MAX_FRAME), "stop": integer(MAX_FRAME)},
    "demo-split": {**_DEMO, "frame": integer(MAX_FRAME)},
    "demo-delete": {"id": integer(2**53), "episodes": several(MAX_CHOSEN, text(MAX_ID))},
    "demo-restore": {"id": integer(2**53), "episodes": several(MAX_CHOSEN, text(MAX_ID))},
    "demo-empty-trash": {"id": integer(2**53)},
    "demo-undo": {"id": integer(2**53)},
    "demo-copy-sample": {"id": integer(2**53)},
    "demo-replay": {**_DEMO, "set": choice("recordings", "sample"), "every_frame": yes_or_no},
    "retrain-start": {
        "set": choice("recordings", "sample"),
        "episodes": several(MAX_CHOSEN, text(MAX_ID)),
        "method": choice("full", "lora"),
        "minutes": number(0.05, MAX_MINUTES),
    },
    "retrain-cancel": {"run": text(MAX_ID)},
    "retrain-resume": {"run": text(MAX_ID)},
    "retrain-use": {"run": text(MAX_ID)},
    "calibrate-look": {"camera": text(MAX_NAME)},
    "calibrate-sample": {"camera": text(MAX_NAME)},
    "calibrate-remove": {"camera": text(MAX_NAME), "sample": text(MAX_ID)},
    "calibrate-clear": {"camera": text(MAX_NAME)},
    "calibrate-solve": {"camera": text(MAX_NAME)},
    "calibrate-save": {"camera": text(MAX_NAME)},
    "lease": {"action": choice(*LEASE_ACTIONS), "to": maybe(text(MAX_NAME))},
    "name": {"name": text(MAX_NAME)},
}
"""The fields of every message with fields, beside open, ping and stop, which the link itself answers."""
