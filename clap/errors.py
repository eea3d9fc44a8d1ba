"""Named failures: each is a state the operator sees, with a sentence and a next move.

Every error that an operator can meet derives from :class:`ClapError`. Its ``name`` is stable (tests, logs
and the console key on it), ``sentence`` says what happened in plain words, and ``next_move`` says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass


class ClapError(Exception):
    """An error with a stable name, a sentence for the operator, and the next move."""

    name = "error"
    default_next_move = "Look at the log for details, then try again."

    def __init__(self, sentence: str, next_move: str | None = None):
        super().__init__(sentence)
        self.sentence = sentence
        self.next_move = next_move or self.default_next_move

    def __str__(self) -> str:
        return f"{self.sentence} {self.next_move}"


@dataclass(frozen=True)
class Failure:
    """A failure as the operator sees it: a stable name, what happened, and what to do next."""

    name: str
    sentence: str
    next_move: str

    @staticmethod
    def of(error: ClapError) -> Failure:
        """The failure that an error describes."""
        return Failure(error.name, error.sentence, error.next_move)


class EmptyCloudError(ClapError):
    """No valid point of the fused cloud lies inside the workspace."""

    name = "empty cloud"
    default_next_move = "Check the cameras, their calibration, and the workspace bounds."


class EmptyWindowError(EmptyCloudError):
    """No point of the cloud lies in the fine stage's window, though there are some elsewhere."""

    name = "nothing at the keypoint"
    default_next_move = "Predict again, or move the keypoint onto a thing."


class OutOfWorkspaceError(ClapError):
    """A point that must lie inside the workspace does not."""

    name = "out of the workspace"
    default_next_move = "Correct the keypoint, or widen the workspace bounds."


class InvalidInstructionError(ClapError):
    """The typed instruction is empty, too long, or has words that the planner does not know."""

    name = "instruction not understood"
    default_next_move = "Rephrase it, or start from one of the examples."


class InvalidPlannerTextError(ClapError):
    """The planner's answer does not follow the grammar; ``raw`` keeps what it wrote."""

    name = "planner text invalid"
    default_next_move = "Predict again, or edit the plan and place the keypoint by hand."

    def __init__(self, sentence: str, raw: str, next_move: str | None = None):
        super().__init__(sentence, next_move)
        self.raw = raw


class CheckpointError(ClapError):
    """A policy checkpoint is missing, incomplete or malformed."""

    name = "checkpoint not usable"
    default_next_move = "Give a folder made by `make train-mini`, or leave the option out for the shipped clap-mini."


class RenderingError(ClapError):
    """No OpenGL back end could be started for the simulated cameras."""

    name = "rendering not available"
    default_next_move = "Install the packages of packages.txt (EGL and Mesa, or OSMesa), then start again."


class WorldError(ClapError):
    """The world cannot do what was asked (unknown task, no placement found, simulation unstable)."""

    name = "world error"
    default_next_move = "Choose another task or seed, or reset the world."
