"""Views of a scene that was moved by whole pixels: exact, because the views are orthographic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import VIEWS

Pictures = tuple[NDArray[np.uint8], NDArray[np.floating]]


def shift_in_views(shift: NDArray[np.integer]) -> NDArray[np.int64]:
    """How far a shift (..., 3) in pixels along x, y, z moves things in each view: (..., 3 views, 2) pixels (u, v)."""
    shift = np.asarray(shift)
    moves = [
        np.stack([view.u_sign * shift[..., view.u_axis], view.v_sign * shift[..., view.v_axis]], -1) for view in VIEWS
    ]
    return np.stack(moves, -2).astype(np.int64)


def shift_views(
    rgb: NDArray[np.uint8], depth: NDArray[np.floating], shift: NDArray[np.integer], edge: float
) -> Pictures:
    """The views of the scene moved by ``shift`` (3,) pixels along x, y, z.

    ``rgb`` (3, S, S, 3), ``depth`` (3, S, S) metres from the face of the cube of side ``edge`` metres, 0 = empty. Each
    view is rolled with blank fill, and its depth changes by the shift along the viewing axis; what leaves the cube is
    blank. Returns new arrays of the same shapes.
    """
    size = rgb.shape[1]
    moved_rgb, moved_depth = np.zeros_like(rgb), np.zeros_like(depth)
    for k, (view, (du, dv)) in enumerate(zip(VIEWS, shift_in_views(shift), strict=True)):
        (to_v, from_v), (to_u, from_u) = _overlap(int(dv), size), _overlap(int(du), size)
        old = depth[k][from_v, from_u]
        new = old + view.depth_sign * int(shift[view.depth_axis]) * edge / size
        seen = (old > 0) & (new > 0) & (new <= edge)
        moved_depth[k][to_v, to_u] = np.where(seen, new, 0)
        moved_rgb[k][to_v, to_u] = rgb[k][from_v, from_u] * seen[..., None]
    return moved_rgb, moved_depth


def _overlap(offset: int, size: int) -> tuple[slice, slice]:
    """Target and source ranges of a roll without wrap-around."""
    return slice(max(offset, 0), size + min(offset, 0)), slice(max(-offset, 0), size + min(-offset, 0))
