"""The operator's share in a run: own steps, corrected predictions, and going back."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clap.geometry.frames import Array, Pose
from clap.geometry.observation import Observation
from clap.policies.base import OnText, Policy
from clap.policies.prediction import Plan, Prediction
from clap.rollout.operator_plan import CORRECTED, OperatorPlan, aimed, looked_again
from clap.rollout.safety import Verdict
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


class OperatorShare(ABC):
    """A part of ``Rollout``, which has these."""

    world: World
    policy: Policy
    _plan: Plan | None
    _own: OperatorPlan | None
    _subtask: tuple[str, ...]
    _step: str

    @abstractmethod
    def ask_plan(self, on_text: OnText | None = None) -> Plan: ...

    @abstractmethod
    def judge(self, prediction: Prediction, observation: Observation, pace: float = 0.0) -> Verdict: ...

    def edit(self, done: Sequence[str], steps: Sequence[str]) -> Plan:
        """Follow the operator's ``steps`` from here on, after those of the present part that are ``done``."""
        self._own = OperatorPlan((*done, *steps), len(done))
        # Whatever round one answers afterwards is another part.
        self._subtask = ()
        return self.ask_plan()

    def replan(self) -> None:
        """Drop the operator's steps: round one is to be asked again from here."""
        self._own = self._plan = None

    def refine(self, decided: Decided, keypoint: Array, pace: float = 0.0) -> Decided:
        """The fine stage again, around the operator's keypoint (3,) world metres. Raises what the policy raises."""
        own = decided.own or decided.prediction
        refined = self.policy.refine(decided.observation, own.step, keypoint)
        return self._instead(decided, looked_again(refined, own), pace)

    def aim(self, decided: Decided | None, step: str, pose: Pose, gripper_open: bool, pace: float = 0.0) -> Decided:
        """The operator's own target for a ``step``, in place of what was ``decided``, or of no prediction at all."""
        if decided is None:
            observation = self.world.observe()
            prediction = aimed(pose, gripper_open, step, None, observation, self.world.workspace)
            self._step = step
            return Decided(observation, prediction, self.judge(prediction, observation, pace))
        own = decided.own or decided.prediction
        prediction = aimed(pose, gripper_open, step, own, decided.observation, self.world.workspace)
        return self._instead(decided, prediction, pace)

    def revert(self, decided: Decided, pace: float = 0.0) -> Decided:
        """Back to the policy's own prediction."""
        own = decided.own or decided.prediction
        return Decided(decided.observation, own, self.judge(own, decided.observation, pace))

    def _instead(self, decided: Decided, prediction: Prediction, pace: float) -> Decided:
        own = decided.own or (None if decided.prediction.source in CORRECTED else decided.prediction)
        verdict = self.judge(prediction, decided.observation, pace)
        return replace(decided, prediction=prediction, verdict=verdict, own=own)

    def save(self) -> Mapping[str, Any]:
        """All that this run remembers, to be given to ``restore``; its world has to be saved beside it."""
        return {name: _copied(value) for name, value in vars(self).items() if name not in ("world", "policy")}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Be again as when ``saved`` was saved; the policy stays the present one."""
        vars(self).update({name: _copied(value) for name, value in saved.items()})


def _copied(value: Any) -> Any:
    """What may change in place is copied; everything else is never changed."""
    return copy.copy(value) if isinstance(value, (list, Counter)) else value
