"""One look at a camera that is being calibrated: what it shows, why no sample can be taken, and where to go next."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.worlds.robot.arm.protocol import ArmState
from clap.worlds.robot.calibration.charuco import Board, BoardView
from clap.worlds.robot.calibration.overlay import bounds_overlay, laid_over, robot_overlay
from clap.worlds.robot.calibration.quality import FEWEST_CORNERS
from clap.worlds.robot.calibration.sampling import in_words
from clap.worlds.robot.cameras.realsense import RealSenseCamera
from clap.worlds.robot.config import Mount, RobotConfig

CORNER_COLOR = (255, 45, 85)
NEAR_METRES, NEAR_DEGREES = 0.03, 8.0
"""A suggested pose is reached well enough: that poses differ counts, not which they are."""


@dataclass(frozen=True)
class LiveView:
    """``picture`` (H, W, 3); ``corners`` seen of all that the board has; ``sentence`` says it, and why no sample can be
    taken now unless ``ready``. ``target``: the pose of the tool, world frame, to take the next one at, and the ``way``
    there in words; None for any pose that shows the whole board. ``near``: it is reached."""

    picture: NDArray[np.uint8]
    corners: int
    ready: bool
    sentence: str
    target: Pose | None
    way: str
    near: bool


def view_board(
    camera: RealSenseCamera,
    board: Board,
    state: ArmState,
    pose: NDArray[np.floating] | None,
    config: RobotConfig,
    target: Pose | None,
) -> LiveView:
    """The camera's newest image as a look; ``pose`` (4, 4): the calibration to draw by, if any. Raises CameraError."""
    image = camera.newest()
    view = board.find(image.rgb)
    corners = 0 if view is None else len(view.ids)
    picture, size = image.rgb, (image.rgb.shape[1], image.rgb.shape[0])
    if pose is not None:
        cam2world = pose if camera.config.mount is Mount.FIXED else state.tool.matrix @ pose
        overlays = [bounds_overlay(config.bounds, cam2world, image.intrinsics, size)]
        if len(state.joints) == 7 and state.is_still:  # in motion the picture is older than the joints
            base = config.arm.base
            overlays.append(robot_overlay(state.joints, state.opening, cam2world, image.intrinsics, size, base))
        picture = laid_over(picture, *overlays)
    ready = corners >= FEWEST_CORNERS and state.is_still
    near = target is not None and _near(state.tool, target)
    way = "" if target is None else in_words(state.tool, target)
    return LiveView(
        _marked(picture, view), corners, ready, _sentence(image.rgb, board, corners, state), target, way, near
    )


def _sentence(rgb: NDArray[np.uint8], board: Board, corners: int, state: ArmState) -> str:
    config = board.config
    every = len(board.corners)
    if corners == 0:
        if board.markers_in(rgb):
            return (
                f"Markers are seen, but no board of {config.columns} x {config.rows} squares: it is mostly covered, "
                "too much from the side, or another board."
            )
        return "The board is not seen. Bring all of it into the picture, facing the camera."
    if corners < FEWEST_CORNERS:
        return f"Only {corners} of {every} corners are seen. Bring all of the board into the picture."
    if not state.is_still:
        return f"{corners} of {every} corners are seen, but the arm moves. Wait until it stands still."
    return f"{corners} of {every} corners are seen, and the arm stands still."


def _marked(picture: NDArray[np.uint8], view: BoardView | None) -> NDArray[np.uint8]:
    """With a ring around every corner that is seen."""
    marked = np.ascontiguousarray(picture).copy()
    for u, v in () if view is None else view.pixels:
        # cv2 counts from pixel centres, in sixteenths here.
        cv2.circle(marked, (round(16 * (u - 0.5)), round(16 * (v - 0.5))), 16 * 4, CORNER_COLOR, 1, cv2.LINE_AA, 4)
    return marked


def _near(tool: Pose, target: Pose) -> bool:
    metres, radians = tool.distance(target)
    return bool(metres < NEAR_METRES and np.degrees(radians) < NEAR_DEGREES)
