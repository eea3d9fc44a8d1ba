"""What a policy cannot do: named failures of the scripted and recorded ones."""

from __future__ import annotations

from clap.errors import ClapError


class NoFineActionError(ClapError):
    """The policy has no fine stage that could look around another keypoint."""

    name = "no fine stage"
    default_next_move = "Set the target pose by hand instead, or choose another policy."

    def __init__(self, policy: str):
        super().__init__(f"The policy “{policy}” has no fine stage that could look around another keypoint.")


class NoScriptError(ClapError):
    """The scripted expert cannot carry a step out that is none of its own."""

    name = "no script for this step"
    default_next_move = "Set the target pose by hand, skip the step, or choose another policy."
