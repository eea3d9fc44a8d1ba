"""CLAP: a coarse-to-fine, language-aligned manipulation policy, and the worlds it acts in.

    import clap

    world = clap.TabletopWorld()
    instruction = world.reset("block_in_other_cup", seed=20_000)
    result = clap.run_unattended(world, clap.load_checkpoint(), instruction)

The public names are those of ``__all__``. Each is loaded when it is first asked for, so that importing this package
costs nothing; geometry alone never loads torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clap.episode.episode import Episode
    from clap.episode.snapshot import EpisodeSnapshot, EpisodeState
    from clap.errors import ClapError
    from clap.geometry.frames import Pose, Workspace, lift, project
    from clap.geometry.observation import CameraFrame, Observation, PointCloud, fuse
    from clap.geometry.views import CanonicalViews, render_views
    from clap.policies.base import PlanRequest, Policy, PredictRequest
    from clap.policies.clap import ClapPolicy, load_checkpoint
    from clap.policies.expert import ExpertPolicy
    from clap.policies.planner.local import CoarseTaskPlanner
    from clap.policies.planner.remote import remote_planner
    from clap.policies.prediction import Plan, PlanStatus, Prediction
    from clap.policies.predictor.predictor import FineActionPredictor
    from clap.rollout.rollout import Rollout
    from clap.rollout.safety import Verdict, judge
    from clap.rollout.unattended import RolloutResult, run_unattended
    from clap.worlds.base import Action, MotionOutcome, MotionReport, World
    from clap.worlds.tabletop.world import TabletopWorld

NAMES_OF = {
    "clap.episode.episode": ("Episode",),
    "clap.episode.snapshot": ("EpisodeSnapshot", "EpisodeState"),
    "clap.errors": ("ClapError",),
    "clap.geometry.frames": ("Pose", "Workspace", "lift", "project"),
    "clap.geometry.observation": ("CameraFrame", "Observation", "PointCloud", "fuse"),
    "clap.geometry.views": ("CanonicalViews", "render_views"),
    "clap.policies.base": ("PlanRequest", "Policy", "PredictRequest"),
    "clap.policies.clap": ("ClapPolicy", "load_checkpoint"),
    "clap.policies.expert": ("ExpertPolicy",),
    "clap.policies.planner.local": ("CoarseTaskPlanner",),
    "clap.policies.planner.remote": ("remote_planner",),
    "clap.policies.prediction": ("Plan", "PlanStatus", "Prediction"),
    "clap.policies.predictor.predictor": ("FineActionPredictor",),
    "clap.rollout.rollout": ("Rollout",),
    "clap.rollout.safety": ("Verdict", "judge"),
    "clap.rollout.unattended": ("RolloutResult", "run_unattended"),
    "clap.worlds.base": ("Action", "MotionOutcome", "MotionReport", "World"),
    "clap.worlds.tabletop.world": ("TabletopWorld",),
}
"""The public names of each module; a test holds them against the imports above."""

__all__ = [
    "Action",
    "CameraFrame",
    "CanonicalViews",
    "ClapError",
    "ClapPolicy",
    "CoarseTaskPlanner",
    "Episode",
    "EpisodeSnapshot",
    "EpisodeState",
    "ExpertPolicy",
    "FineActionPredictor",
    "MotionOutcome",
    "MotionReport",
    "Observation",
    "Plan",
    "PlanRequest",
    "PlanStatus",
    "PointCloud",
    "Policy",
    "Pose",
    "PredictRequest",
    "Prediction",
    "Rollout",
    "RolloutResult",
    "TabletopWorld",
    "Verdict",
    "Workspace",
    "World",
    "fuse",
    "judge",
    "lift",
    "load_checkpoint",
    "project",
    "remote_planner",
    "render_views",
    "run_unattended",
]

MODULE_OF = {name: module for module, names in NAMES_OF.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once (PEP 562)."""
    if name not in MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
