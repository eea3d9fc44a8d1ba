"""Painted scenes with zooms, as a folder that a retraining rehearses: made in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from clap.geometry.frames import Workspace
from clap.geometry.views import CanonicalViews
from tests.support.synthetic_shards import make_scene
from training.data.shards import ShardWriter

ZOOM = 112


def _views(rgb: np.ndarray, depth: np.ndarray, workspace: Workspace) -> CanonicalViews:
    return CanonicalViews(rgb, depth, np.zeros((*depth.shape, 3), np.float32), depth > 0, workspace)


def write_rehearsal(folder: Path, shards: int = 1, scenes: int = 12) -> Path:
    """Write the shards; a zoom is the middle of a scene, around its keypoint."""
    for number in range(shards):
        rng, writer = np.random.default_rng(number), ShardWriter()
        for index in range(scenes):
            rgb, depth, record = make_scene(rng, trajectory=index % 2 == 1)
            zooms = []
            if record["kind"] == "trajectory":
                window = Workspace().zoomed(np.clip(record["keypoint"], (-0.29, -0.49, 0.61), (0.69, 0.49, 1.59)))
                near = np.where(depth[:, :ZOOM, :ZOOM] > 0, 0.1, 0).astype(np.float32)
                zooms = [_views(rgb[:, :ZOOM, :ZOOM], near, window)]
            writer.add(record, _views(rgb, depth, Workspace()), zooms)
        writer.write(folder, number)
    return folder
