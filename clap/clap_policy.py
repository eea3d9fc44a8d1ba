"""CLAP itself behind the policy protocol: coarse task planner, lift, zoom, fine action predictor (paper, section 4)."""

from __future__ import annotations

import time
from pathlib import Path

from clap.checkpoint import open_checkpoint
from clap.geometry import Pose, Workspace, lift
from clap.observation import Observation, fuse
from clap.planner import CoarseTaskPlanner
from clap.policy import OnText
from clap.prediction import LocatedObject, Plan, Prediction
from clap.predictor import FineActionPredictor
from clap.views import render_views
from clap.worlds.world import Action

COARSE_SPLAT, FINE_SPLAT = 1, 2
"""Radius in pixels that a point paints: in the window, points lie four times as far apart."""


class ClapPolicy:
    """Two rounds of the planner, then the fine stage in the window around the lifted keypoint."""

    is_expert = False

    def __init__(
        self,
        planner: CoarseTaskPlanner,
        predictor: FineActionPredictor,
        workspace: Workspace | None = None,
        name: str = "CLAP",
    ):
        self.planner = planner
        self.predictor = predictor
        self.workspace = workspace or Workspace()
        self.name = name

    @staticmethod
    def load(folder: str | Path | None = None, workspace: Workspace | None = None) -> ClapPolicy:
        """Load a checkpoint folder, the shipped one if None. Raises CheckpointError."""
        checkpoint = open_checkpoint(folder)
        planner = CoarseTaskPlanner.load(checkpoint.planner)
        predictor = FineActionPredictor.load(checkpoint.predictor)
        return ClapPolicy(planner, predictor, workspace, f"CLAP ({checkpoint.name})")

    def plan(self, instruction: str, last_step: str, on_text: OnText | None = None) -> Plan:
        """Round one: f(L, last step), equation 4."""
        return self.planner.plan(instruction, last_step, on_text)

    def predict(
        self, observation: Observation, plan: Plan, last_step: str, on_text: OnText | None = None
    ) -> Prediction:
        """Round two, f(o, L_m, last step) of equation 4, and the fine stage of section 4.2."""
        clock = _Stopwatch()
        cloud = fuse(observation, self.workspace)
        views = render_views(cloud, self.workspace, splat=COARSE_SPLAT)
        clock.lap("views")
        reasoning = self.planner.reason(views, plan, last_step, on_text)
        clock.lap("planner")
        keypoint = lift(reasoning.keypoint_pixels + 0.5, self.workspace, views.size)
        window = self.workspace.zoomed(keypoint.position)
        zoomed = render_views(cloud, window, self.predictor.image_size, splat=FINE_SPLAT)
        clock.lap("views")
        fine = self.predictor.predict(zoomed, reasoning.step, float(observation.gripper_is_open))
        clock.lap("predictor")
        return Prediction(
            step=reasoning.step,
            objects=tuple(
                LocatedObject(name, pixels, lift(pixels + 0.5, self.workspace, views.size))
                for name, pixels in reasoning.objects
            ),
            keypoint=keypoint,
            keypoint_pixels=reasoning.keypoint_pixels,
            window=window,
            action=Action(Pose(fine.position, fine.quaternion), fine.gripper_open),
            views=views,
            zoomed=zoomed,
            heatmaps=fine.heatmaps,
            raw=reasoning.raw,
            seconds=clock.seconds,
        )


class _Stopwatch:
    """Adds up the wall time of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
