"""The simulator: same seed, same bytes; motions that report honestly; success on the physics state."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clap.errors import InvalidInstructionError, WorldError
from clap.geometry.frames import Pose, Workspace
from clap.geometry.observation import Observation, fuse
from clap.policies.base import INITIAL_STEP, PlanRequest, PredictRequest
from clap.policies.errors import NoFineActionError, NoScriptError
from clap.policies.expert import ExpertPolicy
from clap.policies.expert_keyframes import keyframe, top_down
from clap.policies.prediction import PlanStatus
from clap.worlds.base import Action, MotionContext, MotionOutcome
from clap.worlds.tabletop.tasks import TASK_KEYS
from clap.worlds.tabletop.world import TabletopWorld


@pytest.fixture(scope="module")
def world():
    world = TabletopWorld()
    yield world
    world.close()


def solve(world: TabletopWorld) -> None:
    for subtask in world.goal:
        for index in range(len(subtask.steps)):
            world.execute(keyframe(world, subtask, index))
    world.arm.tick(10)


@pytest.mark.parametrize("task", TASK_KEYS)
def test_the_expert_solves_a_task_that_is_not_solved_at_the_start(world, task):
    for seed in (1, 2):
        world.reset(task, seed)
        assert world.success() is False
        solve(world)
        assert world.success() is True


def test_the_same_seed_gives_the_same_episode_bit_for_bit(world):
    runs = []
    for _ in range(2):
        world.reset("block_in_open_drawer", 7)
        solve(world)
        observation = world.observe()
        runs.append(
            (world.data.qpos.tobytes(), observation.frames[0].rgb.tobytes(), observation.frames[3].depth.tobytes())
        )
        world.reset("open_drawer", 3)
    assert runs[0] == runs[1]


def test_cameras_see_the_block_where_the_physics_says_it_is(world):
    world.reset("block_in_same_cup", 5)
    name = world.goal[0].thing
    center = world.positions()[name]
    observation = world.observe()
    assert [frame.rgb.shape for frame in observation.frames] == [(256, 256, 3)] * 4
    cloud = fuse(observation, Workspace())
    near = cloud.points[np.abs(cloud.points - center).max(1) < 0.03]
    top = near[near[:, 2] > center[2] + 0.015]
    assert len(top) > 20
    assert np.abs((top.min(0) + top.max(0))[:2] / 2 - center[:2]).max() < 0.006


def test_the_four_cameras_agree_on_the_table_plane(world):
    world.reset("open_drawer", 0)
    seen = world.observe()
    for frame in seen.frames[:3]:
        alone = Observation((frame,), seen.gripper_pose, 1.0, seen.joint_positions, seen.joint_velocities, 0.0)
        height = fuse(alone, Workspace()).points[:, 2]
        assert abs(np.median(height[height < 0.8]) - 0.752) < 0.002


def test_a_motion_reaches_its_pose_and_then_sets_the_gripper(world):
    world.reset("open_drawer", 1)
    target = top_down(np.array([0.3, 0.1, 1.0]), 0.3)
    report = world.execute(Action(target, gripper_open=False))
    assert report.ok and report.position_error < 0.005 and report.rotation_error < 0.02
    assert report.gripper_open < 0.1
    assert report.reached.distance(target)[0] == pytest.approx(report.position_error)


def test_a_pose_out_of_reach_is_reported_and_nothing_moves(world):
    world.reset("open_drawer", 1)
    before = world.state()[0]
    report = world.execute(Action(top_down(np.array([1.2, 0.0, 0.9]), 0), gripper_open=True))
    assert report.outcome is MotionOutcome.UNREACHABLE and report.reason
    assert world.state()[0].distance(before)[0] == 0
    assert not world.reachable(top_down(np.array([1.2, 0.0, 0.9]), 0))


def test_a_motion_into_the_table_falls_short_and_says_what_it_touches(world):
    world.reset("open_drawer", 1)
    report = world.execute(Action(top_down(np.array([0.15, 0.3, 0.70]), 0), gripper_open=True))
    assert report.outcome is MotionOutcome.FELL_SHORT
    assert report.position_error > 0.015 and "cm from the target" in report.reason


def test_a_motion_that_avoids_collisions_stops_where_it_presses(world):
    world.reset("open_drawer", 1)
    into_table = Action(top_down(np.array([0.15, 0.3, 0.70]), 0), gripper_open=False, ignore_collisions=False)
    report = world.execute(into_table)
    assert report.outcome is MotionOutcome.FELL_SHORT and "touched the table" in report.reason
    assert report.reached.position[2] > 0.745 and report.gripper_open > 0.9
    assert world.execute(Action(top_down(np.array([0.15, 0.3, 0.9]), 0), True, ignore_collisions=False)).ok


def test_what_is_held_belongs_to_the_robot_and_may_leave_its_support_but_not_press(world):
    world.reset("block_in_same_cup", 2)
    subtask = world.goal[0]
    for index in range(2):
        world.execute(keyframe(world, subtask, index))
    lift = keyframe(world, subtask, 2)
    assert world.execute(dataclasses.replace(lift, ignore_collisions=False)).ok
    block = world.positions()[subtask.thing][2]
    down = Pose(np.asarray(lift.pose.position) - [0, 0, 0.185], lift.pose.quaternion)
    report = world.execute(Action(down, gripper_open=True, ignore_collisions=False))
    assert report.outcome is MotionOutcome.FELL_SHORT and "touched" in report.reason
    assert block - world.positions()[subtask.thing][2] > 0.1 and report.gripper_open < 0.8


@pytest.mark.parametrize("task", ["block_in_closed_drawer", "shape_in_sorter"])
def test_no_free_motion_of_the_expert_presses_against_anything(world, task):
    world.reset(task, 4)
    for subtask in world.goal:
        for index in range(len(subtask.steps)):
            action = dataclasses.replace(keyframe(world, subtask, index), ignore_collisions=subtask.touches(index))
            assert world.execute(action).ok
    assert world.success() is True


def test_stop_halts_a_motion_where_it_is(world):
    world.reset("open_drawer", 1)
    start, polls = world.state()[0], []
    begun = world.arm.time
    target = top_down(np.array([0.4, -0.2, 0.9]), 0)
    halting = MotionContext(lambda: polls.append(1) or len(polls) > 20)
    report = world.execute(Action(target, gripper_open=False), halting)
    assert report.outcome is MotionOutcome.STOPPED
    assert len(polls) == 21
    assert world.arm.time - begun < (21 + 5) * 0.02  # a tenth of a second to come to rest, not the time to settle
    moved = report.reached.distance(start)[0]
    assert 0.001 < moved < start.distance(target)[0] - 0.05
    world.arm.tick(25)
    assert world.state()[0].distance(report.reached)[0] < 0.005


def test_home_opens_the_gripper_and_returns(world):
    world.reset("open_drawer", 1)
    home = world.state()[0]
    world.execute(Action(top_down(np.array([0.4, -0.2, 0.95]), 0), gripper_open=False))
    report = world.home()
    assert report.ok and report.gripper_open > 0.9
    assert world.state()[0].distance(home)[0] < 0.005


def test_a_block_in_a_closed_gripper_over_the_cup_is_no_success(world):
    world.reset("block_in_same_cup", 2)
    subtask = world.goal[0]
    for index in range(3):
        world.execute(keyframe(world, subtask, index))
    place = keyframe(world, subtask, 3)
    lowered = Pose(np.asarray(place.pose.position) - [0, 0, 0.06], place.pose.quaternion)
    world.execute(Action(lowered, gripper_open=False))
    assert world.success() is False


def test_unknown_things_name_what_is_there(world):
    world.reset("open_drawer", 1)
    with pytest.raises(WorldError, match="drawer handle"):
        world.body_pose("teapot")


def test_success_follows_the_typed_instruction(world):
    world.reset("block_in_other_cup", 0)
    names = {thing.kind: thing.name for thing in world.things}
    assert world.follow(f"put the {names['block']} in the {names['cup']}")
    assert world.success() is False
    solve(world)
    assert world.success() is True
    assert world.follow("dance") is False
    assert world.success() is None


def test_the_expert_policy_speaks_the_two_rounds(world):
    instruction = world.reset("block_in_closed_drawer", 3)
    expert = ExpertPolicy(world)
    last, steps = INITIAL_STEP, []
    while (plan := expert.plan(PlanRequest(instruction, last))).status is PlanStatus.STEPS:
        prediction = expert.predict(PredictRequest(world.observe(), plan, last))
        assert prediction.step in plan.steps
        assert prediction.keypoint.agreement_px <= 1
        world.execute(prediction.action)
        last = prediction.step
        steps.append(last)
    assert len(steps) == 8
    assert world.success() is True
    with pytest.raises(InvalidInstructionError, match="no script"):
        expert.plan(PlanRequest("dance a tango"))


def test_the_expert_takes_the_step_that_is_wanted_and_knows_no_other(world):
    instruction = world.reset("block_in_closed_drawer", 3)
    expert = ExpertPolicy(world)
    plan = expert.plan(PlanRequest(instruction))
    observation = world.observe()
    assert expert.predict(PredictRequest(observation, plan, step=plan.steps[1])).step == plan.steps[1]
    with pytest.raises(NoScriptError, match=f"no script for “the robot dances”. It knows: “{plan.steps[0]}”"):
        expert.predict(PredictRequest(observation, plan, step="the robot dances"))
    with pytest.raises(NoFineActionError, match="scripted expert"):
        expert.refine(observation, plan.steps[0], np.zeros(3))
    # After a step of the operator's own it goes on with what is not fulfilled yet.
    assert expert.plan(PlanRequest(instruction, "the robot dances")).steps == plan.steps
    solve(world)
    assert expert.plan(PlanRequest(instruction, "the robot dances")).status is PlanStatus.COMPLETE
