"""An instruction's run in an episode, turn by turn: plan, predict, wait or execute, correct; everything is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from clap.episode.checklist import Checklist
from clap.episode.events import Approved, Corrected, Finished, Planned, Predicted, StepDone
from clap.episode.planner_progress import name_what_is_there, writer
from clap.episode.snapshot import NOTHING_DONE, InstructionProgress
from clap.episode.snapshot import EpisodeState as State
from clap.episode.undo import Memories
from clap.episode.world_session import Stage
from clap.errors import ClapError
from clap.policies.base import Policy
from clap.rollout.errors import MotionFailedError, RefusedPredictionError, StepMissedError
from clap.rollout.rollout import Decided, Rollout
from clap.rollout.safety import Decision
from clap.rollout.self_correction import Correction, Remedy

Turn = Callable[[], Decided | None]
"""Something to do; its result is what the episode may execute by itself, None if it rests."""


class Turns:
    """The present rollout and what happens to it; all methods but the constructor run on the worker thread.

    ``running``: the episode goes on by itself after each step. ``pause``: it is to rest after the present motion.
    Both are set by the verbs, under the board's lock. ``correction``: failures get their remedies, at once while the
    episode goes on by itself, else once the operator approves.
    """

    def __init__(self, stage: Stage, correction: bool):
        self.stage = stage
        self.worker = stage.worker
        self.rollout: Rollout | None = None
        self.pause = False
        self.memories = Memories(stage)
        self.checklist = Checklist()
        self.decided: Decided | None = None
        self._correction = correction

    @property
    def running(self) -> bool:
        """True while the episode goes on by itself."""
        return self.worker.board.snapshot.running

    @running.setter
    def running(self, value: bool) -> None:
        self.worker.board.update(running=value)

    @property
    def approve_each(self) -> bool:
        """True while a run waits for approval of every step."""
        return self.worker.board.snapshot.approve_each

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
        self.go_on(partial(self._begin, policy, instruction))

    def predict(self) -> None:
        """Predict the next step, which then waits for the operator."""
        self.go_on(self._decide)

    def approve(self) -> None:
        """Carry out the proposed correction or the pending prediction, and go on if the episode runs."""
        self.go_on(self._proposed() or partial(self._step, self.pending, "operator"))

    def skip(self) -> None:
        """Count the predicted step, or else the current one, as done, and go on if the episode runs."""
        predicted = self.worker.board.snapshot.prediction
        step = predicted.step if predicted is not None else self.checklist.current()
        assert step is not None, "skipping is refused without a step"
        self.memories.keep(self.rollout, self.checklist, step)
        self.present.remember(step)
        self._step_done(step, skipped=True)
        self.go_on(self.after_step)

    def resume(self) -> None:
        """Take up what waits for the operator, and go on."""
        self.go_on(self._proposed() or partial(self.settle, self.pending))

    # Step by step

    def _begin(self, policy: Policy, instruction: str) -> Decided | None:
        """A new rollout and its first plan."""
        self.stage.follow(instruction)
        self.rollout = Rollout(self.stage.world, policy, instruction.strip(), self._correction, self.stage.away)
        self.checklist = Checklist()
        self.worker.note(**NOTHING_DONE, instruction=instruction.strip(), progress=InstructionProgress.UNDER_WAY)
        return self.after_step()

    def go_on(self, turn: Turn) -> None:
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
        self._check_release()
        return self.after_step()

    def _check_release(self) -> None:
        """Where nobody is asked before the next motion: whether what was let go is in its place."""
        if self.running and not self.pause and not self.approve_each:
            rollout, stage = self.present, self.stage
            stage.watch(rollout.check_release(stage.motion))

    def after_step(self) -> Decided | None:
        return self._decide() if self.ask_plan() and self.rest_or_go_on() else None

    def _remedy(self, error: ClapError) -> Correction:
        """The correction to make at once. Raises the error if there is none, or if the operator is to approve it."""
        correction = None if self.rollout is None else self.rollout.propose(error)
        if correction is None:
            raise error
        if not self.running or self.pause or self.approve_each:
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
        rollout = self.present
        self.worker.enter(State.MOVING, prediction=None, verdict=None, own=None, correction=None)
        self._tell_correction(correction)
        self.stage.away = True
        reports = rollout.carry_out(correction, self.stage.motion)
        if correction.remedy in (Remedy.RETRY, Remedy.REPLAN):
            self.checklist = self.checklist.set_back()
        done: dict[str, Any] = {"last_step": rollout.last_step, "corrections": len(rollout.corrections)}
        self.worker.note(plan=self.checklist.lines(), **done)
        self.stage.watch(reports)
        if correction.remedy is Remedy.RELEASE:
            self._step_done(correction.step)
            self._check_release()
        if rollout.plan is None:
            return self.after_step()
        return self._decide() if self.rest_or_go_on() else None

    def _tell_correction(self, correction: Correction, proposed: bool = False) -> None:
        words = {"finding": correction.finding, "remedy": correction.remedy.value, "sentence": correction.sentence}
        self.worker.tell(Corrected, **words, proposed=proposed)

    def rest_or_go_on(self) -> bool:
        """After a step: True to go on by itself, else the resting state is entered."""
        if self.pause:
            self.running = False
            self.worker.enter(State.PAUSED)
        elif not self.running:
            self.worker.enter(State.PLANNED)
        return self.running

    def ask_plan(self) -> bool:
        """Round one. False if nothing is left to do: the instruction is then finished."""
        rollout = self.present
        self.worker.enter(State.PLANNING)
        name_what_is_there(self.worker, rollout)
        begun = time.perf_counter()
        plan = rollout.ask_plan(writer(self.worker, "plan"))
        self.worker.note_seconds(plan=time.perf_counter() - begun)
        self.checklist = self.checklist.show(plan)
        progress = InstructionProgress.COMPLETE if rollout.complete else InstructionProgress.UNDER_WAY
        plan_lines = self.checklist.lines(complete=rollout.complete)
        self.worker.note(progress=progress, plan=plan_lines, plan_raw=plan.raw)
        self.worker.tell(Planned, plan=plan)
        if rollout.complete:
            success = self.stage.world.success()
            self.running = False
            self.worker.enter(State.DONE, success=success)
            self.worker.tell(Finished, success=success)
        return not rollout.complete

    def _decide(self) -> Decided | None:
        """Round two. The result is what the episode may execute by itself; None if it waits or is finished."""
        rollout = self.present
        if rollout.plan is None and not self.ask_plan():
            return None
        self.worker.enter(State.PREDICTING)
        decided = rollout.decide(writer(self.worker, "reason"), self.stage.speed)
        self.worker.note_seconds(**decided.prediction.seconds)
        self.stage.show(decided.observation, decided.prediction.views)
        return self.settle(decided)

    def settle(self, decided: Decided, wait: bool = False) -> Decided | None:
        """Show a prediction with its verdict; wait for the operator unless it may be executed at once.

        ``wait``: it may not.
        """
        self.decided = decided
        prediction, verdict = decided.prediction, decided.verdict
        pause = self.pause
        ask = wait or verdict.decision is Decision.ASK or self.approve_each
        alone = self.running and not pause and not ask
        plan = self.checklist.lines(prediction.step)
        state = State.PREDICTING if alone else State.PAUSED if pause else State.AWAITING
        if pause:
            self.running = False
        self.worker.enter(state, prediction=prediction, verdict=verdict, own=decided.own, plan=plan)
        self.worker.tell(Predicted, prediction=prediction, verdict=verdict)
        if alone and verdict.decision is Decision.REFUSE:
            raise RefusedPredictionError(verdict)
        return decided if alone else None

    def _execute(self, decided: Decided, by: str) -> None:
        """Carry a prediction out. The verdict is taken again: on a real table its frames have aged meanwhile."""
        rollout = self.present
        verdict = rollout.judge(decided.prediction, decided.observation, self.stage.speed)
        self.worker.enter(State.MOVING, verdict=verdict)
        if verdict.decision is Decision.REFUSE:
            raise RefusedPredictionError(verdict)
        prediction = decided.prediction
        self.worker.tell(Approved, step=prediction.step, by=by, prediction=prediction, own=decided.own)
        self.memories.keep(rollout, self.checklist, prediction.step)
        begun = time.perf_counter()
        self.stage.away = True
        try:
            report = rollout.execute(prediction, self.stage.motion)
        except (MotionFailedError, StepMissedError) as error:
            self.stage.moved(error.report)
            raise
        self.worker.note_seconds(motion=time.perf_counter() - begun)
        self.stage.moved(report)
        self.stage.end_if_stopped(report)
        self._step_done(prediction.step, source=prediction.source)

    def _step_done(self, step: str, skipped: bool = False, source: str = "") -> None:
        rollout = self.present
        self.checklist = self.checklist.mark(step, "skipped" if skipped else "done")
        done: dict[str, Any] = {"last_step": rollout.last_step, "steps_done": rollout.steps_done}
        self.worker.note(prediction=None, verdict=None, own=None, correction=None, plan=self.checklist.lines(), **done)
        self.worker.tell(StepDone, step=step, skipped=skipped, source=source)
