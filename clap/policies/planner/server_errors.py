"""What can be wrong with a planner's server, each with a name, a sentence and a next move."""

from __future__ import annotations

from clap.errors import ClapError


class PlannerServerError(ClapError):
    """The planner's server cannot be used as asked: not there, no right to, no such model, or it failed."""

    name = "planner server not usable"
    default_next_move = "Check that the server runs and that --planner-url and --planner-model are right."


class PlannerFailedError(PlannerServerError):
    """The server answered, but has no such page or model, or failed by itself."""

    name = "planner server failed"


class PlannerRequestError(PlannerServerError):
    """The server refused the request as malformed (400 or 422), perhaps for a field that it does not know."""

    name = "planner server refused the request"
    default_next_move = "Check that the server's model takes images and that --planner-model is right."


class PlannerTimeoutError(PlannerServerError):
    """The server did not answer in time."""

    name = "planner server too slow"
    default_next_move = "Try again; if it stays so, look at the server's load."


class PlannerStreamError(PlannerServerError):
    """What the server sent is no OpenAI answer: broken off, no JSON, or too large."""

    name = "planner server's answer broken"
    default_next_move = "Try again; if it stays so, look at the server's own log."
