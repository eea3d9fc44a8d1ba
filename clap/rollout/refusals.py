"""What the operator is told when the planner refuses an instruction: its reason as a sentence, and a next move."""

from __future__ import annotations

from collections.abc import Sequence

from clap.errors import InvalidInstructionError


class RefusedInstructionError(InvalidInstructionError):
    """The instruction was understood, and cannot be carried out."""

    name = "instruction refused"

    def __init__(self, reason: str, next_move: str | None = None):
        super().__init__(f"{reason[:1].upper()}{reason[1:]}.", next_move)
        self.reason = reason


NEXT_MOVES = {
    "it is not said": "Say what is to be moved and where it goes, as in the examples.",
    "it is not known what is on the table": "Name each thing with its colour, and say whether the drawer is open.",
    "that is not": "Ask for a thing to be put into a container, or for the drawer to be opened.",
    "that cannot be picked up": "Name a block or another loose thing as what is to be moved.",
    "nothing can be put there": "Name a cup, the shape sorter or the drawer as the place.",
    "the request says not to": "Say what is to be done instead.",
}
"""Beginning of a reason, and what to do about it."""

ABOUT_THE_TABLE = ("there is no", "several")
"""Beginnings of reasons that depend on what stands on the table."""


def refusal(reason: str, detected_objects: Sequence[str] | None) -> RefusedInstructionError:
    """The failure that says ``reason`` ("there is no green block"), with the ``detected_objects`` if there were any."""
    if detected_objects is not None and reason.startswith(ABOUT_THE_TABLE):
        return RefusedInstructionError(
            reason, f"Detected on the table: {listed(detected_objects)}. Rephrase, or reset the scene."
        )
    fitting = (move for beginning, move in NEXT_MOVES.items() if reason.startswith(beginning))
    return RefusedInstructionError(reason, next(fitting, None))


def is_missing(reason: str) -> bool:
    """True if a thing of this world is said not to be there ("there is no green block"): it may be hidden."""
    return reason.startswith("there is no ") and not reason.startswith("there is no such")


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: "red block, blue cup, closed drawer", or "nothing"."""
    return ", ".join(names) or "nothing"
