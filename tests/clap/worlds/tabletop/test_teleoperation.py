"""The simulated arm driven by hand, and set back exactly: both on the real physics."""

from __future__ import annotations

import time

import numpy as np
import pytest

from clap.errors import WorldError
from clap.geometry.frames import TABLE_TOP, Pose
from clap.policies.expert_keyframes import keyframe
from clap.worlds.base import MotionContext, MotionOutcome
from clap.worlds.tabletop.world import TabletopWorld
from clap.worlds.teleoperation import (
    CLEARANCE,
    CONTROL_PERIOD,
    LINEAR_ACCELERATION,
    MAX_LINEAR,
    STILL,
    Jog,
)


@pytest.fixture(scope="module")
def world():
    world = TabletopWorld()
    yield world
    world.close()


class Held:
    """Gives the same jog for so many ticks, then stands still for ``after`` ticks, then ends."""

    def __init__(self, jog, ticks, after=0):
        self.left, self.jog, self.after = ticks, jog, after
        self.path = []

    def __call__(self):
        self.left -= 1
        return self.jog if self.left >= 0 else STILL if self.left >= -self.after else None

    def tick(self, pose, opening):
        self.path.append((*pose.position, opening))


def state(world):
    """All numbers from which the physics goes on."""
    data = world.data
    return np.concatenate([[data.time], data.qpos, data.qvel, data.act, data.ctrl, data.qacc_warmstart])


def test_driving_is_in_real_time_smooth_and_as_fast_as_it_says(world):
    world.reset("block_in_same_cup", 3)
    held = Held(Jog((0, 0.6, 0.8)), 40)
    begun, time_begun = time.monotonic(), world.arm.time
    report = world.drive(held, MotionContext(on_tick=held.tick))
    seconds = time.monotonic() - begun
    assert report.outcome is MotionOutcome.REACHED and not report.reason
    assert seconds >= 0.95 * (world.arm.time - time_begun)
    path = np.array(held.path)[:, :3]
    velocity = np.diff(path, axis=0) / CONTROL_PERIOD
    speed = np.linalg.norm(velocity, axis=1)
    assert speed.max() == pytest.approx(MAX_LINEAR, rel=0.05)
    assert speed[-1] < 0.05 * MAX_LINEAR
    assert np.abs(np.diff(velocity, axis=0)).max() < 1.5 * LINEAR_ACCELERATION * CONTROL_PERIOD
    assert (path[-1] - path[0])[1:] / np.linalg.norm(path[-1] - path[0]) == pytest.approx([0.6, 0.8], abs=0.03)


def test_turning_leaves_the_tool_where_it_is_and_the_hand_opens_and_closes(world):
    world.reset("block_in_same_cup", 3)
    before = world.state()[0]
    held = Held(Jog(angular=(0, 0, 1), gripper="close"), 30, after=10)
    world.drive(held, MotionContext(on_tick=held.tick))
    pose, opening = world.state()
    metres, radians = pose.distance(before)
    assert metres < 0.005 and 0.3 < radians < 0.6 and opening < 0.1
    held = Held(Jog(gripper="open"), 1, after=40)
    world.drive(held, MotionContext(on_tick=held.tick))
    assert world.state()[1] > 0.95
    assert np.diff([row[3] for row in held.path]).max() < 0.12


def test_a_target_from_the_scene_is_driven_to(world):
    world.reset("block_in_same_cup", 3)
    pose = world.state()[0]
    target = Pose(pose.position + [0.04, 0.05, -0.03], pose.quaternion)
    world.drive(Held(Jog(target=target), 60))
    assert world.state()[0].distance(target)[0] < 0.005


def test_the_arm_is_not_driven_into_the_table_nor_out_of_reach(world):
    world.reset("open_drawer", 1)
    side = world.state()[0]
    world.teleport(Pose(np.array([0.3, -0.35, TABLE_TOP + 0.05]), side.quaternion))
    held = Held(Jog((0, 0, -1)), 40)
    world.drive(held, MotionContext(on_tick=held.tick))
    assert min(row[2] for row in held.path) > TABLE_TOP + CLEARANCE - 0.003
    world.teleport(Pose(np.array([0.4, 0.3, 0.9]), side.quaternion))
    report = world.drive(Held(Jog((1, 1, 0)), 60))
    assert report.outcome is MotionOutcome.REACHED
    assert "held still" in report.reason


def test_stop_halts_driving_within_a_tick(world):
    world.reset("block_in_same_cup", 3)
    held = Held(Jog((0, 1, 0)), 1000)
    report = world.drive(held, MotionContext(lambda: len(held.path) >= 20, held.tick))
    assert report.outcome is MotionOutcome.STOPPED
    assert len(held.path) == 20
    reached = world.state()[0].position
    assert np.linalg.norm(reached - held.path[-1][:3]) < 0.02
    world.arm.tick(10)
    assert np.linalg.norm(world.state()[0].position - reached) < 1e-3


def test_a_motion_that_may_not_begin_does_not(world):
    world.reset("block_in_same_cup", 3)
    pose = world.state()[0]
    action = keyframe(world, world.setup.subtasks[0], 0)
    assert world.execute(action, MotionContext(lambda: True)).outcome is MotionOutcome.STOPPED
    assert world.state()[0].distance(pose)[0] < 1e-3


def solve(world, steps):
    for index in steps:
        world.execute(keyframe(world, world.setup.subtasks[0], index))


def test_set_back_everything_is_as_it_was_and_the_same_motion_ends_in_the_same_bits(world):
    world.reset("block_in_same_cup", 3)
    assert world.follow("dance") is False
    solve(world, [0, 1])  # the gripper holds the block: contacts, and a warm start of the solver, are part of the state
    saved, before, pose = world.save(), state(world), world.state()
    solve(world, [2, 3])
    once = state(world)
    assert not np.array_equal(once, before)
    assert world.follow("open the drawer") in (True, False)
    world.restore(saved)
    assert np.array_equal(state(world), before)
    assert np.array_equal(world.state()[0].position, pose[0].position)
    assert world.goal is None
    solve(world, [2, 3])
    assert np.array_equal(state(world), once)
    world.restore(saved)
    assert np.array_equal(state(world), before)


def test_what_was_saved_in_another_scene_is_refused(world):
    saved = world.save()
    world.reset("block_in_same_cup", 4)
    with pytest.raises(WorldError, match="another scene"):
        world.restore(saved)


def test_the_noise_of_a_camera_is_set_back_too():
    world = TabletopWorld("single")
    try:
        world.reset("block_in_same_cup", 3)
        world.observe()
        saved = world.save()
        once = world.observe()
        world.restore(saved)
        again = world.observe()
        assert np.array_equal(once.frames[0].depth, again.frames[0].depth)
        assert np.array_equal(once.frames[0].cam2world, again.frames[0].cam2world)
    finally:
        world.close()


def test_an_observation_in_parts_is_the_observation(world):
    world.reset("block_in_same_cup", 3)
    *parts, observation = world.observe_in_parts()
    assert parts == [None] * len(world.cameras.names)
    whole = world.observe()
    assert observation.gripper_pose.distance(whole.gripper_pose)[0] == 0
    for one, other in zip(observation.frames, whole.frames, strict=True):
        assert one.name == other.name and np.array_equal(one.depth, other.depth)
