"""Augmentation of zoomed views that stays exact: what is drawn into one view is drawn into all, and targets move along.

One compiled pass over the pixels: it costs half a millisecond a sample, against fifty for the training step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clap.geometry.compiled import compiled
from clap.geometry.frames import TABLE_TOP, VIEWS, Array
from training.predictor.rotations import turn
from training.predictor.samples import Samples

MARGIN = 0.12
"""Local units (1.5 cm in clap-mini's window) that a shifted target keeps from the faces of the window."""

TABLE_BAND = 0.006
"""Metres around the table top within which a pixel counts as table: depth noise, and what a splat paints beyond."""

CLUTTER_GAP = 0.04
"""Metres that pasted clutter keeps from the target, across the table: the thing acted on stays visible from above."""

RECOLOR_SHARE, PATTERN_SHARE, CLUTTER_SHARE, NOISE_SHARE, HOLE_SHARE = 0.5, 0.3, 0.3, 0.5, 0.3
"""Shares of the samples with another table colour, of these with a striped one, with clutter, with depth noise, and of
the views with a hole."""

SMOOTH_NOISE, PIXEL_NOISE = 0.003, 0.005
"""Largest depth errors in metres: smooth over the view, and independent in each pixel (a D435i's at 0.5 to 1 m)."""

KNOTS = 5
"""Points along one side of a view between which the smooth noise is interpolated."""

TURNED_SHARE = 0.75
"""Share of the samples that are turned about the vertical; the rest keeps the sharp edges of what was rendered."""

_AXES = np.array([[v.u_axis, v.u_sign, v.v_axis, v.v_sign, v.depth_axis, v.depth_sign] for v in VIEWS], np.int64)


@dataclass(frozen=True)
class Change:
    """What is done to one sample; the default does nothing. Lengths are in window edges, from the window's low corner.

    ``cells`` (3,) whole pixels by which everything moves along x, y, z; then colours become ``gain`` * value +
    ``offset`` plus grey noise up to ``grain``. Pixels within ``band`` of the height ``table`` take ``table_colors``
    (2, 3), shaded as before, in stripes across ``stripes`` (x, y, phase). ``clutter`` (7,) is a box's centre and half
    sizes, or with a one at the end a ball's. ``smooth`` (3, K, K) and ``pixel_noise`` are errors of the depth;
    ``holes`` (3, 4) rows and columns from, to; ``drop`` of 256 pixels are lost.
    """

    cells: NDArray[np.integer] = field(default_factory=lambda: np.zeros(3, np.int64))
    gain: Array = field(default_factory=lambda: np.ones(3))
    offset: float = 0.0
    grain: float = 0.0
    table: float = 0.0
    band: float = 0.0
    table_colors: Array = field(default_factory=lambda: np.zeros((2, 3)))
    stripes: Array = field(default_factory=lambda: np.zeros(3))
    clutter: Array = field(default_factory=lambda: np.zeros(7))
    clutter_color: Array = field(default_factory=lambda: np.zeros(3))
    smooth: Array = field(default_factory=lambda: np.zeros((3, 2, 2)))
    pixel_noise: float = 0.0
    holes: NDArray[np.integer] = field(default_factory=lambda: np.zeros((3, 4), np.int64))
    drop: int = 0
    seed: int = 1

    @staticmethod
    def draw(position: Array, height: float, edge: float, size: int, reach: float, rng: np.random.Generator) -> Change:
        """A random change for a target at ``position`` (3,) local, in a window at ``height`` with ``edge`` metres."""
        cells = _draw_shift(position, size, reach, rng)
        position, height = position + cells * 2 / size, height - cells[2] / size
        table = TABLE_TOP / edge - height + 0.5
        contrast, noisy, striped = rng.uniform(0.8, 1.2), rng.random() < NOISE_SHARE, rng.random() < PATTERN_SHARE
        return Change(
            cells=cells,
            gain=contrast * rng.uniform(0.6, 1.35) * rng.uniform(0.87, 1.15, 3),
            offset=118 * (1 - contrast) + rng.uniform(-15, 15),
            grain=rng.uniform(0, 12),
            table=table,
            band=TABLE_BAND / edge * (rng.random() < RECOLOR_SHARE),
            table_colors=rng.uniform(20, 245, (2, 3)),
            stripes=rng.uniform(-25, 25, 3) if striped else np.zeros(3),
            clutter=_draw_clutter((position + 1) / 2, table, edge, rng),
            clutter_color=rng.uniform(10, 250, 3),
            smooth=noisy * rng.uniform(0, SMOOTH_NOISE / edge) * rng.uniform(-1, 1, (3, KNOTS, KNOTS)),
            pixel_noise=noisy * rng.uniform(0, PIXEL_NOISE / edge),
            holes=_draw_holes(size, rng),
            drop=int(rng.choice([0, 5, 20])),
            seed=int(rng.integers(1, 2**63)),
        )

    def apply(
        self, rgb: NDArray[np.uint8], depth: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Views ``rgb`` (3, S, S, 3) and ``depth`` (3, S, S) in window edges, changed. What enters is blank; what
        leaves, in depth too, is cropped: the same as rendering another window, up to what was hidden."""
        new_rgb, new_depth = np.empty_like(rgb), np.empty_like(depth)
        colors = np.concatenate([self.gain, [self.offset, self.grain], self.table_colors.ravel(), self.clutter_color])
        _draw(
            rgb, depth, np.asarray(self.cells, np.int64), _AXES, colors.astype(np.float32), float(self.table),
            float(self.band), np.asarray(self.stripes, float), np.asarray(self.clutter, float),
            np.asarray(self.smooth, np.float32), np.float32(self.pixel_noise), np.asarray(self.holes, np.int64),
            self.drop, np.uint64(self.seed), new_rgb, new_depth,
        )  # fmt: skip
        return new_rgb, new_depth


def augment(samples: Samples, rng: np.random.Generator, reach: float = 0.2, turned: float = TURNED_SHARE) -> Samples:
    """Turn, shift, recolour, clutter, add noise and drop pixels; positions, heights and rotations move along.

    ``reach`` is the largest shift in local units per axis (0.2 = 2.5 cm in clap-mini's window), ``turned`` the share of
    the samples that are turned.
    """
    size = samples.depth.shape[-1]
    rgb, depth = np.empty_like(samples.rgb), np.empty_like(samples.depth)
    position, height, targets = samples.position.copy(), samples.height.copy(), list(samples.targets)
    for k, target in enumerate(samples.targets):
        colors, depths = samples.rgb[k], samples.depth[k]
        if rng.random() < turned:
            colors, depths, targets[k] = turn(colors, depths, target, rng)
            position[k] = targets[k].position
        change = Change.draw(position[k], float(height[k]), target.edge, size, reach, rng)
        rgb[k], depth[k] = change.apply(colors, depths)
        position[k] += change.cells * 2 / size
        height[k] -= change.cells[2] / size
    return Samples(rgb, depth, position, height, targets)


def _draw_shift(position: Array, size: int, reach: float, rng: np.random.Generator) -> NDArray[np.int64]:
    limit = np.maximum(1 - MARGIN - np.abs(position), 0)
    shift = rng.uniform(-reach, reach, 3)
    toward_face = np.sign(shift) == np.sign(position)
    return np.trunc(np.where(toward_face, np.clip(shift, -limit, limit), shift) * size / 2).astype(np.int64)


def _draw_clutter(position: Array, table: float, edge: float, rng: np.random.Generator) -> Array:
    ball = rng.random() < 0.4
    half = (np.full(3, rng.uniform(0.012, 0.035)) if ball else rng.uniform(0.01, 0.035, 3)) / edge
    if rng.random() < CLUTTER_SHARE:
        for _ in range(10):
            center = np.append(rng.uniform(0, 1, 2), max(table, 0.0) + half[2])
            if np.linalg.norm(center[:2] - position[:2]) > CLUTTER_GAP / edge + np.linalg.norm(half[:2]):
                return np.array([*center, *half, ball])
    return np.zeros(7)


def _draw_holes(size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    start = rng.integers(0, size, (3, 2))
    length = rng.integers(1, max(2, size // 8), (3, 2)) * (rng.random((3, 1)) < HOLE_SHARE)
    return np.stack([start[:, 0], start[:, 0] + length[:, 0], start[:, 1], start[:, 1] + length[:, 1]], 1)


@compiled
def _table_brightness(rgb, depth, axes, table, band):
    """Mean brightness of the table as the top view shows it, 0 if it does not."""
    size, total, count = depth.shape[1], 0.0, 0
    for k in range(3):
        if axes[k, 4] != 2:
            continue
        for row in range(size):
            for column in range(size):
                d = depth[k, row, column]
                if d > 0 and abs((d if axes[k, 5] > 0 else 1 - d) - table) < band:
                    total += float(rgb[k, row, column, 0]) + rgb[k, row, column, 1] + rgb[k, row, column, 2]
                    count += 3
    return total / count if count > 0 else 0.0


@compiled
def _hit(clutter, point, axis, sign):
    """Depth in window edges at which a ray parallel to ``axis`` through ``point`` meets the clutter, and the shade of
    the surface there; depth 2 if it passes."""
    u, v = (axis + 1) % 3, (axis + 2) % 3
    du, dv = abs(point[u] - clutter[u]), abs(point[v] - clutter[v])
    middle = clutter[axis] if sign > 0 else 1 - clutter[axis]
    if clutter[6] > 0:
        inside = clutter[3] * clutter[3] - du * du - dv * dv
        if inside <= 0:
            return 2.0, 1.0
        reach = np.sqrt(inside)
        return middle - reach, 0.6 + 0.4 * reach / clutter[3]
    if du > clutter[3 + u] or dv > clutter[3 + v]:
        return 2.0, 1.0
    return middle - clutter[3 + axis], 0.75 + 0.125 * axis


@compiled
def _draw(rgb, depth, cells, axes, colors, table, band, stripes, clutter, smooth, pixel_noise, holes, drop, seed,
          new_rgb, new_depth):  # fmt: skip
    """``Change.apply`` into ``new_rgb``, ``new_depth``; ``colors`` (14,): gain, offset, grain, table's, clutter's."""
    size, knots = depth.shape[1], smooth.shape[1]
    point, value = np.empty(3), np.empty(3, np.float32)
    old_table = table - cells[2] / size
    brightness = _table_brightness(rgb, depth, axes, old_table, band) if band > 0 else 0.0
    state = seed
    for k in range(3):
        u_axis, v_axis, d_axis = axes[k, 0], axes[k, 2], axes[k, 4]
        down, right = axes[k, 3] * cells[v_axis], axes[k, 1] * cells[u_axis]
        away = np.float32(axes[k, 5] * cells[d_axis] / size)
        for row in range(size):
            for column in range(size):
                state ^= state << np.uint64(13)
                state ^= state >> np.uint64(7)
                state ^= state << np.uint64(17)
                d, old_row, old_column = np.float32(0), row - down, column - right
                if 0 <= old_row < size and 0 <= old_column < size and depth[k, old_row, old_column] > 0:
                    d = depth[k, old_row, old_column] + away
                    if d > 1 or d < 0:
                        d = np.float32(0)
                u, v = (column + 0.5) / size, (row + 0.5) / size
                point[u_axis] = u if axes[k, 1] > 0 else 1 - u
                point[v_axis] = v if axes[k, 3] > 0 else 1 - v
                if d > 0:
                    point[d_axis] = d if axes[k, 5] > 0 else 1 - d
                    for c in range(3):
                        value[c] = rgb[k, old_row, old_column, c]
                    if brightness > 0 and abs(point[2] - table) < band:
                        shade = min(max((value[0] + value[1] + value[2]) / (3 * brightness), 0.5), 1.5)
                        second = np.sin(stripes[0] * point[0] + stripes[1] * point[1] + stripes[2]) > 0
                        for c in range(3):
                            value[c] = shade * (colors[8 + c] if second else colors[5 + c])
                if clutter[3] > 0:
                    reached, shade = _hit(clutter, point, d_axis, axes[k, 5])
                    if 0 < reached <= 1 and (d == 0 or reached < d):
                        d = np.float32(reached)
                        for c in range(3):
                            value[c] = shade * colors[11 + c]
                hole = holes[k, 0] <= row < holes[k, 1] and holes[k, 2] <= column < holes[k, 3]
                if d <= 0 or hole or np.int64(state >> np.uint64(56)) < drop:
                    new_depth[k, row, column] = 0
                    for c in range(3):
                        new_rgb[k, row, column, c] = 0
                    continue
                grain = np.float32(np.int64((state >> np.uint64(40)) & np.uint64(255)) - 128) * colors[4] / 128
                for c in range(3):
                    new_rgb[k, row, column, c] = np.uint8(
                        min(max(value[c] * colors[c] + colors[3] + grain, np.float32(1)), np.float32(255))
                    )
                if pixel_noise > 0:
                    y, x = v * (knots - 1), u * (knots - 1)
                    r, s = int(y), int(x)
                    y, x = y - r, x - s
                    low = smooth[k, r, s] * (1 - x) + smooth[k, r, s + 1] * x
                    high = smooth[k, r + 1, s] * (1 - x) + smooth[k, r + 1, s + 1] * x
                    d += np.float32(low * (1 - y) + high * y)
                    d += pixel_noise * np.float32(np.int64((state >> np.uint64(16)) & np.uint64(65535)) - 32768) / 32768
                    d = min(max(d, np.float32(4e-4)), np.float32(1))
                new_depth[k, row, column] = d
