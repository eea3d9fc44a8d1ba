"""The limits of a real robot: 10,000 random poses, and every objection says why and what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clap.geometry.frames import TABLE_TOP, Lifted, Pose, Workspace
from clap.geometry.observation import Observation
from clap.policies.prediction import Prediction
from clap.robots.fr3 import HOME_JOINTS
from clap.robots.fr3_kinematics import InverseKinematics
from clap.rollout.safety import Decision, judge
from clap.worlds.base import Action
from clap.worlds.motion_limits import MotionLimits, straight
from clap.worlds.robot.arm.kinematics import JOINT_MARGIN, FrankaKinematics, Route, Router
from clap.worlds.robot.arm.protocol import ArmOptions
from tests.support.robot_arm_parts import DOWN, NamedBox, pose

LOW, HIGH = (-0.2, -0.4, 0.6), (0.6, 0.4, 1.4)
POST = NamedBox("post", (0.3, 0.1, 0.6), (0.4, 0.2, 1.1))
LIMITS = MotionLimits(Workspace(LOW, HIGH), (POST,), lowest_height=0.77, longest_step=0.5)
SHIFTS = 5e-4 * np.array([[[x, y, z]] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)])
START = pose(0.1, -0.1, 1.0)


def random_targets(count: int) -> np.ndarray:
    """In, out and exactly on the edges of the limits: (count, 3)."""
    rng = np.random.default_rng(3)
    points = rng.uniform(np.array(LOW) - 0.15, np.array(HIGH) + 0.15, (count, 3))
    edges = np.array([[*LOW], [*HIGH], [POST.low[0], POST.low[1], 0.77], [POST.high[0], POST.high[1], POST.high[2]]])
    snapped = rng.random((count, 3)) < 0.2
    return np.where(snapped, edges[rng.integers(0, len(edges), (count, 3)), np.arange(3)], points)


def inside(points: np.ndarray) -> np.ndarray:
    """(n,) True where a tool position is allowed: the bounds written down a second time, edges inside."""
    x, y, z = points.T
    workspace = (x >= -0.2) & (x <= 0.6) & (y >= -0.4) & (y <= 0.4) & (z >= 0.77) & (z <= 1.4)
    post = (x >= 0.3) & (x <= 0.4) & (y >= 0.1) & (y <= 0.2) & (z >= 0.6) & (z <= 1.1)
    return workspace & ~post


def test_of_10000_random_targets_exactly_those_inside_the_limits_pass():
    targets = random_targets(10_000)
    allowed = np.array([LIMITS.against_target(target) is None for target in targets])
    np.testing.assert_array_equal(allowed, inside(targets))
    assert 1000 < allowed.sum() < 9000


def test_of_10000_random_steps_exactly_those_pass_whose_whole_way_is_inside_and_short_enough():
    targets = random_targets(10_000)
    start = np.asarray(START.position)
    for target in targets:
        objection = LIMITS.against_step(START, Pose(target, DOWN))
        # Every millimetre of the way; what only scrapes an edge between two of the gate's points is not asked for.
        way = np.vstack([start + np.linspace(0, 1, 1000, endpoint=False)[:, None] * (target - start), target])
        allowed = inside(way).all() and np.linalg.norm(target - start) <= 0.5
        if objection is None:
            assert inside(straight(START, Pose(target, DOWN))).all() and np.linalg.norm(target - start) <= 0.5
            assert (~inside(way)).mean() < 0.01
        else:
            assert not allowed, (target, objection)
            assert objection.sentence.endswith(".") and objection.next_move.endswith(".")


def near_inside(points: np.ndarray) -> bool:
    """True if all points (n, 3) are inside up to the half millimetre that joint angles leave."""
    return all(any(inside(point + shift)[0] for shift in SHIFTS) for point in points)


@pytest.fixture(scope="module")
def router() -> Router:
    options = ArmOptions("")
    return Router(FrankaKinematics(options), LIMITS, options)


def test_what_the_router_sends_ends_at_the_target_and_stays_inside_the_limits(router):
    low, high = InverseKinematics().limits
    sent = 0
    for target in random_targets(150):
        route = router.to_pose(Pose(target, DOWN), HOME_JOINTS, 0.25)
        if not isinstance(route, Route):
            continue
        sent += 1
        assert router.kinematics.forward(route.goal).distance(Pose(target, DOWN))[0] < 1e-3
        assert np.all(route.goal >= low + JOINT_MARGIN) and np.all(route.goal <= high - JOINT_MARGIN)
        assert inside(route.path[1:]).mean() == 1.0 if route.share is None else near_inside(route.path[1:])
    assert sent > 10


def test_no_pose_inside_the_limits_that_has_joint_angles_is_refused_as_unreachable(router):
    rng = np.random.default_rng(5)
    low, high = InverseKinematics().limits
    for _ in range(40):
        joints = np.clip(HOME_JOINTS + rng.uniform(-0.5, 0.5, 7), low + 2 * JOINT_MARGIN, high - 2 * JOINT_MARGIN)
        tool = router.kinematics.forward(joints)
        if inside(np.asarray(tool.position)[None]).all():
            assert router.reachable(tool, HOME_JOINTS)


def test_an_arm_that_stands_outside_may_come_back_in_but_not_further_out():
    outside = pose(0.65, 0.0, 1.0)
    assert LIMITS.against_step(outside, pose(0.5, 0.0, 1.0)) is None
    objection = LIMITS.against_path(np.array([[0.65, 0, 1.0], [0.7, 0, 1.0], [0.5, 0, 1.0]]))
    assert objection is not None and objection.name == "way out of the workspace"


def test_out_of_a_keep_out_box_there_is_a_way_but_none_through_it():
    assert LIMITS.against_step(pose(0.35, 0.15, 1.0), pose(0.35, -0.1, 1.0)) is None
    through = LIMITS.against_step(pose(0.35, -0.05, 1.0), pose(0.35, 0.3, 1.0))
    assert through is not None and "post" in through.sentence


def observed(tool: Pose, opening: float) -> Observation:
    return Observation((), tool, opening, HOME_JOINTS, np.zeros(7), 100.0)


def verdict(target: Pose, opening: float = 1.0, opens: bool = True, start: Pose = START, age: float = 0.1):
    prediction = Prediction(
        step="",
        objects=(),
        keypoint=Lifted(np.asarray(target.position), np.zeros(3)),
        keypoint_pixels=np.zeros((3, 2), int),
        window=Workspace(),
        action=Action(target, gripper_open=opens),
        views=None,
    )
    return judge(prediction, observed(start, opening), Workspace(), lambda _: True, 100.0 + age, limits=LIMITS)


@pytest.mark.parametrize(
    ("target", "failure"),
    [
        (pose(0.35, 0.15, 1.0), "keep-out box"),
        (pose(0.1, -0.1, 0.76), "below the lowest height"),
        (pose(0.1, 0.39, 0.8), "too long a step"),
        (pose(0.65, 0.0, 1.0), "out of the workspace"),
    ],
)
def test_a_prediction_that_leaves_the_limits_is_refused_with_its_reason(target, failure):
    found = verdict(target)
    assert found.decision is Decision.REFUSE
    assert found.worst.failure == failure and found.sentence.count(".") >= 2


def test_the_operator_is_asked_about_low_ways_sideways_and_about_letting_go_from_above():
    low = verdict(pose(0.2, -0.1, 0.78), start=pose(0.1, -0.1, 0.79))
    assert low.decision is Decision.ASK and low.worst.failure == "low way sideways"
    drop = verdict(pose(0.2, -0.1, TABLE_TOP + 0.3), opening=0.5)
    assert drop.decision is Decision.ASK and drop.worst.failure == "letting go from above"
    assert verdict(pose(0.2, -0.1, TABLE_TOP + 0.3), opening=1.0).decision is Decision.ALLOW
    assert verdict(pose(0.2, -0.1, TABLE_TOP + 0.3), opening=0.5, opens=False).decision is Decision.ALLOW


def test_stale_frames_are_refused_on_a_robot_too():
    assert verdict(pose(0.2, -0.1, 1.0), age=30.0).worst.failure == "stale frame"


def test_the_base_may_stand_anywhere_and_turned():
    here = FrankaKinematics(ArmOptions(""))
    there = FrankaKinematics(replace(ArmOptions(""), base_position=(0.1, 0.2, 0.752), base_yaw=np.pi / 2))
    joints = HOME_JOINTS + 0.1
    first, second = here.forward(joints), there.forward(joints)
    offset = np.asarray(first.position) - [-0.309, 0.0, 0.752]
    np.testing.assert_allclose(
        second.position, np.array([-offset[1], offset[0], offset[2]]) + [0.1, 0.2, 0.752], atol=1e-9
    )
    solved = there.solve_from_anywhere(second, HOME_JOINTS)
    assert solved is not None and there.forward(solved).distance(second)[0] < 1e-3
