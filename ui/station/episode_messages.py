"""The world and the episode as the messages that pages are sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import numpy as np

from clap.episode.preconditions import preconditions
from clap.episode.snapshot import EpisodeSnapshot, EpisodeState, SceneFrame
from clap.errors import Failure as EpisodeFailure
from clap.geometry.frames import VIEWS, Pose, Workspace
from clap.policies.prediction import Prediction
from clap.rollout.refusals import listed
from clap.rollout.safety import Verdict as SafetyVerdict
from clap.worlds.base import TaskInfo
from clap.worlds.capabilities import Ability, PreviewedMotion
from clap.worlds.teleoperation import MAX_ANGULAR, MAX_LINEAR, SLOW
from ui.protocol import messages, shared
from ui.protocol.guidance import hint
from ui.protocol.messages import Failure, Hello, MotionPreview, PoseMoved, PredictedStep, Status, Verdict
from ui.protocol.shared import Box, GripperPose, Quaternion, Vector
from ui.station.options import ConsoleInfo


def hello(
    info: ConsoleInfo,
    tasks: Sequence[TaskInfo],
    conditions: Sequence[str],
    workspace: Workspace,
    dead_man_s: float,
    abilities: Iterable[Ability],
    ages: bool,
) -> Hello:
    """What the page needs once. ``ages``: what the cameras saw grows old while nothing moves."""
    return Hello(
        world=info.world,
        mode=info.mode,
        abilities=sorted(ability.value for ability in abilities),
        ages=ages,
        notice=info.notice,
        policies=list(info.policies),
        tasks=[messages.Task(**asdict(task)) for task in tasks],
        conditions=list(conditions),
        workspace=_box(workspace),
        views=[messages.View(**asdict(view)) for view in VIEWS],
        limits=messages.SpeedLimits(linear=MAX_LINEAR, angular=MAX_ANGULAR, slow=SLOW),
        dead_man_s=dead_man_s,
    )


def status(snapshot: EpisodeSnapshot, look_age: float = 0.0, more: Mapping[str, str | None] | None = None) -> Status:
    """The whole state as the page shows it. ``look_age``: how long ago the scene was looked at, seconds.

    ``more``: preconditions of what is the station's own, beside the episode's.
    """
    scene = snapshot.scene
    return Status(
        seq=snapshot.seq,
        state=snapshot.state.value,
        busy=snapshot.state.busy,
        hint=hint(snapshot),
        preconditions={**preconditions(snapshot), **(more or {})},
        instruction=snapshot.instruction,
        examples=list(snapshot.examples),
        task=snapshot.task,
        seed=snapshot.seed,
        condition=snapshot.condition,
        policy=snapshot.policy,
        expert=snapshot.policy_is_expert,
        speed=snapshot.speed,
        approve_each=snapshot.approve_each,
        undo=snapshot.undo,
        driving=snapshot.state is EpisodeState.DRIVING,
        detected_objects=None if snapshot.detected_objects is None else listed(snapshot.detected_objects),
        plan=[messages.Step(**asdict(step)) for step in snapshot.plan],
        texts=dict(snapshot.round_texts),
        steps_done=snapshot.steps_done,
        prediction=_prediction(snapshot.prediction, snapshot.own is not None),
        verdict=_verdict(snapshot.verdict),
        failure=_failure(snapshot.failure),
        arm_fault=_failure(snapshot.arm_fault),
        camera_fault=_failure(snapshot.camera_fault),
        correction=None if snapshot.correction is None else snapshot.correction.sentence,
        corrections=snapshot.corrections,
        success=snapshot.success,
        seconds=_finite(snapshot.seconds),
        frames=[] if scene is None else _frames(scene, look_age),
        gripper=None if scene is None else _gripper(scene.observation.gripper_pose, scene.observation.gripper_open),
    )


def pose_moved(gripper: Pose, opening: float) -> PoseMoved:
    """The gripper's pose while it moves, with its opening from 0 to 1."""
    return PoseMoved(
        position=_vector(gripper.position), quaternion=_quaternion(gripper.quaternion), opening=float(opening)
    )


def motion_preview(shown: PreviewedMotion) -> MotionPreview:
    """The preview of a motion, for the ghost to go."""
    poses = [pose(each) for each in shown.poses]
    return MotionPreview(poses=poses, seconds=shown.seconds, clear=shown.clear, sentence=shown.sentence)


def pose(tool: Pose) -> shared.Pose:
    """A pose of the tool."""
    return shared.Pose(position=_vector(tool.position), quaternion=_quaternion(tool.quaternion))


def _gripper(gripper: Pose, opening: float) -> GripperPose:
    return GripperPose(
        position=_vector(gripper.position), quaternion=_quaternion(gripper.quaternion), opening=float(opening)
    )


def _frames(scene: SceneFrame, look_age: float) -> list[messages.CameraAge]:
    """The cameras' frames with their ages in seconds: since the look, and what they were older than it."""
    taken = scene.observation.timestamp
    return [
        messages.CameraAge(camera=frame.name, age=round(look_age + max(0.0, taken - frame.timestamp), 3))
        for frame in scene.observation.frames
    ]


def _prediction(prediction: Prediction | None, corrected: bool) -> PredictedStep | None:
    if prediction is None:
        return None
    found = [
        messages.FoundObject(
            name=one.name, pixels=np.asarray(one.pixels).tolist(), position=_vector(one.lifted.position)
        )
        for one in prediction.objects
    ]
    action = messages.Action(
        position=_vector(prediction.action.pose.position),
        quaternion=_quaternion(prediction.action.pose.quaternion),
        gripper_open=prediction.action.gripper_open,
    )
    return PredictedStep(
        step=prediction.step,
        source=prediction.source,
        own=corrected,
        keypoint=_vector(prediction.keypoint.position),
        agreement=float(prediction.keypoint.agreement_px),
        keypoint_pixels=np.asarray(prediction.keypoint_pixels).tolist(),
        objects=found,
        window=_box(prediction.window),
        action=action,
    )


def _failure(failure: EpisodeFailure | None) -> Failure | None:
    return None if failure is None else Failure(**asdict(failure))


def _verdict(verdict: SafetyVerdict | None) -> Verdict | None:
    if verdict is None:
        return None
    checks = [messages.Check(name=check.name, ok=check.ok, sentence=check.sentence) for check in verdict.checks]
    return Verdict(decision=verdict.decision.value, sentence=verdict.sentence, checks=checks)


def _box(workspace: Workspace) -> Box:
    return Box(low=_exact(workspace.low), high=_exact(workspace.high))


def _exact(values: Any) -> Vector:
    return cast(Vector, tuple(float(value) for value in values))


def _vector(values: Any) -> Vector:
    return cast(Vector, _rounded(values))


def _quaternion(values: Any) -> Quaternion:
    return cast(Quaternion, _rounded(values))


def _rounded(values: Any) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in np.nan_to_num(np.asarray(values, float)))


def _finite(seconds: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(float(value), 4) for stage, value in seconds.items() if np.isfinite(value)}
