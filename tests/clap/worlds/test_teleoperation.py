"""Driving by hand, without a world: what counts for how long, and that the motion is smooth and stays inside."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clap.geometry.frames import TABLE_TOP, Pose, Workspace
from clap.worlds.teleoperation import (
    ANGULAR_ACCELERATION,
    CLEARANCE,
    CONTROL_PERIOD,
    JOG_LIFETIME_S,
    LINEAR_ACCELERATION,
    MAX_ANGULAR,
    MAX_LINEAR,
    MOST_WAITING,
    REDUCED_SPEED,
    SLOW,
    STILL,
    Driver,
    Jog,
    JogFeed,
    rotation_vector,
    turned,
)

DOWN = np.array([1.0, 0.0, 0.0, 0.0])
HERE = Pose(np.array([0.2, 0.0, 1.1]), DOWN)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def fed():
    told, clock = [], Clock()
    return JogFeed(lambda seq, applied: told.append((seq, applied)), clock), told, clock


def test_a_jog_counts_until_it_is_too_old_and_is_told_once(fed):
    feed, told, clock = fed
    assert feed() == STILL
    feed.put(Jog((1, 0, 0), seq=7))
    assert told == []
    assert feed().linear == (1, 0, 0)
    clock.now = JOG_LIFETIME_S
    assert feed().linear == (1, 0, 0)
    clock.now = JOG_LIFETIME_S + 0.01
    assert feed() == STILL
    assert told == [(7, True)]


def test_a_jog_that_is_too_old_when_its_turn_comes_is_told_as_not_applied(fed):
    feed, told, clock = fed
    feed.put(Jog((1, 0, 0), seq=1))
    clock.now = 2 * JOG_LIFETIME_S
    assert feed() == STILL
    assert told == [(1, False)]


def test_of_too_many_jogs_the_oldest_is_lost_but_not_what_it_asked_of_the_gripper(fed):
    feed, told, _ = fed
    feed.put(Jog((1, 0, 0), gripper="close", seq=0))
    for seq in range(1, MOST_WAITING + 1):
        feed.put(Jog((0, 1, 0), seq=seq))
    assert told == [(0, False)]
    assert feed().gripper == "close"
    assert [feed().seq for _ in range(MOST_WAITING)][-1] == MOST_WAITING
    assert told[1:] == [(seq, True) for seq in range(1, MOST_WAITING + 1)]


def test_the_end_wins_over_what_is_held(fed):
    feed, told, _ = fed
    feed.put(Jog((1, 0, 0), seq=3))
    feed.end()
    assert feed() is None
    assert told == [(3, False)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"linear": (np.nan, 0, 0)},
        {"angular": (0, np.inf, 0)},
        {"gripper": "half"},
        {"target": Pose(np.array([np.nan, 0, 0]), DOWN)},
        {"target": Pose(np.zeros(3), np.zeros(4))},
    ],
)
def test_a_senseless_jog_cannot_be_made(wrong):
    with pytest.raises(ValueError, match="jog"):
        Jog(**wrong)


def drive(driver, jog, ticks):
    """The positions (N, 3) of so many ticks."""
    return np.array([driver.advance(jog).position for _ in range(ticks)])


def test_full_deflection_is_full_speed_and_no_faster_than_beside_a_person():
    driver = Driver(HERE, Workspace())
    path = drive(driver, Jog((1, 1, 0)), 50)
    assert np.linalg.norm(path[-1] - path[-2]) == pytest.approx(MAX_LINEAR * CONTROL_PERIOD)
    assert MAX_LINEAR <= REDUCED_SPEED
    slow = drive(Driver(HERE, Workspace()), Jog((1, 0, 0), slow=True), 50)
    assert slow[-1, 0] - slow[-2, 0] == pytest.approx(SLOW * MAX_LINEAR * CONTROL_PERIOD)


fractions = st.tuples(*[st.floats(-1, 1)] * 3)


@settings(max_examples=25)
@given(st.lists(st.tuples(fractions, fractions, st.integers(1, 30)), max_size=6))
def test_whatever_is_held_the_motion_is_smooth_and_stays_in_the_workspace_above_the_table(holds):
    workspace, driver = Workspace(), Driver(HERE, Workspace())
    poses = [HERE]
    for linear, angular, ticks in holds:
        poses += [driver.advance(Jog(linear, angular)) for _ in range(ticks)]
    poses += [driver.advance(STILL) for _ in range(20)]
    assert driver.at_rest
    path = np.array([pose.position for pose in poses])
    assert workspace.contains(path).all() and path[:, 2].min() >= TABLE_TOP + CLEARANCE
    velocity = np.diff(path, axis=0) / CONTROL_PERIOD
    assert np.linalg.norm(velocity, axis=1).max() <= MAX_LINEAR + 1e-9
    turns = [rotation_vector(b.rotation @ a.rotation.T) / CONTROL_PERIOD for a, b in itertools.pairwise(poses)]
    assert np.linalg.norm(turns, axis=1).max() <= MAX_ANGULAR + 1e-6
    assert np.linalg.norm(np.diff(turns, axis=0), axis=1).max() <= ANGULAR_ACCELERATION * CONTROL_PERIOD + 1e-6
    inside = workspace.contains(path + 0.01) & workspace.contains(path - 0.01) & (path[:, 2] > TABLE_TOP + 0.02)
    if inside.all():
        assert np.linalg.norm(np.diff(velocity, axis=0), axis=1).max() <= LINEAR_ACCELERATION * CONTROL_PERIOD + 1e-6


def test_the_edge_of_the_workspace_is_not_crossed():
    driver = Driver(HERE, Workspace())
    path = drive(driver, Jog((0, 0, -1)), 400)
    assert path[-1, 2] == pytest.approx(TABLE_TOP + CLEARANCE)
    assert drive(driver, Jog((0, 0, 1)), 10)[-1, 2] > path[-1, 2]


def test_outside_already_the_arm_may_only_come_back():
    start = Pose(np.array([0.2, 0.0, TABLE_TOP - 0.005]), DOWN)
    driver = Driver(start, Workspace())
    assert driver.advance(Jog((0, 0, -1))).position[2] == start.position[2]
    assert driver.advance(Jog((0, 0, 1))).position[2] > start.position[2]


@settings(max_examples=8)
@given(st.tuples(*[st.floats(-0.2, 0.2)] * 3), st.tuples(*[st.floats(-1.7, 1.7)] * 3))
def test_a_target_is_reached_without_going_past_it(shift, turn):
    target = Pose.from_rotation(HERE.position + shift, turned(np.array(turn)) @ HERE.rotation)
    driver, left = Driver(HERE, Workspace()), []
    for _ in range(400):
        left.append(driver.advance(Jog(target=target)).distance(target)[0])
    assert driver.pose.distance(target)[0] < 1e-3
    assert driver.pose.distance(target)[1] < 5e-3
    assert np.diff(left).max() < 1e-4


def test_a_pose_that_the_arm_cannot_take_is_given_back():
    driver = Driver(HERE, Workspace())
    drive(driver, Jog((1, 0, 0)), 5)
    before = driver.pose
    driver.advance(Jog((1, 0, 0)))
    driver.hold()
    assert driver.pose is before and driver.at_rest


@given(st.tuples(*[st.floats(-1.8, 1.8)] * 3))
def test_a_rotation_vector_and_its_matrix_are_inverse(vector):
    assert np.allclose(rotation_vector(turned(np.array(vector))), vector, atol=1e-7)
