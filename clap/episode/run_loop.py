"""An instruction's run in an episode: the operator is asked and told what the rollout's turns ask and tell."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from clap.episode.events import (
    Approved,
    Corrected,
    Finished,
    ObjectsDetected,
    Planned,
    Predicted,
    StepDone,
    TextWritten,
)
from clap.episode.snapshot import NOTHING_DONE, shown
from clap.episode.snapshot import EpisodeState as State
from clap.episode.undo import UndoStack
from clap.episode.world_session import WorldSession
from clap.policies.base import OnText, Policy
from clap.policies.prediction import Plan, Prediction
from clap.rollout.decided import Decided
from clap.rollout.operator import Operator
from clap.rollout.rollout import Rollout, Turn
from clap.rollout.safety import Decision
from clap.rollout.self_correction import Correction
from clap.rollout.state import RolloutState
from clap.worlds.base import MotionContext, MotionReport


class RunLoop(Operator):
    """The present rollout and what happens to it; all methods but the constructor run on the worker thread.

    ``running``: the episode goes on by itself after each step. ``pause``: it is to rest after the present motion.
    Both are set by the verbs, under the board's lock. ``correction``: failures get their recovery actions, at once
    while the episode goes on by itself, else once the operator approves.
    """

    def __init__(self, world_session: WorldSession, correction: bool):
        self.world_session = world_session
        self.worker = world_session.worker
        self.rollout: Rollout | None = None
        self.pause = False
        self.undo_stack = UndoStack(world_session)
        self.decided: Decided | None = None
        self._correction = correction
        self._approved: Prediction | None = None
        self._begun = 0.0

    @property
    def running(self) -> bool:
        """True while the episode goes on by itself."""
        return self.worker.event_bus.snapshot.running

    @running.setter
    def running(self, value: bool) -> None:
        self.worker.event_bus.update(running=value)

    @property
    def approve_each(self) -> bool:
        """True while a run waits for approval of every step."""
        return self.worker.event_bus.snapshot.approve_each

    @property
    def present(self) -> Rollout:
        """The rollout under way."""
        assert self.rollout is not None, "verbs that need an instruction are refused without one"
        return self.rollout

    @property
    def pending(self) -> Decided:
        """The prediction that waits for the operator, with the verdict on it."""
        assert self.decided is not None, "verbs that need a prediction are refused without one"
        return self.decided

    # Commands

    def begin(self, policy: Policy, instruction: str) -> None:
        """Begin an instruction with the plan of its first sub-task."""
        self.world_session.follow(instruction)
        self.rollout = Rollout(
            self.world_session.world, policy, instruction.strip(), self._correction, self.world_session.arm_left_home
        )
        self.worker.note(**NOTHING_DONE | shown(self.rollout.state))
        self.go_on()

    def predict(self) -> None:
        """Predict the next step, which then waits for the operator."""
        if self.plan_if_due():
            self.go_on()

    def approve(self) -> None:
        """Carry out the proposed correction or the pending prediction, and go on if the episode runs."""
        correction = self.worker.event_bus.snapshot.correction
        if correction is None:
            self._approved = self.pending.prediction
        self.go_on(correction or self.pending)

    def skip(self) -> None:
        """Count the predicted step, or else the current one, as done, and go on if the episode runs."""
        rollout, predicted = self.present, self.worker.event_bus.snapshot.prediction
        step = predicted.step if predicted is not None else rollout.state.task.next_step
        assert step is not None, "skipping is refused without a step"
        self.undo_stack.keep(rollout.state, step)
        rollout.state = rollout.state.after_skip(step)
        self._tell_done(rollout.state, step=step, skipped=True)
        self.go_on()

    def resume(self) -> None:
        """Take up what waits for the operator, and go on."""
        correction, self._approved = self.worker.event_bus.snapshot.correction, None
        if correction is not None or self.settle(self.pending):
            self.go_on(correction or self.pending)

    def go_on(self, approved: Decided | Correction | None = None) -> None:
        """Take turns until one has to wait, or the episode is to rest."""
        rollout = self.present
        while rollout.advance(self, approved) not in (Turn.COMPLETE, Turn.WAITING, Turn.STOPPED):
            approved = None
            if rollout.plan is not None and not self.rest_or_go_on():
                return

    def plan_if_due(self) -> bool:
        """See that there is a plan. False if nothing is left to do."""
        return self.present.plan is not None or self.present.advance(self) is not Turn.COMPLETE

    def rest_or_go_on(self) -> bool:
        """After a step: True to go on by itself, else the resting state is entered."""
        if self.pause:
            self.running = False
            self.worker.enter(State.PAUSED)
        elif not self.running:
            self.worker.enter(State.PLANNED)
        return self.running

    def settle(self, decided: Decided, wait: bool = False) -> bool:
        """Show a prediction with its verdict. True if it may be executed at once, False if it waits for the operator.

        ``wait``: it may not.
        """
        self.decided = decided
        prediction, verdict = decided.prediction, decided.verdict
        pause = self.pause
        ask = wait or verdict.decision is Decision.ASK or self.approve_each
        alone = self.running and not pause and not ask
        plan = self.present.state.task.lines(prediction.step)
        state = State.PREDICTING if alone else State.PAUSED if pause else State.AWAITING
        if pause:
            self.running = False
        self.worker.enter(state, prediction=prediction, verdict=verdict, own=decided.own, plan=plan)
        self.worker.publish(Predicted, prediction=prediction, verdict=verdict)
        return alone

    # What the rollout's turns ask and tell

    @property
    def motion(self) -> MotionContext:
        return self.world_session.motion

    @property
    def absent(self) -> bool:
        return self.running and not self.pause and not self.approve_each

    def approves(self, decided: Decided) -> bool:
        self.worker.note_seconds(**decided.prediction.seconds)
        self.world_session.show(decided.observation, decided.prediction.views)
        return self.settle(decided)

    def proposed(self, correction: Correction) -> None:
        self.worker.enter(self.worker.event_bus.snapshot.state, correction=correction)
        self._publish_correction(correction, proposed=True)

    def writer(self, round_name: str) -> OnText:
        def write(text: str) -> None:
            texts = self.worker.event_bus.snapshot.round_texts
            self.worker.note(round_texts=MappingProxyType({**texts, round_name: text}))
            self.worker.publish(TextWritten, round=round_name, text=text)

        return write

    def planning(self) -> None:
        self.worker.enter(State.PLANNING)
        self._begun = time.perf_counter()

    def looked(self, state: RolloutState) -> None:
        self.worker.note_seconds(look=self._seconds())
        self.worker.note(detected_objects=state.detected_objects)
        if state.detected_objects is not None:
            self.worker.publish(ObjectsDetected, detected_objects=state.detected_objects)

    def planned(self, plan: Plan, state: RolloutState) -> None:
        self.worker.note_seconds(plan=self._seconds())
        self.worker.note(**shown(state), plan_raw=plan.raw)
        self.worker.publish(Planned, plan=plan)
        if state.complete:
            success = self.world_session.world.success()
            self.running = False
            self.worker.enter(State.DONE, success=success)
            self.worker.publish(Finished, success=success)

    def predicting(self) -> None:
        self.worker.enter(State.PREDICTING)

    def moving(self, decided: Decided) -> None:
        self.worker.enter(State.MOVING, verdict=decided.verdict)

    def executing(self, decided: Decided, state: RolloutState) -> None:
        prediction = decided.prediction
        by = "operator" if prediction is self._approved else "verdict"
        self.worker.publish(Approved, step=prediction.step, by=by, prediction=prediction, own=decided.own)
        self.undo_stack.keep(state, prediction.step)
        self._begun = time.perf_counter()
        self.world_session.arm_left_home = True

    def moved(self, decided: Decided, report: MotionReport) -> None:
        self.worker.note_seconds(motion=self._seconds())
        self.world_session.moved(report)
        self.world_session.end_if_stopped(report)

    def step_done(self, step: str, source: str, state: RolloutState) -> None:
        self._tell_done(state, step=step, source=source)

    def watch(self, reports: Iterator[MotionReport]) -> None:
        self.world_session.watch(reports)

    def correcting(self, correction: Correction) -> None:
        self.worker.enter(State.MOVING, prediction=None, verdict=None, own=None, correction=None)
        self._publish_correction(correction)
        self.world_session.arm_left_home = True

    def set_back(self, state: RolloutState) -> None:
        self.worker.note(**shown(state))

    def _tell_done(self, state: RolloutState, **event: Any) -> None:
        self.worker.note(prediction=None, verdict=None, own=None, correction=None, **shown(state))
        self.worker.publish(StepDone, **event)

    def _publish_correction(self, correction: Correction, proposed: bool = False) -> None:
        words = {
            "detected_fault": correction.detected_fault,
            "recovery_action": correction.recovery_action.value,
            "sentence": correction.sentence,
        }
        self.worker.publish(Corrected, **words, proposed=proposed)

    def _seconds(self) -> float:
        """Wall time since this was asked last, or a plan or a motion began."""
        begun, self._begun = self._begun, time.perf_counter()
        return self._begun - begun
