"""Trajectory records as samples of RVT-2's two branches: what is told is the task sentence, never a step.

The shards, the held-out part and the augmentation are those of our own fine predictor; the coarse branch's views are
shifted as the planner's are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clap.geometry.frames import Workspace
from clap.policies.planner.text_format import normalise
from training.baselines.rvt2 import COARSE
from training.data.shards import TrainingDataError
from training.planner.scenes import Scene, random_shift, shift_scene
from training.predictor.augmentation import augment
from training.predictor.samples import HELD_OUT_SHARE, Samples, Target, ZoomData, target_of, zooms_of


class BranchData(ZoomData):
    """One branch's samples: canonical views with keypoints, or zooms with actions. ``Target.step`` is the sentence.

    Raises TrainingDataError if there is nothing to train on, or the records do not know their sentence.
    """

    def __init__(self, folder: Path | str, branch: str, held_out: float = HELD_OUT_SHARE):
        self.branch, self.images = branch, "views" if branch == COARSE else "zooms"
        super().__init__(folder, held_out)

    def targets(self, number: int, record: dict[str, Any]) -> list[tuple[int, Target]]:
        """See ``ZoomData``; a canonical view's answer is the keypoint, a zoom's the action."""
        if not record.get("instruction"):
            raise TrainingDataError(
                f"The records in {self.folder} do not say which task instruction they belong to.",
                "Generate the data anew with this version, into an empty folder.",
            )
        sentence = normalise(record["instruction"])
        if self.branch == COARSE:
            return [(number, target_of(record, Workspace(), record["keypoint"], sentence))]
        point = record["action"]["position"]
        return [(row, target_of(record, window, point, sentence)) for row, window in zooms_of(record)]

    def draw(self, indices: np.ndarray, rng: np.random.Generator) -> Samples:
        """Training samples, augmented."""
        samples = self.read(indices)
        if self.branch == COARSE:
            # The predictor's shift goes as far up as sideways; the table of a whole scene stays nearly where it is, and
            # no robot stands on its other side.
            return augment(_shifted(samples, rng), rng, reach=0.0, turned=0.0)
        return augment(samples, rng)


def _shifted(samples: Samples, rng: np.random.Generator) -> Samples:
    """Canonical views, each scene moved by whole pixels in 3D as far as the planner's are."""
    workspace = Workspace()
    edge = np.float32(2 * workspace.half_extent)
    moved = []
    for rgb, depth, local in zip(samples.rgb, samples.depth, samples.position, strict=True):
        scene = Scene(rgb, depth * edge, ("keypoint",), workspace.to_world(local)[None], None, (True,), None)
        moved.append(shift_scene(scene, random_shift(scene, rng, workspace), workspace))
    position = workspace.to_local(np.concatenate([scene.positions for scene in moved]))
    return replace(
        samples,
        rgb=np.stack([scene.rgb for scene in moved]),
        depth=np.stack([scene.depth for scene in moved]).astype(np.float32) / edge,
        position=position,
        height=samples.height - (position - samples.position)[:, 2] / 2,
    )
