"""What the operator does by hand in an episode: writes steps, corrects predictions, goes back, drives the arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from clap.episode.events import MotionPreviewed, Planned, Refused, Teleoperated, Undone
from clap.episode.run_loop import RunLoop
from clap.episode.snapshot import EpisodeState as State
from clap.errors import ClapError
from clap.geometry.frames import Array, Pose
from clap.rollout.decided import Decided
from clap.rollout.operator_prediction import aim, refine, revert
from clap.worlds.capabilities import Drivable, Previewable, require
from clap.worlds.teleoperation import JogFeed


class ByHand:
    """The operator's share in the turns of an instruction; all methods run on the worker thread."""

    def __init__(self, run_loop: RunLoop):
        self.run_loop = run_loop
        self.world_session, self.worker = run_loop.world_session, run_loop.worker

    def edit(self, steps: tuple[str, ...]) -> None:
        """Follow the operator's steps instead of those of the present part that are to come."""
        rollout = self.run_loop.present
        rollout.state = rollout.state.after_edit(steps)
        self.worker.note(plan=rollout.state.task.lines())
        self.worker.publish(Planned, plan=rollout.plan)
        self.run_loop.rest_or_go_on()

    def replan(self) -> None:
        """Ask round one from here, whatever the operator wrote before."""
        rollout = self.run_loop.present
        rollout.state = replace(rollout.state, task=rollout.state.task.cut())
        self.worker.note(plan=rollout.state.task.lines())
        self.run_loop.go_on()

    def set_keypoint(self, keypoint: Array) -> None:
        """The fine stage again, around the operator's keypoint."""
        policy, pending = self.run_loop.present.policy, self.run_loop.pending
        again = partial(refine, self.world_session.world, policy, pending, keypoint, self.world_session.speed)
        self._put(again, "That keypoint cannot be used.")

    def set_target(self, pose: Pose, gripper_open: bool) -> None:
        """The operator's own target, in place of the prediction or of none."""
        run_loop = self.run_loop
        pending = run_loop.pending if self.worker.event_bus.snapshot.prediction is not None else None
        if pending is None and not run_loop.plan_if_due():
            return
        state = run_loop.present.state
        step = pending.prediction.step if pending is not None else state.task.next_step or state.last_step
        own = partial(aim, self.world_session.world, pending, step, pose, gripper_open, self.world_session.speed)
        self._put(own, "That target cannot be used.")

    def revert(self) -> None:
        """Back to the policy's own prediction."""
        self._put(partial(revert, self.world_session.world, self.run_loop.pending, self.world_session.speed), "")

    def judge_again(self, state: State) -> None:
        """Judge the pending prediction at the speed that is chosen by now; it waits on in ``state``."""
        self.run_loop.decided = decided = self.run_loop.pending.judged(
            self.world_session.world, self.world_session.speed
        )
        self.worker.enter(state, verdict=decided.verdict)

    def preview(self, state: State) -> None:
        """Show the pending step in a preview; it waits on in ``state``."""
        action = self.run_loop.pending.prediction.action
        previewed_motion = require(self.world_session.world, Previewable).preview(action, self.world_session.speed)
        self.worker.enter(state)
        self.worker.publish(MotionPreviewed, previewed_motion=previewed_motion)

    def undo(self) -> None:
        """Everything as it was before the last step."""
        run_loop = self.run_loop
        rollout, saved_state = run_loop.present, run_loop.undo_stack.pop()
        saved_state.restore(self.world_session)
        rollout.state = saved_state.state
        rollout.use(rollout.policy)
        self.worker.publish(Undone, step=saved_state.step)
        self.world_session.observe_scene()
        if rollout.plan is None:
            run_loop.go_on()
        else:
            run_loop.rest_or_go_on()

    def drive(self, feed: JogFeed) -> None:
        """Follow the operator's jogs until the feed ends."""
        self.worker.enter(State.DRIVING)
        self.world_session.arm_left_home = True
        report = require(self.world_session.world, Drivable).drive(feed, self.world_session.motion)
        self.worker.publish(Teleoperated, report=report)
        self.world_session.moved(report)
        self.world_session.end_if_stopped(report)

    def _put(self, make: Callable[[], Decided], objection: str) -> None:
        """Put another prediction in the place of the pending one, which stays if the other cannot be made."""
        try:
            decided = make()
        except ClapError as error:
            snapshot = self.worker.event_bus.snapshot
            self.worker.enter(State.PLANNED if snapshot.prediction is None else State.AWAITING)
            self.worker.publish(Refused, sentence=f"{objection} {error.sentence}")
            return
        rollout = self.run_loop.present
        rollout.state = replace(rollout.state, predicted=decided.prediction.step)
        self.run_loop.settle(decided, wait=True)
