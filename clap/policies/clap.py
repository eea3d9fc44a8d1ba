"""CLAP itself behind the policy protocol: coarse task planner, lift, zoom, fine action predictor (paper, section 4)."""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clap.errors import EmptyCloudError, EmptyWindowError
from clap.geometry.frames import Array, Lifted, Pose, Workspace, lift, to_pixels
from clap.geometry.observation import Observation, PointCloud, fuse
from clap.geometry.views import CanonicalViews, render_views
from clap.policies.base import OnText, PlanRequest, PredictRequest
from clap.policies.checkpoint import open_checkpoint
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.rounds import PlannerRounds
from clap.policies.prediction import LocatedObject, Plan, Prediction
from clap.policies.predictor.predictor import FineActionPredictor
from clap.worlds.base import Action

COARSE_SPLAT, FINE_SPLAT = 1, 2
"""Radius in pixels that a point paints: in the window, points lie four times as far apart."""


class ClapPolicy:
    """The rounds of the planner, then the fine stage in the window around the lifted keypoint."""

    is_expert = False
    has_fine_action = True

    def __init__(
        self,
        planner: PlannerRounds,
        predictor: FineActionPredictor,
        workspace: Workspace | None = None,
        name: str = "CLAP",
    ):
        self.planner = planner
        self.predictor = predictor
        self.workspace = workspace or Workspace()
        self.name = name
        self._latest: tuple[Observation, PointCloud, CanonicalViews] | None = None

    @staticmethod
    def load(
        folder: str | Path | None = None, workspace: Workspace | None = None, planner: PlannerRounds | None = None
    ) -> ClapPolicy:
        """Load a checkpoint folder, the shipped one if None; ``planner`` replaces its own. Raises CheckpointError."""
        checkpoint = open_checkpoint(folder)
        planner = planner or CoarseTaskPlanner.load(checkpoint.planner)
        predictor = FineActionPredictor.load(checkpoint.predictor)
        return ClapPolicy(planner, predictor, workspace, f"CLAP ({checkpoint.name})")

    @property
    def knows_completion(self) -> bool:
        """Whether the planner can tell that nothing is left to do."""
        return self.planner.knows_completion

    @functools.cached_property
    def step_words(self) -> frozenset[str]:
        """The words that both planner and fine stage know, misspellings left out; empty if either reads any word."""
        known = frozenset(self.planner.known_words) - frozenset(self.planner.settings.misspelt)
        fine = self.predictor.known_words
        return known & fine if known and fine else known or fine

    def detect_objects(self, observation: Observation, on_text: OnText | None = None) -> tuple[str, ...] | None:
        """Round zero: the names of the things on the table."""
        _, views = self._detected_objects(observation)
        return self.planner.detect_objects(views, on_text)

    def plan(self, request: PlanRequest) -> Plan:
        """Round one: f(L, last step) of equation 4, given what was seen."""
        return self.planner.plan(request)

    def predict(self, request: PredictRequest) -> Prediction:
        """Round two, f(o, L_m, last step) of equation 4, and the fine stage of section 4.2."""
        clock = _Stopwatch()
        _, views = self._detected_objects(request.observation)
        clock.lap("views")
        reasoning = self.planner.reason(views, request.plan, request.last_step, request.on_text, request.step)
        clock.lap("planner")
        keypoint = lift(reasoning.keypoint_pixels + 0.5, self.workspace, views.size, reasoning.spread)
        found = self._fine_action(request.observation, reasoning.step, keypoint, reasoning.keypoint_pixels, clock)
        objects = tuple(
            LocatedObject(name, pixels, lift(pixels + 0.5, self.workspace, views.size))
            for name, pixels in reasoning.objects
        )
        return replace(found, objects=objects, raw=reasoning.raw)

    def refine(self, observation: Observation, step: str, keypoint: Array) -> Prediction:
        """The fine stage of section 4.2 alone, in the window around a keypoint (3,) that somebody else chose."""
        clock = _Stopwatch()
        pixels = to_pixels(keypoint, self.workspace, self._detected_objects(observation)[1].size)
        clock.lap("views")
        return self._fine_action(observation, step, Lifted(keypoint, np.zeros(3)), pixels, clock)

    def _fine_action(
        self, observation: Observation, step: str, keypoint: Lifted, pixels: NDArray[np.int64], clock: _Stopwatch
    ) -> Prediction:
        """Zoom to the keypoint and predict the action there."""
        cloud, views = self._detected_objects(observation)
        window = self.workspace.zoomed(keypoint.position)
        try:
            zoomed = render_views(cloud, window, self.predictor.image_size, splat=FINE_SPLAT)
        except EmptyCloudError as error:
            x, y, z = keypoint.position
            raise EmptyWindowError(f"Nothing was seen around the keypoint ({x:.3f}, {y:.3f}, {z:.3f}) m.") from error
        clock.lap("views")
        fine = self.predictor.predict(zoomed, step, float(observation.gripper_is_open))
        clock.lap("predictor")
        return Prediction(
            step=step,
            objects=(),
            keypoint=keypoint,
            keypoint_pixels=pixels,
            window=window,
            action=Action(Pose(fine.position, fine.quaternion), fine.gripper_open, fine.ignore_collisions),
            views=views,
            zoomed=zoomed,
            heatmaps=fine.heatmaps,
            seconds=clock.seconds,
        )

    def _detected_objects(self, observation: Observation) -> tuple[PointCloud, CanonicalViews]:
        """Cloud and views of an observation, the same ones if it is asked about again: the planner knows them then."""
        if self._latest is None or self._latest[0] is not observation:
            cloud = fuse(observation, self.workspace)
            self._latest = observation, cloud, render_views(cloud, self.workspace, splat=COARSE_SPLAT)
        return self._latest[1:]


load_checkpoint = ClapPolicy.load
"""Its public name: what most programs begin with."""


class _Stopwatch:
    """Adds up the wall time of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
