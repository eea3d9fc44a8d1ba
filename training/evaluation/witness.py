"""A policy and a world that are watched: they behave as ever, and every decision is compared with the truth."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import numpy as np

from clap.errors import ClapError, InvalidInstructionError, WorldError
from clap.geometry.frames import Array, Pose
from clap.geometry.observation import CameraFrame, Observation
from clap.policies.base import OnText, PlanRequest, Policy, PredictRequest
from clap.policies.expert import next_step
from clap.policies.prediction import Plan, PlanStatus, Prediction
from clap.worlds.base import UNWATCHED, Action, MotionContext, MotionReport
from clap.worlds.capabilities import Movable
from clap.worlds.tabletop.tasks import Subtask
from clap.worlds.tabletop.world import TabletopWorld
from training.evaluation.filmstrip import Shot
from training.evaluation.step_facts import StepFacts, Truth, add_outcome, compare, truth
from training.evaluation.taxonomy import COMPLETE, ERROR, REFUSED, STEPS, TOO_EARLY


class Witness:
    """What both watchers write to. ``goal`` is what the world judges success by.

    ``says_steps``: the policy plans in step instructions, so that plan and step can be judged; of one that does not
    (RVT-2 knows only the task's sentence) the step is told by counting the motions that were carried out.
    """

    def __init__(self, world: TabletopWorld, goal: tuple[Subtask, ...], says_steps: bool):
        self.world = world
        self.goal = goal
        self.says_steps = says_steps
        self.facts: list[StepFacts] = []
        self.shots: list[Shot] = []
        self.ending = STEPS
        self._executed = 0
        self._current: tuple[Truth | None, StepFacts, Action] | None = None

    @contextmanager
    def no_answer(self) -> Iterator[None]:
        """Around a call of the policy: remembers that it raised instead of answering."""
        try:
            yield
        except InvalidInstructionError:
            self.ending = REFUSED
            raise
        except ClapError:
            self.ending = ERROR
            raise

    def planned(self, plan: Plan, last_step: str) -> None:
        """Round one answered."""
        if plan.status is PlanStatus.COMPLETE:
            self.ending = TOO_EARLY if self._place(last_step) else COMPLETE
        else:
            self.ending = STEPS if plan.status is PlanStatus.STEPS else REFUSED

    def truth(self, last_step: str) -> Truth | None:
        """The right answer now; None if nothing is left to do, or the last step is none of the goal's."""
        place = self._place(last_step)
        return None if place is None else truth(self.world, self.goal, *place)

    def predicted(self, prediction: Prediction, plan: Plan, known: Truth | None, frame: CameraFrame) -> None:
        """Round two and the fine stage answered."""
        facts = compare(prediction, plan, known, self.world, self.says_steps)
        self.facts.append(facts)
        self._current = known, facts, prediction.action
        right = None if known is None else np.asarray(known.action.pose.position)
        self.shots.append(Shot(frame, np.asarray(prediction.keypoint.position), right))

    def moved(self, action: Action, report: MotionReport) -> None:
        """A motion ended: that of the last prediction, or one that self-correction makes."""
        if self._current is None or self._current[2] is not action:
            return
        self._executed += 1
        known, facts, _ = self._current
        add_outcome(facts, known, self.world, report)
        self._current = None

    def _place(self, last_step: str) -> tuple[int, int] | None:
        """Sub-task number and step index that come next."""
        if not self.says_steps:
            places = [
                (number, index) for number, subtask in enumerate(self.goal) for index in range(len(subtask.steps))
            ]
            return places[self._executed] if self._executed < len(places) else None
        try:
            found = next_step(self.goal, last_step)
        except WorldError:
            return None
        return None if found is None else (self.goal.index(found[0]), found[1])


class WatchedPolicy:
    """The policy protocol around another policy; it adds no thought of its own."""

    def __init__(self, policy: Policy, witness: Witness):
        self._policy = policy
        self._witness = witness
        self.name = policy.name
        self.is_expert = policy.is_expert
        self.has_fine_action = policy.has_fine_action

    @property
    def knows_completion(self) -> bool:
        return self._policy.knows_completion

    @property
    def step_words(self) -> Collection[str]:
        return self._policy.step_words

    def detect_objects(self, observation: Observation, on_text: OnText | None = None) -> tuple[str, ...] | None:
        with self._witness.no_answer():
            return self._policy.detect_objects(observation, on_text)

    def plan(self, request: PlanRequest) -> Plan:
        with self._witness.no_answer():
            plan = self._policy.plan(request)
        self._witness.planned(plan, request.last_step)
        return plan

    def predict(self, request: PredictRequest) -> Prediction:
        known = self._witness.truth(request.last_step)
        with self._witness.no_answer():
            prediction = self._policy.predict(request)
        self._witness.predicted(prediction, request.plan, known, request.observation.frames[0])
        return prediction

    def refine(self, observation: Observation, step: str, keypoint: Array) -> Prediction:
        return self._policy.refine(observation, step, keypoint)


class WatchedWorld(Movable):
    """What a rollout needs of the tabletop, passed on; each motion's report is written down."""

    def __init__(self, world: TabletopWorld, witness: Witness):
        self._world = world
        self._witness = witness
        self.workspace, self.is_real = world.workspace, world.is_real
        self.tool_speed, self.limits = world.tool_speed, world.limits

    def observe(self) -> Observation:
        return self._world.observe()

    def state(self) -> tuple[Pose, float]:
        return self._world.state()

    def reachable(self, pose: Pose) -> bool:
        return self._world.reachable(pose)

    def success(self) -> bool | None:
        return self._world.success()

    def execute(self, action: Action, context: MotionContext = UNWATCHED) -> MotionReport:
        report = self._world.execute(action, context)
        self._witness.moved(action, report)
        return report

    def home(self, context: MotionContext = UNWATCHED) -> MotionReport:
        return self._world.home(context)

    def close(self) -> None:
        self._world.close()
