"""What a stereo depth camera such as the RealSense D435i does to a perfect image: noise, holes, calibration error.

Depth noise follows the stereo equation: a disparity error of ``subpixel`` px gives a depth error of
z^2 * subpixel / (focal * baseline). Part of it is smooth over patches, as matching windows make it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clap.geometry.observation import CameraFrame

Array = NDArray[np.floating]


@dataclass(frozen=True)
class SensorNoise:
    """``subpixel`` RMS disparity error, px; ``baseline`` of the stereo pair, metres; ``edge_jump`` depth step, metres,
    from which matching fails at the far side; ``holes`` share of the image lost in patches; ``color`` RMS noise of
    the colours, 0 .. 255; ``rotation`` (rad) and ``translation`` (metres): RMS calibration error per axis."""

    subpixel: float = 0.08
    baseline: float = 0.05
    edge_jump: float = 0.03
    holes: float = 0.01
    color: float = 3.0
    rotation: float = 0.003
    translation: float = 0.002

    def scaled(self, factor: float) -> SensorNoise:
        """The same sensor, ``factor`` times as bad."""
        names = ("subpixel", "holes", "color", "rotation", "translation")
        return replace(self, **{name: factor * getattr(self, name) for name in names})


D435I = SensorNoise()
"""Intel states a depth RMS error below 2 % at 2 m; 0.08 px with a 50 mm baseline gives 0.7 % there, and 0.4 cm at
1.1 m, as tuned cameras are reported to reach."""


def calibration_error(noise: SensorNoise, rng: np.random.Generator) -> Array:
    """A wrong extrinsic calibration: (4, 4) transform to apply in the camera's own frame."""
    angles = rng.normal(0, noise.rotation, 3)
    x, y, z = angles
    error = np.eye(4)
    # First order is exact enough: the angles are below a hundredth.
    error[:3, :3] += np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    error[:3, 3] = rng.normal(0, noise.translation, 3)
    return error


def degraded(frame: CameraFrame, noise: SensorNoise, error: Array, rng: np.random.Generator) -> CameraFrame:
    """The frame as the sensor would give it; ``error`` (4, 4) as from ``calibration_error``."""
    depth = _noisy_depth(frame.depth, float(frame.intrinsics[0, 0]), noise, rng)
    rgb = frame.rgb
    if noise.color > 0:
        grain = rng.integers(-128, 128, frame.rgb.shape, dtype=np.int8) * np.float32(noise.color / 74)
        rgb = np.clip(frame.rgb + grain, 0, 255).astype(np.uint8)
    return replace(frame, rgb=rgb, depth=depth, cam2world=frame.cam2world @ error)


def _noisy_depth(
    depth: NDArray[np.float32], focal: float, noise: SensorNoise, rng: np.random.Generator
) -> NDArray[np.float32]:
    seen = depth > 0
    disparity_error = noise.subpixel * (0.8 * _smooth(depth.shape, 6, rng) + 0.6 * _white(depth.shape, rng))
    scale = focal * noise.baseline
    disparity = scale / np.where(seen, depth, 1) + disparity_error
    noisy = np.where(seen, scale / np.maximum(disparity, 1e-3), 0).astype(np.float32)
    noisy[_shadowed(depth, noise.edge_jump) & (rng.random(depth.shape, np.float32) < 0.7)] = 0
    if noise.holes > 0:
        patches = _smooth(depth.shape, 12, rng)
        noisy[patches > np.quantile(patches[::4, ::4], 1 - min(noise.holes, 0.5))] = 0
    return noisy


def _white(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.standard_normal(shape, np.float32)


def _smooth(shape: tuple[int, ...], cell: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of unit variance (about) that is smooth over ``cell`` pixels."""
    height, width = shape
    coarse = rng.standard_normal((height // cell + 2, width // cell + 2), np.float32)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)) * np.float32(1.25)


def _shadowed(depth: NDArray[np.float32], jump: float) -> NDArray[np.bool_]:
    """Pixels within two of a depth step, on its far side: the second eye does not see them."""
    far = np.where(depth > 0, depth, np.float32(1e3))
    shadow = np.zeros(depth.shape, np.bool_)
    for step in (1, 2):
        near_left, near_right = far[:, :-step] < far[:, step:] - jump, far[:, step:] < far[:, :-step] - jump
        shadow[:, step:] |= near_left
        shadow[:, :-step] |= near_right
    return shadow & (depth > 0)
