"""One instant through more cameras than the robot has, so that training can choose which of them it had.

Both branches are to live with one to four cameras, moved and noisy: the paper's simulation has four clean ones, its
real robot a single D435i (section 5.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clap.geometry.observation import CameraFrame, Observation
from clap.worlds.tabletop.scene import CAMERA_NAMES, SINGLE_CAMERA
from clap.worlds.tabletop.sensor_noise import D435I, calibration_error, degraded
from clap.worlds.tabletop.world import TabletopWorld

Array = NDArray[np.floating]

ALL_CAMERAS = (*CAMERA_NAMES, SINGLE_CAMERA)
MOVED_BY, TURNED_BY = 0.08, 0.07
"""Half widths of a moved camera's shift (metres) and turn (rad) per axis; a fifth of it for the wrist camera."""

FOUR_CLEAN, FOUR_NOISY, SOME_MOVED = 0.4, 0.1, 0.2
"""Shares of the camera sets; the rest is the single noisy camera, half of the time moved."""

NOISE_RANGE = (0.3, 1.5)
"""How bad a noisy sensor is, relative to the D435i."""


@dataclass(frozen=True)
class Shot:
    """``observation`` with the four clean cameras; the ``single`` camera; and all five put elsewhere."""

    observation: Observation
    single: CameraFrame
    moved: tuple[CameraFrame, ...]
    moved_single: CameraFrame


def moved_poses(world: TabletopWorld, rng: np.random.Generator) -> dict[str, Array]:
    """Shifts and turns for all cameras, each relative to the camera's own frame: name -> (4, 4)."""
    shifts: dict[str, Array] = {}
    for name in ALL_CAMERAS:
        scale = 0.2 if name == "wrist" else 1.0
        x, y, z = rng.uniform(-TURNED_BY, TURNED_BY, 3) * scale
        shift = np.eye(4)
        shift[:3, :3] = np.linalg.qr(np.array([[1, -z, y], [z, 1, -x], [-y, x, 1.0]]))[0]
        shift[:3, :3] *= np.sign(np.diag(shift[:3, :3]))  # QR is free in the sign of each axis
        shift[:3, 3] = rng.uniform(-MOVED_BY, MOVED_BY, 3) * scale
        shifts[name] = shift
    return shifts


def capture(world: TabletopWorld, shifts: dict[str, Array]) -> Shot:
    """Look through all cameras, where they are and shifted."""
    rig, data = world.rig, world.data
    frames = rig.capture(data, ALL_CAMERAS)
    elsewhere = {name: rig.cam2world(data, name) @ shift for name, shift in shifts.items()}
    moved = rig.capture(data, ALL_CAMERAS, elsewhere)
    return Shot(world.observation(frames[:-1]), frames[-1], moved[:-1], moved[-1])


def draw_cameras(shot: Shot, rng: np.random.Generator) -> Observation:
    """The shot as a random set of one to four cameras saw it."""
    draw = rng.random()
    if draw < FOUR_CLEAN:
        return shot.observation
    if draw < FOUR_CLEAN + FOUR_NOISY:
        return _noisy(shot, shot.observation.frames, rng)
    if draw < FOUR_CLEAN + FOUR_NOISY + SOME_MOVED:
        # At least one camera that stands still: the wrist's alone sees next to nothing of the table.
        count = int(rng.integers(1, 4))
        fixed, rest = rng.permutation(len(CAMERA_NAMES) - 1), len(CAMERA_NAMES) - 1
        chosen = [int(fixed[0]), *rng.permutation([*map(int, fixed[1:]), rest])[: count - 1]]
        frames = tuple(shot.moved[k] for k in sorted(chosen))
        return _noisy(shot, frames, rng) if rng.random() < 0.5 else replace(shot.observation, frames=frames)
    return _noisy(shot, (shot.single if rng.random() < 0.5 else shot.moved_single,), rng)


def _noisy(shot: Shot, frames: tuple[CameraFrame, ...], rng: np.random.Generator) -> Observation:
    return replace(shot.observation, frames=noisy_frames(frames, rng))


def noisy_frames(frames: tuple[CameraFrame, ...], rng: np.random.Generator) -> tuple[CameraFrame, ...]:
    """Clean frames as depth cameras of the D435i's kind would have seen them, each slightly miscalibrated."""
    noise = D435I.scaled(float(rng.uniform(*NOISE_RANGE)))
    return tuple(degraded(frame, noise, calibration_error(noise, rng), rng) for frame in frames)
