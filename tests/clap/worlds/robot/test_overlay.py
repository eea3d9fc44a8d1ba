"""Overlays that judge a calibration by eye: the robot's model where the simulator draws it, and bounds as boxes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from clap.geometry.frames import Pose, Workspace
from clap.geometry.observation import CameraFrame
from clap.robots.fr3 import HOME_JOINTS, ROBOT_BASE
from clap.worlds.robot.calibration.overlay import bounds_overlay, box_edges, laid_over, robot_overlay, share_in_view
from clap.worlds.robot.config import BoundsConfig, KeepOutBox
from clap.worlds.tabletop.world import TabletopWorld
from tests.support.robot_cameras import tabletop_frame

SIZE = (640, 360)


@dataclass(frozen=True)
class Drawn:
    """``mask``: where MuJoCo draws the robot in the ``frame``, at which ``joints``, and with which ``opening``."""

    frame: CameraFrame
    mask: np.ndarray
    joints: np.ndarray
    opening: float

    def overlap(self, cam2world: np.ndarray, base: Pose | None = None) -> float:
        """Intersection over union with the overlay for a camera pose."""
        size = self.mask.shape[::-1]
        overlay = robot_overlay(self.joints, self.opening, cam2world, self.frame.intrinsics, size, base)
        drawn = overlay[..., 3] > 0
        return float((self.mask & drawn).sum() / (self.mask | drawn).sum())


@pytest.fixture(scope="module")
def robot():
    """The robot before the front camera."""
    world = TabletopWorld("four")
    try:
        world.reset("block_in_same_cup", 0)
        model, data = world.model, world.data
        (frame,) = world.rig.capture(data, ("front",))
        for geom in range(model.ngeom):
            if model.body(model.geom_bodyid[geom]).name.startswith(("base", "fr3", "hand", "left_f", "right_f")):
                model.geom_rgba[geom, 3] = 0
        (without,) = world.rig.capture(data, ("front",))
        mask = np.abs(frame.depth - without.depth) > 1e-4
        return Drawn(frame, mask, world.arm.joints()[0].copy(), world.arm.gripper_open())
    finally:
        world.close()


def test_the_model_lies_where_the_simulator_draws_it(robot):
    truth = robot.frame.cam2world
    assert robot.mask.sum() > 5000 and robot.overlap(truth) > 0.95
    # Two degrees, or three centimetres, are to be seen by eye.
    turned = truth.copy()
    turned[:3, :3] = turned[:3, :3] @ [[1, 0, 0], [0, 0.9994, -0.0349], [0, 0.0349, 0.9994]]
    moved = truth.copy()
    moved[1, 3] += 0.03
    assert robot.overlap(turned) < 0.9 and robot.overlap(moved) < 0.9


def test_a_robot_that_stands_elsewhere_is_drawn_there(robot):
    shift = np.array([0.1, 0.2, 0.05])
    along = robot.frame.cam2world.copy()
    along[:3, 3] += shift
    assert robot.overlap(along, Pose(np.array(ROBOT_BASE) + shift, np.array([0.0, 0, 0, 1]))) > 0.95


def test_what_is_behind_the_camera_is_not_drawn():
    frame = tabletop_frame()
    away = frame.cam2world.copy()
    away[:3, :3] = away[:3, :3] @ np.diag([1.0, -1, -1])
    assert not robot_overlay(HOME_JOINTS, 1.0, away, frame.intrinsics, SIZE).any()
    assert not bounds_overlay(BoundsConfig(), away, frame.intrinsics, SIZE)[..., 3].all()
    assert share_in_view(Workspace(), away, frame.intrinsics, SIZE) == 0


def test_bounds_are_drawn_where_their_edges_project():
    frame = tabletop_frame()
    table = Workspace((0.0, -0.2, 0.752), (0.3, 0.2, 0.96))
    box = KeepOutBox("stand", (0.1, 0.25, 0.752), (0.2, 0.35, 0.85))
    image = bounds_overlay(BoundsConfig(table, (box,)), frame.cam2world, frame.intrinsics, SIZE)
    for low, high, green in ((table.low, table.high, True), (box.low, box.high, False)):
        for corner in box_edges(low, high).reshape(-1, 3):
            x, y, z = np.linalg.inv(frame.cam2world)[:3] @ [*corner, 1.0]
            u, v = (frame.intrinsics @ [x / z, y / z, 1.0])[:2].astype(int)
            near = image[v - 2 : v + 3, u - 2 : u + 3].reshape(-1, 4)
            colors = near[near[:, 3] > 0]
            assert len(colors) and any((color[1] > color[0]) == green for color in colors)
    assert (image[..., 3] > 0).mean() < 0.05


def test_a_box_around_the_camera_is_clipped_and_not_smeared():
    frame = tabletop_frame()
    around = replace(BoundsConfig(), workspace=Workspace((-0.5, -1.0, 0.6), (1.5, 1.0, 2.5)))
    image = bounds_overlay(around, frame.cam2world, frame.intrinsics, SIZE)
    assert 0 < (image[..., 3] > 0).mean() < 0.1


def test_edges_and_shares_are_those_of_a_box():
    edges = box_edges((0, 0, 0), (1, 2, 3))
    assert edges.shape == (12, 2, 3)
    lengths = np.abs(edges[:, 1] - edges[:, 0])
    assert sorted(lengths.sum(1)) == [1.0] * 4 + [2.0] * 4 + [3.0] * 4 and ((lengths > 0).sum(1) == 1).all()
    ahead = Workspace((-0.1, -0.1, 0.9), (0.1, 0.1, 1.1))
    intrinsics = np.array([[300.0, 0, 320], [0, 300, 180], [0, 0, 1]])
    assert share_in_view(ahead, np.eye(4), intrinsics, SIZE) == 1
    assert share_in_view(Workspace((-0.1, -0.1, -1), (0.1, 0.1, 1)), np.eye(4), intrinsics, SIZE) == pytest.approx(
        0.5, abs=0.1
    )


def test_laying_over_keeps_what_is_clear():
    rgb = np.full((2, 2, 3), 100, np.uint8)
    overlay = np.zeros((2, 2, 4), np.uint8)
    overlay[0, 0] = (200, 0, 0, 255)
    out = laid_over(rgb, overlay)
    assert out[0, 0].tolist() == [200, 0, 0] and (out[1] == 100).all() and out.dtype == np.uint8
