"""The JSON messages that go down the live link: plain numbers, strings and lists, no arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from clap.episode.preconditions import preconditions
from clap.episode.snapshot import EpisodeSnapshot, EpisodeState, SceneFrame
from clap.errors import Failure
from clap.geometry.frames import VIEWS, Pose, Workspace
from clap.policies.prediction import Prediction
from clap.rollout.refusals import listed
from clap.rollout.safety import Verdict
from clap.worlds.base import TaskInfo
from clap.worlds.capabilities import Ability, Rehearsal
from clap.worlds.teleoperation import MAX_ANGULAR, MAX_LINEAR, SLOW
from ui.protocol.guidance import hint

Json = dict[str, Any]


@dataclass(frozen=True)
class PolicyChoice:
    """A policy in the picker. One that cannot be had now has ``missing``, the sentence that says why."""

    name: str
    is_expert: bool = False
    missing: str = ""


@dataclass(frozen=True)
class ConsoleInfo:
    """What does not change while the console runs. ``notice`` is shown until the operator closes it.

    ``mode``: where motions happen, in one word, such as SIM or REAL.
    """

    world: str
    mode: str
    policies: tuple[PolicyChoice, ...]
    notice: str = ""


def hello(
    info: ConsoleInfo,
    tasks: Sequence[TaskInfo],
    conditions: Sequence[str],
    workspace: Workspace,
    dead_man_s: float,
    abilities: Iterable[Ability],
    ages: bool,
) -> Json:
    """The first message on a link: what the page needs once.

    ``ages``: what the cameras saw grows old while nothing moves.
    """
    return {
        "type": "hello",
        "world": info.world,
        "mode": info.mode,
        "abilities": sorted(ability.value for ability in abilities),
        "ages": ages,
        "notice": info.notice,
        "policies": [asdict(policy) for policy in info.policies],
        "tasks": [asdict(task) for task in tasks],
        "conditions": list(conditions),
        "workspace": {"low": list(workspace.low), "high": list(workspace.high)},
        "views": [asdict(view) for view in VIEWS],
        "limits": {"linear": MAX_LINEAR, "angular": MAX_ANGULAR, "slow": SLOW},
        "dead_man_s": dead_man_s,
    }


def status(snapshot: EpisodeSnapshot, look_age: float = 0.0) -> Json:
    """The whole state as the page shows it; later ones replace earlier ones.

    ``preconditions``: by verb, why not now, null if it is accepted. ``look_age``: how long ago the scene was looked at,
    seconds.
    """
    scene = snapshot.scene
    return {
        "type": "status",
        "seq": snapshot.seq,
        "state": snapshot.state.value,
        "busy": snapshot.state.busy,
        "hint": hint(snapshot),
        "preconditions": preconditions(snapshot),
        "instruction": snapshot.instruction,
        "examples": list(snapshot.examples),
        "task": snapshot.task,
        "seed": snapshot.seed,
        "condition": snapshot.condition,
        "policy": snapshot.policy,
        "expert": snapshot.policy_is_expert,
        "speed": snapshot.speed,
        "approve_each": snapshot.approve_each,
        "undo": snapshot.undo,
        "driving": snapshot.state is EpisodeState.DRIVING,
        "seen": None if snapshot.seen is None else listed(snapshot.seen),
        "plan": [asdict(step) for step in snapshot.plan],
        "texts": dict(snapshot.round_texts),
        "steps_done": snapshot.steps_done,
        "prediction": _prediction(snapshot.prediction, snapshot.own is not None),
        "verdict": _verdict(snapshot.verdict),
        "failure": _failure(snapshot.failure),
        "trouble": _failure(snapshot.trouble),
        "blind": _failure(snapshot.blind),
        "correction": None if snapshot.correction is None else snapshot.correction.sentence,
        "corrections": snapshot.corrections,
        "success": snapshot.success,
        "seconds": _finite(snapshot.seconds),
        "frames": [] if scene is None else _frames(scene, look_age),
        "gripper": None if scene is None else pose(scene.observation.gripper_pose, scene.observation.gripper_open),
    }


def pose(gripper: Pose, opening: float) -> Json:
    """A gripper pose, world metres and xyzw, with its opening from 0 to 1."""
    return {"position": _list(gripper.position), "quaternion": _list(gripper.quaternion), "opening": float(opening)}


def rehearsal(shown: Rehearsal) -> Json:
    """A motion in the arm's twin, for the ghost to go."""
    poses = [{"position": _list(each.position), "quaternion": _list(each.quaternion)} for each in shown.poses]
    return {
        "type": "rehearsal",
        "poses": poses,
        "seconds": shown.seconds,
        "clear": shown.clear,
        "sentence": shown.sentence,
    }


def _frames(scene: SceneFrame, look_age: float) -> list[Json]:
    """The cameras' frames with their ages in seconds: since the look, and what they were older than it."""
    taken = scene.observation.timestamp
    return [
        {"camera": frame.name, "age": round(look_age + max(0.0, taken - frame.timestamp), 3)}
        for frame in scene.observation.frames
    ]


def _prediction(prediction: Prediction | None, corrected: bool) -> Json | None:
    if prediction is None:
        return None
    return {
        "step": prediction.step,
        "source": prediction.source,
        "own": corrected,
        "keypoint": _list(prediction.keypoint.position),
        "agreement": float(prediction.keypoint.agreement_px),
        "keypoint_pixels": np.asarray(prediction.keypoint_pixels).tolist(),
        "objects": [
            {
                "name": found.name,
                "pixels": np.asarray(found.pixels).tolist(),
                "position": _list(found.lifted.position),
            }
            for found in prediction.objects
        ],
        "window": {"low": list(prediction.window.low), "high": list(prediction.window.high)},
        "action": {
            "position": _list(prediction.action.pose.position),
            "quaternion": _list(prediction.action.pose.quaternion),
            "gripper_open": prediction.action.gripper_open,
        },
    }


def _failure(failure: Failure | None) -> Json | None:
    return None if failure is None else asdict(failure)


def _verdict(verdict: Verdict | None) -> Json | None:
    if verdict is None:
        return None
    checks = [{"name": check.name, "ok": check.ok, "sentence": check.sentence} for check in verdict.checks]
    return {"decision": verdict.decision.value, "sentence": verdict.sentence, "checks": checks}


def _list(values: Any) -> list[float]:
    return [round(float(value), 6) for value in np.nan_to_num(np.asarray(values, float))]


def _finite(seconds: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(float(value), 4) for stage, value in seconds.items() if np.isfinite(value)}
