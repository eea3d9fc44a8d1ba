"""Samples of a calibration whose truth is known: poses of an arm, and what a camera then sees of a ChArUco board."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from clap.geometry.frames import Pose, Workspace
from clap.worlds.robot.calibration.charuco import Board
from clap.worlds.robot.calibration.hand_eye_fit import Sample
from clap.worlds.robot.calibration.poses import suggest_poses
from clap.worlds.robot.config import BoardConfig, Mount

WIDTH, HEIGHT = 640, 360
INTRINSICS = np.array([[462.0, 0, 321.3], [0, 461.0, 181.1], [0, 0, 1]])
"""About those of a D435i's colour image of 640 x 360."""

SUPERSAMPLING = 3
NOISE_PX = 0.3


def look_at(position, target, up=(0.0, 0.0, 1.0)) -> np.ndarray:
    """(4, 4) pose of a camera (x right, y down, z forward) at ``position`` that looks at ``target``."""
    forward = np.asarray(target, float) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], 1)
    pose[:3, 3] = position
    return pose


def turn(degrees) -> np.ndarray:
    """(4, 4) rotation by a rotation vector in degrees."""
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.radians(np.asarray(degrees, float)))[0]
    return pose


def shift(metres) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, 3] = metres
    return pose


@dataclass(frozen=True)
class Rig:
    """What is true: the camera's pose X, the board's pose Y (see ``hand_eye``), and the arm's poses."""

    mount: Mount
    camera: np.ndarray
    board: np.ndarray
    tools: tuple[Pose, ...]

    def cam_t_board(self, tool: Pose) -> np.ndarray:
        known = tool.matrix if self.mount is Mount.FIXED else np.linalg.inv(tool.matrix)
        return np.linalg.inv(self.camera) @ known @ self.board


def make_rig(mount: Mount, seed: int, count: int = 15, config: BoardConfig | None = None) -> Rig:
    """A rig whose arm goes to the poses that are suggested for it."""
    rng = np.random.default_rng(seed)
    config = config or BoardConfig()
    middle = shift([-config.columns * config.square_mm / 2000, -config.rows * config.square_mm / 2000, 0])
    focus = np.array([0.2, 0.0, 0.95]) + rng.uniform(-0.03, 0.03, 3)
    if mount is Mount.FIXED:
        camera = look_at(focus + rng.uniform([0.4, -0.15, 0.4], [0.5, 0.15, 0.5]), focus)
        # At the start the gripper holds the board so that it faces the camera.
        start = shift(focus)
        start[:3, :3] = camera[:3, :3] @ turn([0, 0, rng.uniform(-45, 45)])[:3, :3]
        board = turn(rng.uniform(-10, 10, 3)) @ shift([0.01, 0.02, 0.03]) @ middle
        pivot = 0.0
    else:
        camera = shift([0.07, 0.01, -0.05]) @ turn(rng.uniform(-8, 8, 3))
        target = np.array([*focus[:2], 0.752])
        board = shift(target) @ turn([180, 0, 0]) @ turn([0, 0, rng.uniform(-30, 30)]) @ middle
        eye = look_at(target + [*rng.uniform(-0.03, 0.03, 2), 0.45], target, up=(1.0, 0.1, 0.0))
        start = eye @ np.linalg.inv(camera)
        pivot = 0.40
    tools = suggest_poses(Pose.from_matrix(start), pivot, Workspace(), count=count)
    return Rig(mount, camera, board, tools)


def project(pose: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Pixels (N, 2) of points (N, 3) of the board, in the project's convention."""
    seen = points @ pose[:3, :3].T + pose[:3, 3]
    assert (seen[:, 2] > 0.1).all()
    return seen[:, :2] / seen[:, 2:] * np.diag(INTRINSICS)[:2] + INTRINSICS[:2, 2]


def render(board: Board, pose: np.ndarray, seed: int) -> np.ndarray:
    """(H, W) grey image of the board before a grey background, supersampled and with the noise of a camera."""
    square = 48
    flat = board.image(square)
    flat = cv2.copyMakeBorder(flat, square, square, square, square, cv2.BORDER_CONSTANT, value=255)
    metres = board.config.square_mm / 1000 / square
    # Edge of the picture's pixel -> metres on the board -> pixels of a larger image, with OpenCV's pixel centres.
    to_board = np.array([[metres, 0, (0.5 - square) * metres], [0, metres, (0.5 - square) * metres], [0, 0, 1]])
    larger = np.diag([SUPERSAMPLING, SUPERSAMPLING, 1.0]) @ INTRINSICS
    larger[:2, 2] -= 0.5
    homography = larger @ np.column_stack([pose[:3, 0], pose[:3, 1], pose[:3, 3]]) @ to_board
    size = (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING)
    big = cv2.warpPerspective(flat, homography, size, flags=cv2.INTER_LINEAR, borderValue=110)
    image = cv2.resize(big, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(float)
    noisy = 30 + 0.75 * image + np.random.default_rng(seed).normal(0, 3, image.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def projected_samples(rig: Rig, board: Board, seed: int, noise: float = NOISE_PX) -> list[Sample]:
    """What a perfect detector with ``noise`` pixels sees."""
    rng = np.random.default_rng(seed)
    samples = []
    for k, tool in enumerate(rig.tools):
        pixels = project(rig.cam_t_board(tool), board.corners)
        samples.append(Sample(f"{k:03d}.png", tool, board.corners, pixels + rng.normal(0, noise, pixels.shape)))
    return samples


def error_of(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Millimetres and degrees between two poses (4, 4)."""
    metres, radians = Pose.from_matrix(found).distance(Pose.from_matrix(truth))
    return 1000 * metres, float(np.degrees(radians))
