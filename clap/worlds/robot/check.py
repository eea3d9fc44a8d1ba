"""Tests a robot's configuration part by part: what is found, whether it is well, and what to do if not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np

from clap.errors import ClapError
from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame, Observation, fuse
from clap.worlds.robot.arm.client import ArmClient
from clap.worlds.robot.arm.errors import ArmError
from clap.worlds.robot.calibration.overlay import share_in_view
from clap.worlds.robot.calibration.storage import Calibration, newest
from clap.worlds.robot.cameras.realsense import RealSenseCamera
from clap.worlds.robot.cameras.realsense_device import Devices
from clap.worlds.robot.cameras.realsense_images import RgbdImage
from clap.worlds.robot.cameras.software_camera import SoftwareCamera
from clap.worlds.robot.config import ArmKind, CameraConfig, Mount, RobotConfig
from clap.worlds.robot.errors import CameraError
from clap.worlds.robot.opening import arm_options, motion_limits

WATCH_S = 2.0
"""How long a camera is watched after its first image."""

FIRST_IMAGE_S = 6.0
FEWEST_DEPTH = 0.3
SLOW = 0.6
"""Of the rate that was asked for."""

FEWEST_IN_VIEW = 0.1
FEWEST_INSIDE = 0.02


@dataclass(frozen=True)
class Finding:
    """One thing that was tested. ``next_move`` is empty if it is well; ``is_warning``: the robot can still be used."""

    part: str
    ok: bool
    sentence: str
    next_move: str = ""
    is_warning: bool = False

    @staticmethod
    def of(part: str, error: ClapError) -> Finding:
        """What failed, with what to do about it."""
        return Finding(part, False, f"{error.sentence} ({error.name})", error.next_move)


@dataclass
class Inspection:
    """What the parts share: the configuration, and what earlier parts have found, by serial number."""

    config: RobotConfig
    software: Mapping[str, SoftwareCamera] = field(default_factory=dict)
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    images: dict[str, RgbdImage] = field(default_factory=dict)


Part = Callable[[Inspection], Iterator[Finding]]


def inspect(config: RobotConfig, software: Mapping[str, SoftwareCamera] | None = None) -> Iterator[Finding]:
    """Test every part in turn; each finding comes as soon as it is there. A part that fails stops no other one."""
    inspection = Inspection(config, software or {})
    for part in PARTS:
        yield from part(inspection)


def check_arm(inspection: Inspection) -> Iterator[Finding]:
    """Does the arm answer, may it move, and is its tool where the world's workspace is?"""
    config = inspection.config
    if config.arm.kind is ArmKind.NONE:
        yield Finding("arm", True, "There is none: this world is only looked at.")
        return
    arm = ArmClient(config.arm.kind.value, arm_options(config))
    try:
        arm.wait()
        state = arm.check_ready()
    except ArmError as error:
        yield Finding.of("arm", error)
        return
    finally:
        arm.close()
    tool = ", ".join(f"{value:.3f}" for value in state.tool.position)
    sentence = (
        f"{config.arm.kind.value} at {config.arm.address}: {state.mode.value}, tool at ({tool}) m, hand open "
        f"{1000 * state.width:.0f} of {1000 * state.widest:.0f} mm."
    )
    objection = motion_limits(config).against_target(np.asarray(state.tool.position))
    if state.widest <= 0:
        move = "Home the gripper, which moves its fingers: python -m clap.worlds.robot home-gripper CONFIG"
        yield Finding("arm", False, sentence, move)
    elif objection is not None:
        move = "Guide it inside by hand, or correct base_position, base_yaw or the workspace."
        yield Finding("arm", False, f"{sentence} {objection.sentence}", move, is_warning=True)
    else:
        yield Finding("arm", True, sentence)


def check_calibration(inspection: Inspection) -> Iterator[Finding]:
    """Is there a calibration of each camera, of the right mount, and how old and how certain is it?"""
    config, now = inspection.config.calibration, datetime.now(timezone.utc)
    for camera in inspection.config.cameras:
        try:
            found = newest(config.folder, camera)
        except ClapError as error:
            yield Finding.of("calibration", error)
            continue
        inspection.calibrations[camera.serial] = found
        warning = found.age_warning(config, now)
        if warning:
            yield Finding("calibration", False, warning, "Calibrate it again, or check the overlay.", is_warning=True)
        else:
            yield Finding(
                "calibration",
                True,
                f"{_called(camera)}: {max(0.0, found.age_days(now)):.0f} days old, {found.rms_pixels:.2f} px, "
                f"certain to {found.uncertainty_mm:.1f} mm and {found.uncertainty_degrees:.2f} degrees.",
            )


