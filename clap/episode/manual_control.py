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
from clap.rollout.rollout import Decided
from clap.worlds.capabilities import Drivable, Previewable, require
from clap.worlds.teleoperation import JogFeed


class ByHand:
    """The operator's share in the turns of an instruction; all methods run on the worker thread."""

    def __init__(self, turns: Turns):
        self.turns = turns
        self.stage, self.worker = turns.stage, turns.worker

    def edit(self, steps: tuple[str, ...]) -> None:
        """Follow the operator's steps instead of those of the present part that are to come."""
        turns = self.turns
        plan = turns.present.edit(turns.checklist.done(), steps)
        turns.checklist = turns.checklist.edit(steps)
        self.worker.note(plan=turns.checklist.lines())
        self.worker.tell(Planned, plan=plan)
        turns.rest_or_go_on()

    def replan(self) -> None:
        """Ask round one from here, whatever the operator wrote before."""
        self.turns.present.replan()
        self.turns.checklist = self.turns.checklist.cut()
        self.worker.note(plan=self.turns.checklist.lines())
        self.turns.go_on(self.turns.after_step)

    def set_keypoint(self, keypoint: Array) -> None:
        """The fine stage again, around the operator's keypoint."""
        rollout, pending = self.turns.present, self.turns.pending
        self._put(partial(rollout.refine, pending, keypoint, self.stage.speed), "That keypoint cannot be used.")

    def set_target(self, pose: Pose, gripper_open: bool) -> None:
        """The operator's own target, in place of the prediction or of none."""
        turns = self.turns
        if self.worker.board.snapshot.prediction is not None:
            pending = turns.pending
            aim = partial(turns.present.aim, pending, pending.prediction.step)
        else:
            if turns.present.plan is None and not turns.ask_plan():
                return
            aim = partial(turns.present.aim, None, turns.checklist.current() or turns.present.last_step)
        self._put(partial(aim, pose, gripper_open, self.stage.speed), "That target cannot be used.")

    def revert(self) -> None:
        """Back to the policy's own prediction."""
        self._put(partial(self.turns.present.revert, self.turns.pending, self.stage.speed), "")

    def judge_again(self, state: State) -> None:
        """Judge the pending prediction at the speed that is chosen by now; it waits on in ``state``."""
        turns = self.turns
        pending = turns.pending
        verdict = turns.present.judge(pending.prediction, pending.observation, self.stage.speed)
        turns.decided = replace(pending, verdict=verdict)
        self.worker.enter(state, verdict=verdict)

    def rehearse(self, state: State) -> None:
        """Show the pending step in the arm's twin; it waits on in ``state``."""
        action = self.turns.pending.prediction.action
        rehearsal = require(self.stage.world, Previewable).preview(action, self.stage.speed)
        self.worker.enter(state)
        self.worker.tell(Rehearsed, rehearsal=rehearsal)

    def undo(self) -> None:
        """Everything as it was before the last step."""
        turns = self.turns
        policy, moment = turns.present.policy, turns.memories.pop()
        moment.restore(self.stage)
        moment.rollout.use(policy)
        turns.rollout, turns.checklist = moment.rollout, moment.checklist
        self.worker.tell(Undone, step=moment.step)
        self.stage.look()
        if moment.rollout.plan is None:
            turns.go_on(turns.after_step)
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
        self.turns.settle(decided, wait=True)
