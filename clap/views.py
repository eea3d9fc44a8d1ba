"""Cloud to canonical views: orthographic z-buffer rendering of the three views (paper, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.geometry import IMAGE_SIZE, Workspace
from clap.observation import PointCloud


@dataclass(frozen=True)
class CanonicalViews:
    """Front, left and top view of a cloud, in the order of ``geometry.VIEWS``.

    ``rgb`` (3, S, S, 3) uint8, black where nothing was seen; ``depth`` (3, S, S) float32 metres from the face of
    the workspace cube that the view looks through, 0 = empty; ``xyz`` (3, S, S, 3) float32 world metres of the
    point drawn, 0 where empty; ``mask`` (3, S, S) bool, True where a point was drawn.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    xyz: NDArray[np.float32]
    mask: NDArray[np.bool_]
    workspace: Workspace

    @property
    def size(self) -> int:
        """Side of a view in pixels."""
        return int(self.rgb.shape[1])


def render_views(cloud: PointCloud, workspace: Workspace, size: int = IMAGE_SIZE, splat: int = 1) -> CanonicalViews:
    raise NotImplementedError  # being written
