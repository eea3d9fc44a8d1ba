"""What franky's exceptions mean to the operator; their texts are libfranka's."""

from __future__ import annotations

from clap.worlds.robot.arm.errors import ArmError, ArmLostError, ArmReflexError

_LOST = ("Net Exception", "UDP receive", "TCP send", "TCP receive", "TCP connection", "Connection closed")


def preempted(error: Exception) -> bool:
    """True for what a stop of our own raises: no error."""
    return "preempted" in str(error)


def meaning(error: Exception) -> ArmError:
    """The named state that an exception stands for."""
    text = first_line(error)
    if type(error).__name__ == "NetworkException" or any(words in text for words in _LOST):
        return ArmLostError(f"The connection to the arm broke ({text}).")
    if "reflex" in text.lower():
        return ArmReflexError(f"The arm stopped itself: {text}.")
    return ArmError(f"The arm's controller refused or ended the motion: {text}.")


def first_line(error: Exception) -> str:
    """The text that says what happened, without what repeats it."""
    return str(error).splitlines()[0].removeprefix("libfranka: ").rstrip(".!") if str(error) else type(error).__name__
