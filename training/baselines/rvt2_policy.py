"""The RVT-2 baseline behind the policy protocol, so that the same rollout and evaluator run it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from clap.errors import InvalidInstructionError
from clap.geometry.frames import Array, Lifted, Pose, Workspace, to_pixels
from clap.geometry.observation import Observation, PointCloud, fuse
from clap.geometry.views import CanonicalViews, render_views
from clap.policies.base import OnText, PlanRequest, PredictRequest
from clap.policies.clap import COARSE_SPLAT, FINE_SPLAT
from clap.policies.planner.text_format import normalise
from clap.policies.prediction import Plan, PlanStatus, Prediction
from clap.policies.predictor.predictor import FineActionPredictor
from clap.worlds.base import Action
from training.baselines.rvt2 import COARSE, FINE

PRETRAINED = Path(__file__).parent / "pretrained" / "rvt2"
"""The shipped baseline, trained on the demonstrations that clap-mini was trained on; halves of float32."""


class Rvt2Policy:
    """The sentence and what is seen now to a keypoint, and in the window around it to an action.

    It makes no plan and does not know when it is done: every step is the whole sentence.
    """

    is_expert = False
    knows_completion = False
    has_fine_action = True
    step_words: tuple[str, ...] = ()

    def __init__(self, coarse: FineActionPredictor, fine: FineActionPredictor, workspace: Workspace | None = None):
        self.coarse, self.fine = coarse, fine
        self.workspace = workspace or Workspace()
        self.name = "RVT-2"

    @staticmethod
    def load(folder: str | Path, workspace: Workspace | None = None) -> Rvt2Policy:
        """Load both branches of a folder that ``train_rvt2`` wrote. Raises CheckpointError."""
        coarse, fine = (FineActionPredictor.load(Path(folder) / branch) for branch in (COARSE, FINE))
        return Rvt2Policy(coarse, fine, workspace)

    def detect_objects(self, observation: Observation, on_text: OnText | None = None) -> tuple[str, ...] | None:
        """None: it names nothing."""
        return None

    def plan(self, request: PlanRequest) -> Plan:
        """The sentence itself as the only step. Raises InvalidInstructionError if it is empty or too long."""
        sentence = normalise(request.instruction)
        words, limit = len(sentence.split()), self.coarse.config.encoders.text_limit
        if not 0 < words <= limit:
            raise InvalidInstructionError(f"The instruction has {words} words; this policy reads 1 to {limit}.")
        return Plan(PlanStatus.STEPS, (sentence,), raw=sentence)

    def predict(self, request: PredictRequest) -> Prediction:
        """Coarse branch, zoom, fine branch. Raises EmptyCloudError or OutOfWorkspaceError.

        A wanted ``step`` takes the sentence's place: there is no language but that one.
        """
        sentence = request.step or request.plan.steps[0]
        observation = request.observation
        clock = time.perf_counter
        begun = clock()
        cloud, views = self._look(observation)
        rendered = clock()
        coarse = self.coarse.predict(views, sentence, float(observation.gripper_is_open))
        found = clock()
        return self._fine_action(
            observation,
            cloud,
            views,
            sentence,
            coarse.position,
            {"views": rendered - begun, "planner": found - rendered},
        )

    def refine(self, observation: Observation, step: str, keypoint: Array) -> Prediction:
        """The fine branch alone, in the window around a keypoint that somebody else chose."""
        begun = time.perf_counter()
        cloud, views = self._look(observation)
        return self._fine_action(observation, cloud, views, step, keypoint, {"views": time.perf_counter() - begun})

    def _look(self, observation: Observation) -> tuple[PointCloud, CanonicalViews]:
        cloud = fuse(observation, self.workspace)
        return cloud, render_views(cloud, self.workspace, self.coarse.image_size, splat=COARSE_SPLAT)

    def _fine_action(
        self,
        observation: Observation,
        cloud: PointCloud,
        views: CanonicalViews,
        sentence: str,
        point: Array,
        seconds: dict[str, float],
    ) -> Prediction:
        """Zoom to the point and predict the action there."""
        begun = time.perf_counter()
        window = self.workspace.zoomed(point)
        zoomed = render_views(cloud, window, self.fine.image_size, splat=FINE_SPLAT)
        zoomed_at = time.perf_counter()
        fine = self.fine.predict(zoomed, sentence, float(observation.gripper_is_open))
        return Prediction(
            step=sentence,
            objects=(),
            # One point that maximises the sum of three heatmaps: there are no three pixels that could disagree.
            keypoint=Lifted(point, np.zeros(3)),
            keypoint_pixels=to_pixels(point, self.workspace, views.size),
            window=window,
            action=Action(Pose(fine.position, fine.quaternion), fine.gripper_open, fine.ignore_collisions),
            views=views,
            zoomed=zoomed,
            heatmaps=fine.heatmaps,
            raw=sentence,
            seconds={
                **seconds,
                "views": seconds["views"] + zoomed_at - begun,
                "predictor": time.perf_counter() - zoomed_at,
            },
        )
