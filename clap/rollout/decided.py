"""A prediction with the verdict on it, and how it is judged."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from clap.geometry.observation import Observation
from clap.policies.prediction import Prediction
from clap.rollout.safety import Pace, Verdict, judge
from clap.worlds.base import World


@dataclass(frozen=True)
class Decided:
    """A prediction, what it was made from, and the verdict on it.

    ``own``: the policy's own prediction, where the operator has put another one in its place.
    """

    observation: Observation
    prediction: Prediction
    verdict: Verdict
    own: Prediction | None = None

    def judged(self, world: World, pace: float) -> Decided:
        """The same with the verdict of this moment: on a real table the frames have aged meanwhile."""
        return replace(self, verdict=judged(world, self.prediction, self.observation, pace))


def judged(world: World, prediction: Prediction, observation: Observation, pace: float = 0.0) -> Verdict:
    """The verdict at this moment, for a motion at this ``pace``.

    In simulation nothing ages while nothing moves; a real table goes on.
    """
    now = time.time() if world.is_real else observation.timestamp
    expected = Pace(world.tool_speed, pace, world.is_real)
    return judge(prediction, observation, world.workspace, world.reachable, now, expected, world.limits)
