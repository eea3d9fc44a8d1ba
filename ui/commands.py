"""Commands from the page, checked and passed on to the episode.

Every verb of the episode returns at once, so they run on the server's loop. Whether a verb fits the present state is
the episode's to judge; here only the message's form is.
"""

from __future__ import annotations

from typing import Any

from clap.episode import Episode

PLAIN_VERBS = ("predict", "approve", "run", "pause", "redo", "skip", "home")
MAX_SEED = 2**31 - 1


class BadCommandError(Exception):
    """A message from the page that is no command; its text says why."""


def obey(episode: Episode, message: dict[str, Any]) -> None:
    """Carry out one command. Raises BadCommandError with a sentence if the message is malformed."""
    verb = message.get("type")
    if verb in PLAIN_VERBS:
        getattr(episode, str(verb))()
    elif verb == "plan":
        episode.plan(_text(message, "instruction"))
    elif verb == "policy":
        episode.set_policy(_choice(message, "name", episode.policy_names()))
    elif verb == "speed":
        episode.set_speed(_number(message, "value", 0.0, 16.0))
    elif verb == "reset":
        task = _choice(message, "task", [task.key for task in episode.tasks()])
        variation = message.get("variation")
        episode.reset(
            task,
            _integer(message, "seed", MAX_SEED),
            None if variation is None else _integer(message, "variation", MAX_SEED),
            _choice(message, "condition", episode.conditions()),
        )
    else:
        raise BadCommandError(f"There is no command {str(verb)[:40]!r}.")


def _text(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise BadCommandError(f"The command needs a text {key!r}.")
    return value


def _choice(message: dict[str, Any], key: str, choices: Any) -> str:
    value = _text(message, key)
    if value not in choices:
        raise BadCommandError(f"There is no {key} {value[:60]!r}; there are: {', '.join(choices)}.")
    return value


def _integer(message: dict[str, Any], key: str, largest: int) -> int:
    value = message.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
        raise BadCommandError(f"The {key} must be a whole number from 0 to {largest}.")
    return value


def _number(message: dict[str, Any], key: str, low: float, high: float) -> float:
    value = message.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
        raise BadCommandError(f"The {key} must be a number from {low:g} to {high:g}.")
    return float(value)
