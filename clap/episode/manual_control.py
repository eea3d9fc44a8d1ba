"""What the operator does by hand in an episode: writes steps, corrects predictions, goes back, drives the arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from clap.episode.events import Driven, Planned, Refused, Rehearsed, Undone
from clap.episode.run_loop import Turns
from clap.episode.snapshot import EpisodeState as State
from clap.errors import ClapError
from clap.geometry.frames import Array, Pose
from clap.rollout.decided import Decided
from clap.rollout.operator_prediction import aim, refine, revert
from clap.worlds.capabilities import Drivable, Previewable, require
from clap.worlds.teleoperation import JogFeed


class ByHand:
    """The operator's share in the turns of an instruction; all methods run on the worker thread."""

    def __init__(self, turns: Turns):
        self.turns = turns
        self.stage, self.worker = turns.stage, turns.worker

    def edit(self, steps: tuple[str, ...]) -> None:
        """Follow the operator's steps instead of those of the present part that are to come."""
        rollout = self.turns.present
        rollout.state = rollout.state.after_edit(steps)
        self.worker.note(plan=rollout.state.task.lines())
        self.worker.tell(Planned, plan=rollout.plan)
        self.turns.rest_or_go_on()

    def replan(self) -> None:
        """Ask round one from here, whatever the operator wrote before."""
        rollout = self.turns.present
        rollout.state = replace(rollout.state, task=rollout.state.task.cut())
        self.worker.note(plan=rollout.state.task.lines())
        self.turns.go_on()

    def set_keypoint(self, keypoint: Array) -> None:
        """The fine stage again, around the operator's keypoint."""
        policy, pending = self.turns.present.policy, self.turns.pending
        again = partial(refine, self.stage.world, policy, pending, keypoint, self.stage.speed)
        self._put(again, "That keypoint cannot be used.")

    def set_target(self, pose: Pose, gripper_open: bool) -> None:
        """The operator's own target, in place of the prediction or of none."""
        turns = self.turns
        pending = turns.pending if self.worker.board.snapshot.prediction is not None else None
        if pending is None and not turns.plan_if_due():
            return
        state = turns.present.state
        step = pending.prediction.step if pending is not None else state.task.next_step or state.last_step
        own = partial(aim, self.stage.world, pending, step, pose, gripper_open, self.stage.speed)
        self._put(own, "That target cannot be used.")

    def revert(self) -> None:
        """Back to the policy's own prediction."""
        self._put(partial(revert, self.stage.world, self.turns.pending, self.stage.speed), "")

    def judge_again(self, state: State) -> None:
        """Judge the pending prediction at the speed that is chosen by now; it waits on in ``state``."""
        self.turns.decided = decided = self.turns.pending.judged(self.stage.world, self.stage.speed)
        self.worker.enter(state, verdict=decided.verdict)

    def rehearse(self, state: State) -> None:
        """Show the pending step in the arm's twin; it waits on in ``state``."""
        action = self.turns.pending.prediction.action
        rehearsal = require(self.stage.world, Previewable).preview(action, self.stage.speed)
        self.worker.enter(state)
        self.worker.tell(Rehearsed, rehearsal=rehearsal)

    def undo(self) -> None:
        """Everything as it was before the last step."""
        turns = self.turns
        rollout, moment = turns.present, turns.memories.pop()
        moment.restore(self.stage)
        rollout.state = moment.state
        rollout.use(rollout.policy)
        self.worker.tell(Undone, step=moment.step)
        self.stage.look()
        if rollout.plan is None:
            turns.go_on()
        else:
            turns.rest_or_go_on()

    def drive(self, feed: JogFeed) -> None:
        """Follow the operator's jogs until the feed ends."""
        self.worker.enter(State.DRIVING)
        self.stage.away = True
        report = require(self.stage.world, Drivable).drive(feed, self.stage.motion)
        self.worker.tell(Driven, report=report)
        self.stage.moved(report)
        self.stage.end_if_stopped(report)

    def _put(self, make: Callable[[], Decided], objection: str) -> None:
        """Put another prediction in the place of the pending one, which stays if the other cannot be made."""
        try:
            decided = make()
        except ClapError as error:
            snapshot = self.worker.board.snapshot
            self.worker.enter(State.PLANNED if snapshot.prediction is None else State.AWAITING)
            self.worker.tell(Refused, sentence=f"{objection} {error.sentence}")
            return
        rollout = self.turns.present
        rollout.state = replace(rollout.state, predicted=decided.prediction.step)
        self.turns.settle(decided, wait=True)
