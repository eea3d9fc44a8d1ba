"""Held-out evaluation of the planner through its real path, generate() under the grammar.

Teacher forcing overstates: a model can copy the earlier clean coordinates that it will not have at run time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clap.errors import ClapError
from clap.geometry.frames import Workspace, to_pixels
from clap.geometry.views import CanonicalViews
from clap.policies.base import PlanRequest
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.rounds import PlannerRounds
from clap.policies.planner.text_format import format_plan
from clap.policies.prediction import Plan, PlanStatus
from clap.worlds.tabletop import phrasing
from training.data.language_plans import SPLITS, LanguagePlan, LanguagePlanSampler
from training.planner.scenes import Scene

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


def evaluate_detected_objects(planner: CoarseTaskPlanner, scenes: Sequence[Scene]) -> dict[str, object]:
    """Round zero: shares of lists exactly right, of things present that are named, and of names that are there."""
    workspace = Workspace()
    exact, found, present, named = 0, 0, 0, 0
    for scene in scenes:
        visible = [name for name, detected_objects in zip(scene.names, scene.visible, strict=True) if detected_objects]
        wanted = set(phrasing.scene_names(visible, scene.drawer_open))
        try:
            answer = set(planner.detect_objects(scene_views(scene, workspace)) or ())
        except ClapError:
            answer = set()
        exact += answer == wanted
        found, present, named = found + len(answer & wanted), present + len(wanted), named + len(answer)
    return {
        "seen_exact": round(exact / max(len(scenes), 1), 3),
        "seen_recall": round(found / max(present, 1), 3),
        "seen_precision": round(found / max(named, 1), 3),
    }


def evaluate_plans(planner: CoarseTaskPlanner, count: int, seed: int) -> dict[str, object]:
    """Round one, ``count`` plans of each split: shares that are exactly right.

    "train": sentences as in training; "phrasing" and "composition": held out. "impossible", requests to be refused in
    sentences held out: share refused at all, and share refused with exactly the right reason.
    """
    figures: dict[str, object] = {"plans": count}
    for split in SPLITS:
        exact, refused = count_plans(planner, split, count, seed)
        name = "reason" if split == "impossible" else "exact"
        figures[f"plans_{split}_{name}"] = round(exact / count, 3)
        if split == "impossible":
            figures["plans_impossible_refused"] = round(refused / count, 3)
    return figures


def count_plans(planner: PlannerRounds, split: str, count: int, seed: int) -> tuple[int, int]:
    """Of ``count`` samples of a split, how many round one answers exactly right, and how many it refuses."""
    sampler, rng = LanguagePlanSampler(split), np.random.default_rng(seed)
    samples = [sampler.sample(rng) for _ in range(count)]
    answers = [_plan_text(planner, sample) for sample in samples]
    exact = sum(answer == sample.answer for answer, sample in zip(answers, samples, strict=True))
    return exact, sum(answer.startswith(PlanStatus.REFUSED.value) for answer in answers)


def _plan_text(planner: PlannerRounds, sample: LanguagePlan) -> str:
    """What the planner's answer comes to, as text; empty if it gave none."""
    try:
        plan = planner.plan(PlanRequest(sample.instruction, sample.last_step, detected_objects=sample.detected_objects))
        return format_plan(plan.status, plan.steps, plan.reason)
    except ClapError:
        return ""


def _error(found: NDArray[np.integer], wanted: NDArray[np.integer]) -> float:
    """Largest distance over the three views, pixels."""
    return float(np.linalg.norm(found - wanted, axis=-1).max())


def _share(errors: NDArray[np.floating]) -> float | None:
    return round(float((errors <= CLOSE_PX).mean()), 3) if len(errors) else None


def _quantiles(errors: NDArray[np.floating]) -> list[float]:
    return [round(float(np.quantile(errors, q)), 1) for q in (0.5, 0.9)] if len(errors) else []
