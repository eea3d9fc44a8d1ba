"""Turned zooms: target, pose and picture turn together, and a waiting gripper turns by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clap.geometry.frames import Pose, Workspace, project
from clap.geometry.observation import PointCloud
from clap.geometry.rotation import quaternion_to_bins
from clap.geometry.views import render_views
from clap.policies.expert_keyframes import top_down
from training.predictor import rotations as predictor_turns
from training.predictor.rotations import GRIPPER_ABOVE, points_of, turn
from training.predictor.samples import Target

SIZE, EDGE = 56, 0.25
UNIT = Workspace((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
LOCAL = Workspace((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
PLACE = np.array([0.3, -0.2, -0.4])
RED = np.array([250, 10, 10])


def scene(yaw: float = 0.3, period: float | None = np.pi / 2, gripper_waits: bool = False):
    """A red dot at the target, a blue bar through it along the gripper's x axis, a green hand above, on grey."""
    grid = np.stack(np.meshgrid(np.linspace(0.03, 0.97, 60), np.linspace(0.03, 0.97, 60)), -1).reshape(-1, 2)
    table = np.column_stack([grid, np.full(len(grid), 0.1)])
    center = (PLACE + 1) / 2
    along = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    bar = center - [0, 0, 0.05] + np.linspace(-0.15, 0.15, 80)[:, None] * along
    hand = center + [0, 0, GRIPPER_ABOVE / EDGE + 0.1] + np.linspace(-0.15, 0.15, 80)[:, None] * along
    dot = center + np.random.default_rng(0).uniform(-0.012, 0.012, (60, 3))
    points = np.concatenate([table, bar, hand, dot]).astype(np.float32)
    counts = (len(table), len(bar), len(hand), len(dot))
    colors = np.repeat([[90, 90, 90], [10, 10, 250], [10, 250, 10], RED], counts, axis=0).astype(np.uint8)
    views = render_views(PointCloud(points, colors), UNIT, SIZE, splat=0)
    quaternion = np.asarray(top_down(np.zeros(3), yaw).quaternion)
    bins = quaternion_to_bins(quaternion)
    step = "the robot grasps the red block" if gripper_waits else "the robot moves above the red block"
    target = Target(step, PLACE, quaternion, bins, False, True, 1.0, EDGE, 3.4, period, gripper_waits)
    return views.rgb, views.depth, target


def yaw_of(target: Target) -> float:
    rotation = Pose(target.position, target.quaternion).rotation
    return float(np.arctan2(rotation[1, 0], rotation[0, 0]))


def angle_of(rgb: np.ndarray, depth: np.ndarray, channel: int) -> float:
    """Direction of what is most of one colour, over half a turn."""
    cloud = points_of(rgb, depth)
    colors = cloud.colors.astype(int)
    mine = cloud.points[(colors[:, channel] > 200) & (colors.sum(1) < 300)][:, :2]
    assert len(mine) > 20
    _, _, axes = np.linalg.svd(mine - mine.mean(0))
    return float(np.arctan2(axes[0, 1], axes[0, 0]))


def apart(first: float, second: float, period: float) -> float:
    return abs((first - second + period / 2) % period - period / 2)


@pytest.mark.parametrize("seed", range(6))
def test_the_target_stays_on_its_point_and_the_yaw_on_its_bar(seed: int) -> None:
    rgb, depth, target = scene()
    new_rgb, new_depth, new = turn(rgb, depth, target, np.random.default_rng(seed))
    assert abs(new.position[2] - target.position[2]) < 1e-9
    for view, (u, v) in enumerate(project(new.position, LOCAL, SIZE).astype(int)):
        near = new_rgb[view, max(v - 2, 0) : v + 3, max(u - 2, 0) : u + 3].reshape(-1, 3).astype(int)
        if view != 2:  # from above the gripper hides it
            assert (np.abs(near - RED).sum(1) < 60).any(), f"view {view}"
    bar = angle_of(new_rgb, new_depth, 2)
    assert apart(yaw_of(new), bar, np.pi / 2) < np.deg2rad(4), "equivalent under the block's symmetry"
    assert -np.pi / 4 <= yaw_of(new) < np.pi / 4, "the expert's choice"
    assert np.array_equal(new.bins, quaternion_to_bins(new.quaternion))


def test_a_pose_that_turns_freely_turns_as_the_scene_does() -> None:
    rgb, depth, target = scene(period=None)
    for seed in range(4):
        new_rgb, new_depth, new = turn(rgb, depth, target, np.random.default_rng(seed))
        assert apart(yaw_of(new), angle_of(new_rgb, new_depth, 2), np.pi) < np.deg2rad(4)
        assert abs(yaw_of(new) - yaw_of(target)) <= predictor_turns.TURN_OF_POSE + 1e-6


def test_over_a_round_cup_the_yaw_stays_zero() -> None:
    rgb, depth, target = scene(yaw=0.0, period=0.0)
    _, _, new = turn(rgb, depth, target, np.random.default_rng(1))
    assert abs(yaw_of(new)) < 1e-6


def test_a_waiting_hand_turns_by_itself_or_goes_out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor_turns, "TURN", 0.0)
    rgb, depth, target = scene(gripper_waits=True)
    bar, hand = angle_of(rgb, depth, 2), angle_of(rgb, depth, 1)
    turned = gone = 0
    for seed in range(40):
        new_rgb, new_depth, new = turn(rgb, depth, target, np.random.default_rng(seed))
        assert apart(angle_of(new_rgb, new_depth, 2), bar, np.pi) < np.deg2rad(3), "the thing stays"
        assert np.allclose(new.position, target.position) and np.array_equal(new.bins, target.bins)
        if not ((new_rgb[..., 1] > 200) & (new_rgb.astype(int).sum(-1) < 300)).any():
            gone += 1
        elif apart(angle_of(new_rgb, new_depth, 1), hand, np.pi) > np.deg2rad(5):
            turned += 1
    assert 2 <= gone <= 14 and 6 <= turned <= 26


def test_a_hand_that_does_not_wait_stays_with_its_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor_turns, "TURN", 0.0)
    rgb, depth, target = scene()
    for seed in range(8):
        new_rgb, new_depth, _ = turn(rgb, depth, replace(target), np.random.default_rng(seed))
        assert apart(angle_of(new_rgb, new_depth, 1), angle_of(rgb, depth, 1), np.pi) < np.deg2rad(3)
