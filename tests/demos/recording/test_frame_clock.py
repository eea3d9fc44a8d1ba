"""When the recorder makes a frame: at its rate, not where control lags, and not while a driven arm rests."""

from __future__ import annotations

import time

import numpy as np
import pytest

from clap.geometry.frames import Pose
from clap.geometry.observation import Observation
from clap.worlds.snapshot import Instant
from demos.recording.frame_clock import Pace
from demos.recording.idle_detector import STILL_FRAMES, Rest


def test_twenty_frames_are_due_in_a_second_of_fifty_ticks():
    pace = Pace(20)
    due = [pace.due(moving=True) for _ in range(50)]
    assert due[0] and sum(due) == 20
    gaps = np.diff(np.flatnonzero(due))
    assert set(gaps) == {2, 3}
    assert pace.due(moving=False) == (not due[-1])
    assert not pace.due(moving=False)


def test_control_lags_when_its_ticks_come_late_but_not_after_a_rest():
    pace = Pace(20)
    pace.due(moving=True)
    pace.due(moving=True)
    assert not pace.lags
    time.sleep(0.05)
    pace.due(moving=True)
    assert pace.lags
    pace.due(moving=False)
    time.sleep(0.05)
    pace.due(moving=True)
    assert not pace.lags


def test_a_frame_that_is_left_out_counts_neither_as_a_frame_nor_as_time_of_motion():
    pace = Pace(20)
    for k in range(60):
        time.sleep(0.004)
        if pace.due(moving=True):
            if k < 30:
                pace.frames += 1
            else:
                pace.leave_out()
    assert pace.frames == 12
    assert pace.seconds == pytest.approx(30 * 0.004, rel=0.6)


def instant(speed=0.0, x=0.2, commanded=0.2, opening=1.0):
    def at(x):
        return Pose(np.array([x, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0]))

    robot = Observation((), at(x), opening, np.zeros(7), np.full(7, speed), 0.0)
    return Instant(robot, at(commanded), opening, None)


def test_rest_lasts_from_a_few_frames_after_the_arm_has_stopped_until_it_is_told_to_move():
    rest = Rest()

    def see(*instants):
        for one in instants:
            rest.see(one)
        return rest.still, rest.begins, rest.lasts

    assert see(instant()) == (False, False, False)
    assert see(instant()) == (True, True, False)
    assert see(*[instant()] * (STILL_FRAMES - 1)) == (True, False, False)
    assert see(instant()) == (True, True, True)
    assert see(instant()) == (True, False, True)
    assert see(instant(commanded=0.201)) == (False, False, False), "it is told to move"
    assert see(instant(commanded=0.201, speed=0.05)) == (False, False, False), "it moves"
    assert see(instant(commanded=0.201, opening=0.8))[0] is False, "its fingers move"
