"""A ChArUco board on the served arm's gripper, drawn into the pictures of its cameras so that they can be
calibrated."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from clap.geometry.observation import CameraFrame
from clap.worlds.robot.calibration.charuco import Array, Board

SUPERSAMPLING = 3
SQUARE_PX = 48
IN_FRONT = 0.1
"""Metres from the tool towards the camera."""

LIGHT, DARK = 0.75, 30.0
"""Neither the paper nor the ink of a real print is as bright or as dark as a picture can be."""


class GripperBoard:
    """The board as it is held: by its upper edge, facing the camera of ``frame`` at the pose ``tool`` (4, 4)."""

    def __init__(self, board: Board, tool: Array, frame: CameraFrame):
        square = board.config.square_mm / 1000
        self._size = np.array([board.config.columns, board.config.rows]) * square
        self._rim = square
        flat = np.pad(board.image(SQUARE_PX), SQUARE_PX, constant_values=255)
        self._flat = cv2.cvtColor(np.asarray(DARK + LIGHT * flat, np.uint8), cv2.COLOR_GRAY2RGB)
        # From the edge of the flat picture's pixels to metres on the board, with OpenCV's pixel centres.
        metres = square / SQUARE_PX
        offset = (0.5 - SQUARE_PX) * metres
        self._to_board = np.array([[metres, 0, offset], [0, metres, offset], [0, 0, 1]])
        world = frame.cam2world.copy()
        towards = frame.cam2world[:3, 3] - tool[:3, 3]
        held = tool[:3, 3] + IN_FRONT * towards / np.linalg.norm(towards)
        world[:3, 3] = held - world[:3, 0] * self._size[0] / 2
        self._in_hand = np.linalg.inv(tool) @ world

    def drawn(self, frame: CameraFrame, tool: Array) -> CameraFrame:
        """The frame with the board in it, where nothing is nearer; ``tool`` (4, 4): the tool's pose now."""
        pose = np.linalg.inv(frame.cam2world) @ tool @ self._in_hand
        corners = np.array([[x, y, 0, 1] for x in (-self._rim, self._size[0] + self._rim) for y in (0, self._size[1])])
        if ((corners @ pose.T)[:, 2] < 0.05).any() or pose[2, 2] <= 0:
            return frame  # behind the camera, or seen from its back
        height, width = frame.depth.shape
        larger = np.diag([SUPERSAMPLING, SUPERSAMPLING, 1.0]) @ frame.intrinsics
        larger[:2, 2] -= 0.5
        to_image = larger @ np.column_stack([pose[:3, 0], pose[:3, 1], pose[:3, 3]]) @ self._to_board
        size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
        big = cv2.warpPerspective(self._flat, to_image, size, flags=cv2.INTER_LINEAR)
        cover = cv2.warpPerspective(np.full(self._flat.shape[:2], 255, np.uint8), to_image, size)
        alpha = cv2.resize(cover, (width, height), interpolation=cv2.INTER_AREA)[..., None] / 255.0
        picture = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)  # black, too, where nothing covers
        depth = self._depth(frame, pose)
        alpha = np.where(((frame.depth == 0) | (depth < frame.depth))[..., None], alpha, 0)
        rgb = frame.rgb * (1 - alpha) + picture * (alpha > 0)
        return replace(
            frame,
            rgb=np.clip(np.round(rgb), 0, 255).astype(np.uint8),
            depth=np.where(alpha[..., 0] > 0.5, depth, frame.depth).astype(np.float32),
        )

    @staticmethod
    def _depth(frame: CameraFrame, pose: Array) -> Array:
        """(H, W) metres along the camera's axis to the plane of the board."""
        height, width = frame.depth.shape
        u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        (fx, fy), (cx, cy) = np.diag(frame.intrinsics)[:2], frame.intrinsics[:2, 2]
        normal = pose[:3, 2]
        slope = normal[0] * (u - cx) / fx + normal[1] * (v - cy) / fy + normal[2]
        return np.asarray(normal @ pose[:3, 3] / np.where(np.abs(slope) < 1e-6, 1e-6, slope))
