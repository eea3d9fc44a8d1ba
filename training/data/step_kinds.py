"""The skill that a step's text names."""

from __future__ import annotations

CONTACT_KINDS = ("grasps", "places", "pulls")


def step_kind(step: str) -> str:
    """The skill a step names: "moves above", "grasps", "places" and so on."""
    words = step.split()[2:4]
    return " ".join(word for word in words if word != "the") if words else step


def ends_in_contact(step: str) -> bool:
    """True if the step's verb is one of taking, letting go or pulling."""
    return step_kind(step).startswith(CONTACT_KINDS)
