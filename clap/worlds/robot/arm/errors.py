"""What can go wrong with an arm: each a named state with a sentence and a next move."""

from __future__ import annotations

from clap.errors import ClapError

TRIED_AGAIN = "It is tried again by itself."
START_AGAIN = "Then start again."


class ArmError(ClapError):
    """The arm cannot do what was asked; this one stands for what its controller reports beside the states below."""

    name = "arm error"
    default_next_move = "Look at the arm and at its controller's message, then press Recover."


class ArmUnreachableError(ArmError):
    """Nothing answers at the arm's address."""

    name = "arm not reachable"
    default_next_move = (
        "Switch the controller on, activate its interface for programs (Franka: unlock the joints and activate FCI in "
        f"Desk), and check the address. {TRIED_AGAIN}"
    )


class ArmBusyError(ArmError):
    """The controller is there and does not answer: as a rule another program holds it."""

    name = "arm in use"
    default_next_move = f"End the other program that drives the arm. {TRIED_AGAIN}"


class ArmLostError(ArmError):
    """The connection broke; whatever moved has stopped, for controllers stop when they hear nothing more."""

    name = "arm lost"
    default_next_move = "Check the network cable and the controller; once it is connected again, press Recover."


class ArmReflexError(ArmError):
    """The arm stopped itself, because it touched something or was told what it must not do."""

    name = "arm stopped itself"
    default_next_move = "Look what it touches, free it if need be, then press Recover; it does not move by that."


class ArmNotReadyError(ArmError):
    """The arm's own button, brakes or hand-guiding hold it."""

    name = "arm not ready"
    default_next_move = "Release the arm's stop button and unlock its joints, then press Recover."


class ArmHaltedError(ArmError):
    """The protective state after a stop: nothing moves until a person resumes."""

    name = "protective stop"
    default_next_move = "Make sure that nobody is in reach, then press Resume."


class ArmTimeoutError(ArmError):
    """A motion took much longer than it may, and was stopped."""

    name = "motion took too long"
    default_next_move = "See what holds the arm back, then predict again or move it home."


class ArmSetupError(ArmError):
    """This computer or this installation cannot drive the arm."""

    name = "arm not usable from here"
    default_next_move = "Install what the sentence names; docs/robot.md says what each arm needs."


KINDS = (
    ArmError,
    ArmUnreachableError,
    ArmBusyError,
    ArmLostError,
    ArmReflexError,
    ArmNotReadyError,
    ArmHaltedError,
    ArmTimeoutError,
    ArmSetupError,
)
_BY_NAME = {kind.name: kind for kind in KINDS}


def given_up(error: ArmError) -> ArmError:
    """The same for who tries no more: it does not say that anything is tried again, but to start again."""
    return type(error)(error.sentence, error.next_move.replace(TRIED_AGAIN, START_AGAIN))


def packed(error: ClapError) -> dict[str, str]:
    """The error as it goes between processes."""
    return {"name": error.name, "sentence": error.sentence, "next_move": error.next_move}


def unpacked(message: dict[str, str]) -> ArmError:
    """The error that ``packed`` was given; one of an unknown name keeps its words."""
    return _BY_NAME.get(message["name"], ArmError)(message["sentence"], message["next_move"])
