"""Held-out evaluation of the planner through its real path, generate() under the grammar.

Teacher forcing overstates: a model can copy the earlier clean coordinates that it will not have at run time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clap.failures import ClapError
from clap.geometry import Workspace, to_pixels
from clap.planner import CoarseTaskPlanner
from clap.prediction import Plan, PlanStatus
from clap.views import CanonicalViews
from training.language_plans import LanguagePlanSampler
from training.planner_data import Scene

CLOSE_PX = 8.0
"""A point counts as found when it is this close in all three views (3.6 cm)."""
LOST_PX = 300.0


def scene_views(scene: Scene, workspace: Workspace) -> CanonicalViews:
    """The views of a scene as the planner takes them; shards keep no xyz, which the planner does not read."""
    xyz = np.zeros((*scene.depth.shape, 3), np.float32)
    return CanonicalViews(scene.rgb, scene.depth.astype(np.float32), xyz, scene.depth > 0, workspace)


def evaluate_scenes(planner: CoarseTaskPlanner, scenes: Sequence[Scene]) -> dict[str, object]:
    """Round two on trajectory scenes: shares of keypoints and objects within CLOSE_PX in all views, step accuracy."""
    workspace = Workspace()
    keypoint, objects, step, first = [], [], [], []
    for scene in scenes:
        query = scene.query
        if query is None:
            continue
        first.append(query.step_index == 0)
        wanted = {thing.name: thing.pixels for thing in scene.query_objects(query, workspace)}
        try:
            plan = Plan(PlanStatus.STEPS, query.plan)
            answer = planner.reason(scene_views(scene, workspace), plan, query.last_step)
        except ClapError:
            keypoint.append(LOST_PX)
            objects.extend([LOST_PX] * len(wanted))
            step.append(False)
            continue
        keypoint.append(_error(answer.keypoint_pixels, to_pixels(query.keypoint, workspace)))
        found = dict(answer.objects)
        objects.extend(_error(found[name], pixels) if name in found else LOST_PX for name, pixels in wanted.items())
        step.append(answer.step == query.step)
    is_first = np.array(first, bool)
    errors = np.array(keypoint)
    return {
        "scenes": len(keypoint),
        "keypoints_within_8px": _share(errors),
        "keypoints_first_step": _share(errors[is_first]),
        "keypoints_later_steps": _share(errors[~is_first]),
        "keypoint_median_p90_px": _quantiles(errors),
        "objects_within_8px": _share(np.array(objects)),
        "object_median_p90_px": _quantiles(np.array(objects)),
        "step_accuracy": round(float(np.mean(step)), 3) if step else None,
    }


def evaluate_plans(planner: CoarseTaskPlanner, count: int, seed: int) -> dict[str, object]:
    """Round one on held-out phrasings and on the training phrasings' split (world instructions included)."""
    figures: dict[str, object] = {"plans": count}
    for name, held_out in (("plans_exact_held_out", True), ("plans_exact", False)):
        sampler, rng = LanguagePlanSampler(held_out), np.random.default_rng(seed)
        right = [_plan_is_right(planner, sampler, rng) for _ in range(count)]
        figures[name] = round(float(np.mean(right)), 3)
    return figures


def _plan_is_right(planner: CoarseTaskPlanner, sampler: LanguagePlanSampler, rng: np.random.Generator) -> bool:
    sample = sampler.sample(rng)
    try:
        return planner.plan(sample.instruction, sample.last_step).raw == sample.answer
    except ClapError:
        return False


def _error(found: NDArray[np.integer], wanted: NDArray[np.integer]) -> float:
    """Largest distance over the three views, pixels."""
    return float(np.linalg.norm(found - wanted, axis=-1).max())


def _share(errors: NDArray[np.floating]) -> float | None:
    return round(float((errors <= CLOSE_PX).mean()), 3) if len(errors) else None


def _quantiles(errors: NDArray[np.floating]) -> list[float]:
    return [round(float(np.quantile(errors, q)), 1) for q in (0.5, 0.9)] if len(errors) else []
