"""Pictures to judge a calibration by eye: the robot's own model and the bounds, drawn over an image."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clap.geometry.frames import Pose, Workspace
from clap.robots.fr3 import FINGER_TRAVEL, ROBOT_BASE, robot_only_model
from clap.worlds.robot.calibration.samples import SampleIndex, read_image
from clap.worlds.robot.calibration.storage import Calibration
from clap.worlds.robot.config import BoundsConfig, Mount, RobotConfig

Array = NDArray[np.floating]

NEAREST = 0.05
"""Metres from the camera; what is nearer is not drawn."""

ROBOT_COLOR = (64, 196, 255)
WORKSPACE_COLOR = (80, 220, 120)
KEEP_OUT_COLOR = (255, 90, 80)
OPACITY = 140

BOX_EDGES = tuple((a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit)
"""Pairs of a box's corners; bit k of a corner's number says whether it is high on axis k."""


def robot_overlay(
    joints: Array,
    gripper_open: float,
    cam2world: Array,
    intrinsics: Array,
    size: tuple[int, int],
    base: Pose | None = None,
) -> NDArray[np.uint8]:
    """(H, W, 4) RGBA: the FR3 where the calibration has it, clear elsewhere.

    ``joints`` (7,) rad; ``gripper_open`` 0 to 1; ``cam2world`` (4, 4) and ``intrinsics`` (3, 3) as of a CameraFrame;
    ``size`` (width, height); ``base``: world pose of the robot's base, by default where the project has it.

    Drawn by the painter's algorithm without OpenGL, whose context would belong to one thread.
    """
    triangles = _robot_triangles(np.asarray(joints, float), gripper_open)
    if base is not None:
        triangles = (triangles - np.array(ROBOT_BASE)) @ base.rotation.T + base.position
    seen = _to_camera(triangles, cam2world)
    front = (seen[..., 2] > NEAREST).all(1)
    normals = np.cross(seen[:, 1] - seen[:, 0], seen[:, 2] - seen[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    facing = -np.einsum("ij,ij->i", normals, seen.mean(1)) / np.maximum(
        lengths * np.linalg.norm(seen.mean(1), axis=1), 1e-12
    )
    keep = front & (facing > 0)
    order = np.argsort(-seen[keep][..., 2].mean(1))
    pixels = _project(seen[keep][order], intrinsics)
    shades = 0.35 + 0.65 * facing[keep][order]
    image = np.zeros((size[1], size[0], 4), np.uint8)
    # cv2 counts from pixel centres, in sixteenths here.
    corners = np.round((np.clip(pixels, -4 * max(size), 5 * max(size)) - 0.5) * 16).astype(np.int32)
    for triangle, shade in zip(corners, shades, strict=True):
        color = (*(int(channel * shade) for channel in ROBOT_COLOR), OPACITY)
        cv2.fillConvexPoly(image, triangle, color, cv2.LINE_8, 4)
    return image


def bounds_overlay(
    bounds: BoundsConfig, cam2world: Array, intrinsics: Array, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """(H, W, 4) RGBA: the edges of the workspace (green) and of the keep-out boxes (red); arguments as above."""
    image = np.zeros((size[1], size[0], 4), np.uint8)
    boxes = [(bounds.workspace.low, bounds.workspace.high, WORKSPACE_COLOR)]
    boxes += [(box.low, box.high, KEEP_OUT_COLOR) for box in bounds.keep_out]
    for low, high, color in boxes:
        for start, end in _to_camera(box_edges(low, high), cam2world):
            clipped = _clip(start, end)
            if clipped is not None:
                ends = np.clip(_project(np.array(clipped), intrinsics) - 0.5, -30_000, 30_000).round().astype(int)
                cv2.line(image, ends[0].tolist(), ends[1].tolist(), (*color, 255), 2)
    return image


def box_edges(low: tuple[float, ...], high: tuple[float, ...]) -> Array:
    """(12, 2, 3) metres: the edges of a box as pairs of points, to be drawn over a cloud."""
    corners = np.array([[(low, high)[bool(k & bit)][axis] for axis, bit in enumerate((1, 2, 4))] for k in range(8)])
    return corners[np.array(BOX_EDGES)]


def share_in_view(workspace: Workspace, cam2world: Array, intrinsics: Array, size: tuple[int, int]) -> float:
    """The share of the workspace's volume, 0 to 1, that lies in the camera's image."""
    steps = (np.arange(12) + 0.5) / 12
    grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    low, high = np.array(workspace.low), np.array(workspace.high)
    seen = _to_camera(low + grid * (high - low), cam2world)
    front = seen[:, 2] > NEAREST
    pixels = _project(np.where(front[:, None], seen, [0, 0, 1.0]), intrinsics)
    return float((front & (pixels >= 0).all(1) & (pixels < size).all(1)).mean())


def laid_over(rgb: NDArray[np.uint8], *overlays: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image (H, W, 3) with overlays (H, W, 4) on it."""
    out: Array = rgb.astype(float)
    for overlay in overlays:
        alpha = overlay[..., 3:] / 255
        out = out * (1 - alpha) + overlay[..., :3] * alpha
    return np.round(out).astype(np.uint8)


@functools.cache
def _model() -> mujoco.MjModel:
    return robot_only_model()


def _robot_triangles(joints: Array, gripper_open: float) -> Array:
    """(triangles, 3 corners, 3) world metres of the meshes that the simulator draws too."""
    model = _model()
    data = mujoco.MjData(model)
    data.qpos[:7] = joints
    data.qpos[7:9] = FINGER_TRAVEL * np.clip(gripper_open, 0, 1)
    mujoco.mj_kinematics(model, data)
    out = []
    for geom in range(model.ngeom):
        mesh = model.geom_dataid[geom]
        if model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_MESH or mesh < 0:
            continue
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        vertices = model.mesh_vert[first : first + count] @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]
        first, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
        out.append(vertices[model.mesh_face[first : first + count]])
    return np.concatenate(out)


def _to_camera(points: Array, cam2world: Array) -> Array:
    world2cam = np.linalg.inv(cam2world)
    return points @ world2cam[:3, :3].T + world2cam[:3, 3]


def _project(points: Array, intrinsics: Array) -> Array:
    return points[..., :2] / points[..., 2:] * np.diag(intrinsics)[:2] + np.asarray(intrinsics)[:2, 2]


def _clip(start: Array, end: Array) -> tuple[Array, Array] | None:
    """The part of a line that lies before the camera, or None."""
    if start[2] < end[2]:
        start, end = end, start
    if start[2] <= NEAREST:
        return None
    if end[2] < NEAREST:
        end = start + (end - start) * (start[2] - NEAREST) / (start[2] - end[2])
    return start, end


def save_pictures(target: Path, folder: Path, index: SampleIndex, calibration: Calibration, config: RobotConfig) -> int:
    """Write one PNG for each sample into ``target``, the model only where joints are known; returns how many."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in index.samples:
        grey = read_image(folder, entry)
        size = (grey.shape[1], grey.shape[0])
        cam2world = calibration.matrix
        if calibration.mount is Mount.HAND:
            cam2world = entry.tool.matrix @ cam2world
        overlays = [bounds_overlay(config.bounds, cam2world, index.intrinsics, size)]
        if entry.joints is not None:
            joints = np.array(entry.joints)
            overlays.append(robot_overlay(joints, 0.0, cam2world, index.intrinsics, size, config.arm.base))
        Image.fromarray(laid_over(np.stack([grey] * 3, -1), *overlays)).save(target / entry.image)
    return len(index.samples)
