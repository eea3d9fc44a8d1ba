"""Pictures of a calibration's samples with the robot's own model drawn over them, which shows an error by eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from clap.worlds.robot.calibration.overlay import bounds_overlay, laid_over, robot_overlay
from clap.worlds.robot.calibration.samples import SampleIndex, read_image
from clap.worlds.robot.calibration.storage import Calibration
from clap.worlds.robot.config import Mount, RobotConfig


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
