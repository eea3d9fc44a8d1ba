"""The board that a served gripper holds is drawn where it is: a detector finds its corners there."""

from __future__ import annotations

import numpy as np

from clap.geometry.observation import CameraFrame
from clap.worlds.robot.calibration.charuco import Board
from clap.worlds.robot.config import BoardConfig
from clap.worlds.robot.loopback.board import GripperBoard
from tests.support.robot_boards import HEIGHT, INTRINSICS, WIDTH, look_at, shift, turn

BOARD = Board(BoardConfig())
TOOL = shift([0.1, 0.0, 1.1]) @ turn([180, 0, 0])


def empty(camera: np.ndarray, depth: float) -> CameraFrame:
    """A grey wall so far away."""
    wall = np.full((HEIGHT, WIDTH), depth, np.float32)
    return CameraFrame("front", np.full((HEIGHT, WIDTH, 3), 110, np.uint8), wall, INTRINSICS, camera, 0.0)


def test_the_corners_are_where_the_hand_has_them_and_the_depth_too():
    camera = look_at([0.7, 0.05, 1.5], [0.1, 0.0, 1.0])
    held = GripperBoard(BOARD, TOOL, empty(camera, 3.0))
    for tool in (TOOL, TOOL @ turn([15, -20, 25]) @ shift([0.02, 0.0, -0.03])):
        frame = held.drawn(empty(camera, 3.0), tool)
        view = BOARD.find(frame.rgb)
        assert view is not None and len(view.ids) == 24
        seen = np.linalg.inv(camera) @ tool @ held._in_hand
        points = BOARD.corners[view.ids] @ seen[:3, :3].T + seen[:3, 3]
        pixels = points[:, :2] / points[:, 2:] * np.diag(INTRINSICS)[:2] + INTRINSICS[:2, 2]
        assert np.sqrt(((pixels - view.pixels) ** 2).sum(1).mean()) < 0.3
        rows, columns = view.pixels[:, 1].astype(int), view.pixels[:, 0].astype(int)
        assert np.abs(frame.depth[rows, columns] - points[:, 2]).max() < 0.003


def test_what_is_nearer_hides_the_board_and_its_back_shows_nothing():
    camera = look_at([0.7, 0.0, 1.5], [0.1, 0.0, 1.0])
    held = GripperBoard(BOARD, TOOL, empty(camera, 3.0))
    near = empty(camera, 0.3)
    assert (held.drawn(near, TOOL).rgb == near.rgb).all()
    behind = empty(look_at([-0.6, 0.0, 1.5], [0.1, 0.0, 1.0]), 3.0)
    assert (held.drawn(behind, TOOL).rgb == behind.rgb).all()
