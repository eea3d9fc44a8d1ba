"""What an episode's commands do, on its worker thread: the rollout step by step, everything told as it happens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from clap.checklist import Checklist
from clap.correction import Correction, Remedy
from clap.episode_state import EpisodeState as State
from clap.episode_state import SceneFrame
from clap.episode_worker import Interrupted, Worker
from clap.events import (
    Approved,
    Corrected,
    Finished,
    Looked,
    Moved,
    Planned,
    PoseUpdated,
    Predicted,
    Reset,
    SceneUpdated,
    StepDone,
    TextWritten,
)
from clap.failures import ClapError
from clap.geometry import Pose
from clap.observation import Observation, fuse
from clap.policy import INITIAL_STEP, OnText, Policy
from clap.rollout import Decided, Rollout
from clap.safety import Decision
from clap.step_failures import MotionFailedError, RefusedPredictionError, StepMissedError
from clap.views import CanonicalViews, render_views
from clap.worlds.world import MotionOutcome, MotionReport, TaskInfo, World

log = logging.getLogger(__name__)

SCENE_PERIOD = 0.5
"""Seconds of wall time between two looks at the scene during a motion."""

WorldFactory = Callable[[], World]
PolicyFactory = Callable[[World], Policy]
Turn = Callable[[], Decided | None]
"""Something to do; its result is what the episode may execute by itself, None if it rests."""


class EpisodeRun:
    """The world, the policies and the present rollout; all methods but the constructor run on the worker thread.

    ``running``: the episode goes on by itself after each step. ``pause``: it is to rest after the present motion.
    Both are set by the verbs, under the board's lock. ``correction``: failures get their remedies, at once while the
    episode goes on by itself, else once the operator approves.
    """

    def __init__(
        self, worker: Worker, world_factory: WorldFactory, policies: Mapping[str, PolicyFactory], correction: bool
    ):
        self.worker = worker
        self._running = False
        self.pause = False
        self.world: World | None = None
        self.tasks: tuple[TaskInfo, ...] = ()
        self.conditions: tuple[str, ...] = ()
        self.given_instruction = ""
        self.rollout: Rollout | None = None
        self.loaded: dict[str, Policy] = {}
        self._world_factory = world_factory
        self._factories = dict(policies)
        self._correction = correction
        self._away = True
        self._checklist = Checklist()
        self._decided: Decided | None = None
        self._looked_at = 0.0
        self._scenes = 0

    # Commands

    def start(self) -> None:
        """Make the world and the first policy."""
        self.world = self._world_factory()
        self.tasks, self.conditions = self.world.tasks(), self.world.conditions()
        if not self.tasks:
            self._look()
        self._load_policy(self.worker.board.snapshot.policy)
        self.worker.enter(State.READY)

    def finish(self) -> None:
        """Release the world."""
        if self.world is not None:
            self.world.close()

    @property
    def running(self) -> bool:
        """True while the episode goes on by itself; onlookers see it in the snapshot."""
        return self._running

    @running.setter
    def running(self, value: bool) -> None:
        self._running = value
        self.worker.board.update(running=value)

    def reset(self, task: str, seed: int, variation: int | None, condition: str) -> None:
        """Set the scene up anew."""
        self.rollout, self.given_instruction = None, ""
        self.worker.note(task="", instruction="", scene=None, **self._nothing_done())
        self.given_instruction = self._world().reset(task, seed, variation, condition)
        self._away = False
        self.worker.note(task=task, seed=seed, condition=condition, instruction=self.given_instruction)
        self.worker.note(examples=self._world().examples())
        self.worker.tell(Reset, task=task, seed=seed, instruction=self.given_instruction)
        self._look()
        self.worker.enter(State.READY)

    def plan(self, instruction: str) -> None:
        """Begin an instruction with the plan of its first sub-task."""
        self._go_on(partial(self._begin, instruction))

    def predict(self) -> None:
        """Predict the next step, which then waits for the operator."""
        self._go_on(self._decide)

    def approve(self) -> None:
        """Carry out the proposed correction or the pending prediction, and go on if the episode runs."""
        self._go_on(self._proposed() or partial(self._step, self._pending(), "operator"))

    def skip(self) -> None:
        """Count the pending prediction's step as done, and go on if the episode runs."""
        step = self._pending().prediction.step
        self._present().remember(step)
        self._step_done(step, skipped=True)
        self._go_on(self._after_step)

    def run(self, instruction: str | None, resume: bool) -> None:
        """Go on by itself; ``instruction`` begins one first, ``resume`` takes up what waits for the operator."""
        if instruction is not None:
            self._go_on(partial(self._begin, instruction))
        elif resume:
            self._go_on(self._proposed() or partial(self._settle, self._pending()))
        else:
            self._go_on(self._decide)

    def home(self) -> None:
        """Move the arm home."""
        report = self._world().home(self.worker.interrupted, self._on_tick, self._speed)
        self._moved(report)
        self._end_if_stopped(report)
        if not report.ok:
            raise MotionFailedError(report)
        self._away = False
        self.rest()

    def set_policy(self, name: str) -> None:
        """Load and choose a policy; the instruction goes on with it."""
        self._load_policy(name)
        if self.rollout is not None:
            self.rollout.use(self.loaded[name])
        self.rest()

    def rest(self) -> None:
        """Enter the resting state: an instruction is under way, or none is."""
        under_way = self.rollout is not None and not self.rollout.complete
        self.worker.enter(State.PLANNED if under_way else State.READY)

    # The rollout, step by step

    def _begin(self, instruction: str) -> Decided | None:
        """A new rollout and its first plan."""
        policy = self.loaded[self.worker.board.snapshot.policy]
        self._world().follow(instruction)
        self.rollout = Rollout(self._world(), policy, instruction.strip(), self._correction, self._away)
        self._checklist = Checklist()
        self.worker.note(instruction=instruction.strip(), **self._nothing_done())
        return self._after_step()

    def _go_on(self, turn: Turn) -> None:
        """Take this turn, then execute and decide further while the episode runs; failures get their remedies."""
        following: Turn | None = turn
        while following is not None:
            try:
                decided = following()
                following = None if decided is None else partial(self._step, decided, "verdict")
            except ClapError as error:
                following = partial(self._correct, self._remedy(error))

    def _step(self, decided: Decided, by: str) -> Decided | None:
        """Execute what was decided, and decide further if the episode goes on."""
        self._execute(decided, by)
        if self.running and not self.pause:
            self._watch(self._present().check_release(self.worker.interrupted, self._on_tick, self._speed))
        return self._after_step()

    def _after_step(self) -> Decided | None:
        return self._decide() if self._ask_plan() and self._rest_or_go_on() else None

    def _remedy(self, error: ClapError) -> Correction:
        """The correction to make at once. Raises the error if there is none, or if the operator is to approve it."""
        correction = None if self.rollout is None else self.rollout.propose(error)
        if correction is None:
            raise error
        if not self.running or self.pause:
            self.worker.enter(self.worker.board.snapshot.state, correction=correction)
            self._tell_correction(correction, proposed=True)
            raise error
        return correction

    def _proposed(self) -> Turn | None:
        """The correction that waits for the operator's approval, as a turn."""
        correction = self.worker.board.snapshot.correction
        return None if correction is None else partial(self._correct, correction)

    def _correct(self, correction: Correction) -> Decided | None:
        """Carry a correction out, plan anew where it set the run back, and decide further if the episode goes on."""
        rollout = self._present()
        self.worker.enter(State.MOVING, prediction=None, verdict=None, correction=None)
        self._tell_correction(correction)
        self._away = True
        reports = rollout.carry_out(correction, self.worker.interrupted, self._on_tick, self._speed)
        if correction.remedy is not Remedy.REPREDICT:
            self._checklist.set_back()
        done: dict[str, Any] = {"last_step": rollout.last_step, "corrections": len(rollout.corrections)}
        self.worker.note(plan=self._checklist.lines(), **done)
        self._watch(reports)
        if rollout.plan is None:
            return self._after_step()
        return self._decide() if self._rest_or_go_on() else None

    def _tell_correction(self, correction: Correction, proposed: bool = False) -> None:
        words = {"finding": correction.finding, "remedy": correction.remedy.value, "sentence": correction.sentence}
        self.worker.tell(Corrected, **words, proposed=proposed)

    def _rest_or_go_on(self) -> bool:
        """After a step: True to go on by itself, else the resting state is entered."""
        if self.pause:
            self.running = False
            self.worker.enter(State.PAUSED)
        elif not self.running:
            self.worker.enter(State.PLANNED)
        return self.running

    def _ask_plan(self) -> bool:
        """Round one. False if nothing is left to do: the instruction is then finished."""
        rollout = self._present()
        self.worker.enter(State.PLANNING)
        self._name_what_is_there()
        begun = time.perf_counter()
        plan = rollout.ask_plan(self._writer("plan"))
        self.worker.note_seconds(plan=time.perf_counter() - begun)
        self._checklist.show(plan)
        self.worker.note(plan=self._checklist.lines(complete=rollout.complete), plan_raw=plan.raw)
        self.worker.tell(Planned, plan=plan)
        if rollout.complete:
            success = self._world().success()
            self.running = False
            self.worker.enter(State.DONE, success=success)
            self.worker.tell(Finished, success=success)
        return not rollout.complete

    def _name_what_is_there(self) -> None:
        """Round zero, unless the instruction's look has been taken."""
        rollout = self._present()
        if rollout.has_looked:
            return
        begun = time.perf_counter()
        seen = rollout.look(self._writer("look"))
        self.worker.note_seconds(look=time.perf_counter() - begun)
        self.worker.note(seen=seen)
        if seen is not None:
            self.worker.tell(Looked, seen=seen)

    def _decide(self) -> Decided | None:
        """Round two. The result is what the episode may execute by itself; None if it waits or is finished."""
        rollout = self._present()
        if rollout.plan is None and not self._ask_plan():
            return None
        self.worker.enter(State.PREDICTING)
        self._decided = decided = rollout.decide(self._writer("reason"))
        self.worker.note_seconds(**decided.prediction.seconds)
        self._show(decided.observation, decided.prediction.views)
        return self._settle(decided)

    def _settle(self, decided: Decided) -> Decided | None:
        """Show a prediction with its verdict, and wait for the operator unless it may be executed at once."""
        prediction, verdict = decided.prediction, decided.verdict
        pause = self.pause
        alone = self.running and not pause and verdict.decision is not Decision.ASK
        plan = self._checklist.lines(prediction.step)
        state = State.PREDICTING if alone else State.PAUSED if pause else State.AWAITING
        if pause:
            self.running = False
        self.worker.enter(state, prediction=prediction, verdict=verdict, plan=plan)
        self.worker.tell(Predicted, prediction=prediction, verdict=verdict)
        if alone and verdict.decision is Decision.REFUSE:
            raise RefusedPredictionError(verdict)
        return decided if alone else None

    def _execute(self, decided: Decided, by: str) -> None:
        """Carry a prediction out. The verdict is taken again: on a real table its frames have aged meanwhile."""
        rollout = self._present()
        verdict = rollout.judge(decided.prediction, decided.observation)
        self.worker.enter(State.MOVING, verdict=verdict)
        if verdict.decision is Decision.REFUSE:
            raise RefusedPredictionError(verdict)
        self.worker.tell(Approved, step=decided.prediction.step, by=by)
        begun = time.perf_counter()
        self._away = True
        try:
            report = rollout.execute(decided.prediction, self.worker.interrupted, self._on_tick, self._speed)
        except (MotionFailedError, StepMissedError) as error:
            self._moved(error.report)
            raise
        self.worker.note_seconds(motion=time.perf_counter() - begun)
        self._moved(report)
        self._end_if_stopped(report)
        self._step_done(decided.prediction.step)

    def _step_done(self, step: str, skipped: bool = False) -> None:
        rollout = self._present()
        self._checklist.mark(step, "skipped" if skipped else "done")
        done: dict[str, Any] = {"last_step": rollout.last_step, "steps_done": rollout.steps_done}
        self.worker.note(prediction=None, verdict=None, correction=None, plan=self._checklist.lines(), **done)
        self.worker.tell(StepDone, step=step, skipped=skipped)

    def _moved(self, report: MotionReport) -> None:
        """Tell how a motion ended, and look."""
        self.worker.tell(Moved, report=report)
        self._look()

    def _watch(self, reports: Iterator[MotionReport]) -> None:
        """Tell of motions that are made one by one, and end the command at a stop."""
        for report in reports:
            self._moved(report)
            self._end_if_stopped(report)

    @property
    def _speed(self) -> float:
        return self.worker.board.snapshot.speed

    def _end_if_stopped(self, report: MotionReport) -> None:
        if report.outcome is MotionOutcome.STOPPED:
            self.worker.enter(State.STOPPED)
            raise Interrupted

    # The world and the policies

    def _world(self) -> World:
        assert self.world is not None, "verbs are refused without a world"
        return self.world

    def _present(self) -> Rollout:
        assert self.rollout is not None, "verbs that need an instruction are refused without one"
        return self.rollout

    def _pending(self) -> Decided:
        assert self._decided is not None, "verbs that need a prediction are refused without one"
        return self._decided

    def _nothing_done(self) -> dict[str, Any]:
        """The snapshot's fields at the beginning of an instruction."""
        return {
            "seen": None,
            "plan": (),
            "plan_raw": "",
            "round_texts": MappingProxyType({}),
            "last_step": INITIAL_STEP,
            "steps_done": 0,
            "corrections": 0,
            "correction": None,
            "success": None,
        }

    def _load_policy(self, name: str) -> None:
        if name not in self.loaded:
            self.loaded[name] = self._factories[name](self._world())
        self.worker.note(policy=name, policy_is_expert=self.loaded[name].is_expert)

    def _look(self) -> None:
        """Refresh the scene. A scene that cannot be seen is no reason to stop: predicting will say what is wrong."""
        try:
            self._show(self._world().observe(), None)
        except ClapError as error:
            log.warning("The scene could not be shown: %s", error)

    def _show(self, observation: Observation, views: CanonicalViews | None) -> None:
        workspace = self._world().workspace
        cloud = fuse(observation, workspace)
        self._scenes += 1
        views = views or render_views(cloud, workspace)
        scene = SceneFrame(self._scenes, observation.timestamp, observation, cloud, views)
        self._looked_at = time.monotonic()
        self.worker.note(scene=scene)
        self.worker.tell(SceneUpdated, scene=scene)

    def _on_tick(self, pose: Pose, gripper_open: float) -> None:
        self.worker.tell(PoseUpdated, pose=pose, gripper_open=gripper_open)
        if not self.worker.interrupted() and time.monotonic() - self._looked_at > SCENE_PERIOD:
            self._look()

    def _writer(self, name: str) -> OnText:
        """Publishes a round's text as it is written."""

        def write(text: str) -> None:
            texts = self.worker.board.snapshot.round_texts
            self.worker.note(round_texts=MappingProxyType({**texts, name: text}))
            self.worker.tell(TextWritten, round=name, text=text)

        return write