def check_cameras(inspection: Inspection) -> Iterator[Finding]:
    """Does each camera open and give images with depth, as fast as it should?"""
    devices = Devices(inspection.software)
    for config in inspection.config.cameras:
        camera = RealSenseCamera(config, devices)
        try:
            yield _watched(inspection, camera)
        except CameraError as error:
            yield Finding.of("cameras", error)
        finally:
            camera.close()


def _watched(inspection: Inspection, camera: RealSenseCamera) -> Finding:
    config = camera.config
    inspection.images[config.serial] = camera.newest(FIRST_IMAGE_S)
    time.sleep(WATCH_S)
    status = camera.status()
    image = inspection.images[config.serial] = camera.newest()
    seen = float((image.depth > 0).mean())
    height, width = image.depth.shape
    age = "" if status.age is None else f", {1000 * status.age:.0f} ms old"
    sentence = (
        f"{_called(config)}: {width} x {height}, {status.rate:.0f} images a second, {status.dropped} dropped, depth in "
        f"{100 * seen:.0f} % of the pixels{age}."
    )
    if seen < FEWEST_DEPTH:
        return Finding("cameras", False, sentence, "Uncover the lenses, and check the distance and the light.")
    if status.rate < SLOW * config.fps and config.file is None:
        move = f"{config.fps} a second are asked for: use a USB 3 port and cable, or set a lower fps."
        return Finding("cameras", False, sentence, move, is_warning=True)
    return Finding("cameras", True, sentence)


def check_bounds(inspection: Inspection) -> Iterator[Finding]:
    """Do the cameras see the workspace, and do they see anything in it? Wrong bounds silently break the policy."""
    config = inspection.config
    workspace = config.bounds.workspace
    for box in config.bounds.keep_out:
        touching = np.less(box.low, workspace.high) & np.less(workspace.low, box.high)
        if not touching.all():
            sentence = f"The keep-out box '{box.name}' lies outside the workspace."
            yield Finding("bounds", False, sentence, "Correct it if it was meant to be inside.", is_warning=True)
    if not workspace.low[2] <= config.limits.lowest_height < workspace.high[2]:
        sentence = f"The lowest height {config.limits.lowest_height:g} m lies outside the workspace."
        yield Finding("bounds", False, sentence, "Correct lowest_height or the workspace.")
    for camera in config.cameras:
        calibration, image = inspection.calibrations.get(camera.serial), inspection.images.get(camera.serial)
        # Where a camera on the gripper looks depends on where the arm is.
        if camera.mount is Mount.FIXED and calibration is not None and image is not None:
            yield _bounds_seen(config, camera, calibration, image)


def _bounds_seen(config: RobotConfig, camera: CameraConfig, calibration: Calibration, image: RgbdImage) -> Finding:
    workspace, cam2world = config.bounds.workspace, calibration.matrix
    height, width = image.depth.shape
    in_view = share_in_view(workspace, cam2world, image.intrinsics, (width, height))
    frame = CameraFrame(camera.name, image.rgb, image.depth, image.intrinsics, cam2world, image.captured)
    still = np.zeros(7)
    nowhere = Pose(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))
    try:
        inside = len(fuse(Observation((frame,), nowhere, 1.0, still, still, 0.0), workspace)) / image.depth.size
    except ClapError as error:
        return Finding.of("bounds", error)
    sentence = (
        f"{_called(camera)}: {100 * in_view:.0f} % of the workspace is in its view, and {100 * inside:.0f} % of its "
        "pixels lie in the workspace."
    )
    if in_view < FEWEST_IN_VIEW or inside < FEWEST_INSIDE:
        return Finding("bounds", False, sentence, "Correct the bounds or the calibration, or turn the camera.")
    return Finding("bounds", True, sentence)


def _called(camera: CameraConfig) -> str:
    return f"{camera.name} ({camera.serial})"


PARTS: tuple[Part, ...] = (check_arm, check_calibration, check_cameras, check_bounds)
"""In this order, as later ones use what earlier ones have found."""
