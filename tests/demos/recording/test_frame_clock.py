"""When the recorder makes a frame: at its rate, not where control lags, and not while a driven arm rests."""

from __future__ import annotations

import time

import numpy as np
import pytest

from clap.geometry.frames import Pose
from clap.geometry.observation import Observation
from clap.worlds.snapshot import WorldSnapshot
from demos.recording.frame_clock import FrameClock
from demos.recording.idle_detector import STILL_FRAMES, IdleDetector


def test_twenty_frames_are_due_in_a_second_of_fifty_ticks():
    frame_clock = FrameClock(20)
    due = [frame_clock.due(moving=True) for _ in range(50)]
    assert due[0] and sum(due) == 20
    gaps = np.diff(np.flatnonzero(due))
    assert set(gaps) == {2, 3}
    assert frame_clock.due(moving=False) == (not due[-1])
    assert not frame_clock.due(moving=False)


def test_control_lags_when_its_ticks_come_late_but_not_after_a_rest():
    frame_clock = FrameClock(20)
    frame_clock.due(moving=True)
    frame_clock.due(moving=True)
    assert not frame_clock.lags
    time.sleep(0.05)
    frame_clock.due(moving=True)
    assert frame_clock.lags
    frame_clock.due(moving=False)
    time.sleep(0.05)
    frame_clock.due(moving=True)
    assert not frame_clock.lags


def test_a_frame_that_is_left_out_counts_neither_as_a_frame_nor_as_time_of_motion():
    frame_clock = FrameClock(20)
    for k in range(60):
        time.sleep(0.004)
        if frame_clock.due(moving=True):
            if k < 30:
                frame_clock.frames += 1
            else:
                frame_clock.leave_out()
    assert frame_clock.frames == 12
    assert frame_clock.seconds == pytest.approx(30 * 0.004, rel=0.6)


def world_snapshot(speed=0.0, x=0.2, commanded=0.2, opening=1.0):
    def at(x):
        return Pose(np.array([x, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0]))

    robot = Observation((), at(x), opening, np.zeros(7), np.full(7, speed), 0.0)
    return WorldSnapshot(robot, at(commanded), opening, None)


def test_rest_lasts_from_a_few_frames_after_the_arm_has_stopped_until_it_is_told_to_move():
    rest = IdleDetector()

    def see(*instants):
        for one in instants:
            rest.see(one)
        return rest.still, rest.begins, rest.lasts

    assert see(world_snapshot()) == (False, False, False)
    assert see(world_snapshot()) == (True, True, False)
    assert see(*[world_snapshot()] * (STILL_FRAMES - 1)) == (True, False, False)
    assert see(world_snapshot()) == (True, True, True)
    assert see(world_snapshot()) == (True, False, True)
    assert see(world_snapshot(commanded=0.201)) == (False, False, False), "it is told to move"
    assert see(world_snapshot(commanded=0.201, speed=0.05)) == (False, False, False), "it moves"
    assert see(world_snapshot(commanded=0.201, opening=0.8))[0] is False, "its fingers move"
