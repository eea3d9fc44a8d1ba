"""Driving in an episode, and reasons from outside to halt: what moves, for how long, and what is told."""

from __future__ import annotations

import threading
import time

import numpy as np

from clap.episode.episode import EpisodeState
from clap.episode.events import Moved, PoseUpdated, SceneUpdated, Stopped, Teleoperated
from clap.worlds.base import MotionOutcome
from clap.worlds.teleoperation import Jog
from tests.support.kinematic_world import HOME, STEPS
from tests.support.staged_episode import wait_for


def received():
    """A list, and the options that fill it with (seq, applied)."""
    acks: list[tuple[int, bool]] = []
    return acks, {"on_jog": lambda seq, applied: acks.append((seq, applied))}


def driving(one):
    assert one.episode.drive(True)
    wait_for(lambda: one.worlds[0].ticks > 0)
    return one


def test_held_jogs_move_the_arm_are_acknowledged_and_stop_counting(staged):
    acks, options = received()
    one = driving(staged(options=options).ready())
    assert one.episode.snapshot().state is EpisodeState.DRIVING
    for seq in range(8):
        one.episode.jog(Jog((0, 1, 0), gripper="close", seq=seq))
        time.sleep(0.02)
    wait_for(lambda: len(acks) == 8)
    assert acks == [(seq, True) for seq in range(8)]
    time.sleep(0.4)
    still = one.worlds[0].pose.position[1]
    assert still > 0.005
    time.sleep(0.1)
    assert one.worlds[0].pose.position[1] == still
    assert one.worlds[0].opening == 0.0
    assert one.episode.drive(False)
    one.rest(EpisodeState.READY)
    wait_for(lambda: one.kinds(Teleoperated))
    assert one.kinds(Teleoperated)[0].report.outcome is MotionOutcome.REACHED
    assert one.kinds(PoseUpdated) and one.kinds(SceneUpdated)


def test_a_jog_outside_of_driving_is_told_as_not_applied_and_moves_nothing(staged):
    acks, options = received()
    one = staged(options=options).ready()
    one.episode.jog(Jog((1, 0, 0), seq=5))
    assert acks == [(5, False)]
    assert not one.episode.drive(False)
    driving(one).episode.drive(False)
    one.rest(EpisodeState.READY)
    one.episode.jog(Jog((1, 0, 0), seq=6))
    assert acks[-1] == (6, False)
    assert one.worlds[0].pose.distance(HOME)[0] == 0


def test_driving_drops_the_prediction_and_the_instruction_goes_on_after_it(staged):
    one = staged().ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    driving(one)
    assert one.episode.snapshot().prediction is None
    assert not one.episode.predict()
    assert "driving" in one.refusal()
    assert one.episode.drive(False)
    one.rest(EpisodeState.PLANNED)
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).steps_done == len(STEPS)


def test_stop_ends_driving_within_a_tick(staged):
    halts = []
    one = driving(staged(options={"on_halted": halts.append}, tick_seconds=0.02).ready())
    one.episode.jog(Jog((1, 0, 0)))
    wait_for(lambda: one.worlds[0].pose.position[0] > HOME.position[0])
    ticks = one.worlds[0].ticks
    assert one.episode.stop()
    wait_for(lambda: halts)
    assert one.worlds[0].ticks <= ticks + 1
    assert one.rest().state is EpisodeState.STOPPED
    held = one.worlds[0].pose
    one.episode.jog(Jog((1, 0, 0)))
    time.sleep(0.1)
    assert one.worlds[0].pose is held


def test_what_was_stopped_is_told_once_with_the_time_at_which_nothing_moved(staged):
    halts = []
    one = staged(options={"on_halted": halts.append}, tick_seconds=0.01).ready("touch the block")
    one.episode.stop()
    assert len(halts) == 1  # nothing moves, and it is told before stop returns
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    one.episode.approve()
    wait_for(lambda: one.worlds[0].ticks > 3)
    pressed = time.monotonic()
    threading.Thread(target=one.episode.stop).start()
    wait_for(lambda: len(halts) == 2)
    assert pressed <= halts[1] <= time.monotonic()
    wait_for(lambda: one.kinds(Moved))
    time.sleep(0.05)
    assert len(halts) == 2


class Operator:
    """Is there, or is lost."""

    reason: str | None = None

    def __call__(self):
        return self.reason


def test_a_motion_halts_when_the_operator_is_lost_and_none_begins(staged):
    operator, halts = Operator(), []
    one = staged(options={"halted": operator, "on_halted": halts.append}, tick_seconds=0.01).ready("touch the block")
    assert one.episode.run()
    wait_for(lambda: one.worlds[0].ticks > 3)
    operator.reason = "The operator's page was lost."
    wait_for(lambda: halts)
    lost = one.rest(EpisodeState.STOPPED)
    assert (lost.failure.sentence, lost.running) == (operator.reason, False)
    wait_for(lambda: one.kinds(Stopped))
    assert one.kinds(Stopped)[-1].reason == operator.reason
    wait_for(lambda: one.kinds(Moved))
    assert one.kinds(Moved)[-1].report.outcome is MotionOutcome.STOPPED
    held, ticks = one.worlds[0].pose, one.worlds[0].ticks
    for verb in (one.episode.home, lambda: one.episode.drive(True), one.episode.run):
        assert verb()
        assert one.rest(EpisodeState.STOPPED).failure.sentence == operator.reason
    assert (one.worlds[0].pose, one.worlds[0].ticks) == (held, ticks)
    operator.reason = None
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).failure is None


def test_a_stop_from_outside_needs_no_sentence(staged):
    operator = Operator()
    one = driving(staged(options={"halted": operator}, tick_seconds=0.01).ready())
    operator.reason = ""
    stopped = one.rest(EpisodeState.STOPPED)
    assert stopped.failure is None


def test_planning_and_predicting_need_no_operator(staged):
    operator = Operator()
    one = staged(options={"halted": operator}).ready()
    operator.reason = "The operator's page was lost."
    one.episode.plan("touch the block")
    one.rest(EpisodeState.PLANNED)
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)


def test_where_the_arm_cannot_go_further_it_holds_still_and_says_so(staged):
    one = driving(staged(reach=float(np.linalg.norm(HOME.position)) + 0.01).ready())
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        one.episode.jog(Jog((1, 0, 0)))
        time.sleep(0.02)
    assert one.episode.drive(False)
    one.rest(EpisodeState.READY)
    wait_for(lambda: one.kinds(Teleoperated))
    assert "cannot reach further" in one.kinds(Teleoperated)[0].report.reason
