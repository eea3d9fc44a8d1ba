"""Episodes of a demonstration set as a folder of shards, one an episode: the format that all of training reads.

Each moment is rendered from chosen cameras, moved as a whole, with the labels moved along.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from clap.errors import ClapError
from clap.geometry.frames import TABLE_TOP, Pose, Workspace
from clap.geometry.observation import Observation
from clap.policies.expert_keyframes import folded, yaw_period
from demos.store.episode import RecordedEpisode
from demos.store.store import DemonstrationStore
from training.data.capture import noisy_frames
from training.data.recordings.steps import RecordedStep, SkippedEpisodeError, recorded_steps, subtask_plans
from training.data.recordings.things import Place, known_subtask, places_at
from training.data.rendering import ZOOM_NOISE, RigidMotion, draw_motion, moved_views, zoom
from training.data.shards import ShardWriter, TrainingDataError

ALL_CAMERAS_SHARE = 0.5
"""Share of the renderings with all cameras of the recording; the others have some of them."""

GRIPPER_CAMERA = "wrist"
"""A camera in the gripper sees next to nothing of the table: it is never the only one."""

SIMULATED = ("tabletop",)
"""Worlds whose cameras are clean; half of the renderings with some cameras get a depth camera's noise. Real ones have
theirs already."""

TILT = np.deg2rad(15)
"""How far a gripper that points down may lean."""


@dataclass(frozen=True)
class Copies:
    """How much is made of an episode: every ``copies`` renderings of ``moments`` frames a step, the first unmoved."""

    copies: int = 4
    moments: int = 3


@dataclass(frozen=True)
class ExportedEpisode:
    """An episode that was made into a shard: its instruction, the plans of its sub-tasks, and how many records."""

    id: str
    instruction: str
    plans: tuple[tuple[str, ...], ...]
    records: int


@dataclass(frozen=True)
class Export:
    """What became of the chosen episodes; ``skipped`` holds ids with the reason."""

    episodes: tuple[ExportedEpisode, ...]
    skipped: tuple[tuple[str, str], ...]


def export_training(
    store: DemonstrationStore,
    episodes: Sequence[str],
    out: Path,
    copies: Copies | None = None,
    seed: int = 0,
    report: Callable[[str], None] = lambda sentence: None,
) -> Export:
    """Write the shards of these episodes into ``out``; one that is there already is not made again.

    Raises UnknownEpisodeError for an id that there is not, LeftOutError if none of them can be learned from, and
    TrainingDataError if the folder holds the shards of others.
    """
    out.mkdir(parents=True, exist_ok=True)
    made, skipped = [], []
    for number, identity in enumerate(episodes):
        record = store.get(identity)
        try:
            episode = store.read(identity)
            steps = recorded_steps(episode)
            records = _records_there(out / f"shard-{number:05d}", identity)
            if not records:
                writer = ShardWriter()
                add_episode(writer, episode, steps, copies or Copies(), seed)
                if not len(writer):
                    raise SkippedEpisodeError("its cameras saw nothing inside the workspace")
                writer.write(out, number)
                records = len(writer)
        except TrainingDataError:
            raise
        except ClapError as error:
            skipped.append((identity, error.sentence))
            report(f"left out  “{record.task}” ({identity}): {error.sentence}")
            continue
        made.append(ExportedEpisode(identity, record.task, subtask_plans(steps), records))
        report(f"shard {number:5d}  “{record.task}” ({identity}): {len(steps)} steps, {records} records")
    if not made:
        reasons = "; ".join(dict.fromkeys(reason for _, reason in skipped)) or "no episode was chosen"
        raise SkippedEpisodeError(f"None of the {len(episodes)} episodes can be learned from: {reasons}.")
    return Export(tuple(made), tuple(skipped))


def _records_there(shard: Path, identity: str) -> int:
    """Records of a shard that is there, 0 if it is not. Raises TrainingDataError if it is another episode's."""
    if not shard.exists():
        return 0
    lines = (shard / "records.jsonl").read_text("utf-8").splitlines()
    if any(json.loads(line).get("episode") != identity for line in lines):
        raise TrainingDataError(f"{shard} was made from another episode.", "Name an empty folder.")
    return len(lines)


def add_episode(
    writer: ShardWriter, episode: RecordedEpisode, steps: Sequence[RecordedStep], copies: Copies, seed: int
) -> None:
    """Add an episode's records; the same arguments give the same records."""
    rng = np.random.default_rng([seed, zlib.crc32(episode.record.id.encode())])
    for step in steps:
        for frame in step.seen_at[: copies.moments]:
            observation = episode.frame(frame).observation
            places = places_at(episode, steps, step, frame)
            for copy in range(copies.copies):
                _add(writer, episode, step, observation, places, copy > 0, rng)


def _add(
    writer: ShardWriter,
    episode: RecordedEpisode,
    step: RecordedStep,
    observation: Observation,
    places: Sequence[Place],
    moved: bool,
    rng: np.random.Generator,
) -> None:
    labels = episode.record.labels
    points, target = {place.name: place.position for place in places}, np.asarray(step.action.pose.position)
    motion = draw_motion(points, [target], rng) if moved else RigidMotion()
    chosen = _cameras(observation, labels.info.world in SIMULATED, rng) if moved else observation
    found = moved_views(chosen, motion) or moved_views(observation, motion)
    if found is None:
        return  # the cameras saw nothing of the workspace then
    cloud, views = found
    pose = motion.pose(step.action.pose)
    subtask = known_subtask(step.plan)
    period = None if subtask is None or not points_down(pose) else yaw_period(subtask, step.index)
    pose = folded(pose, period)
    keypoint = np.asarray(pose.position)
    record: dict[str, Any] = {
        "kind": "trajectory",
        "recorded": True,
        "episode": episode.record.id,
        "task": labels.info.task_key or "recorded",
        "demo": episode.record.index,
        "instruction": labels.info.task,
        "objects": [_object(place, motion) for place in places],
        "drawer_open": None,
        "task_objects": [place.name for place in places],
        "subtask": step.subtask,
        "plan": list(step.plan),
        "last_step": step.last_step,
        "step": step.step,
        "step_index": step.index,
        "contact": step.contact,
        "keypoint": np.round(keypoint, 5).tolist(),
        "action": _action(pose, step.action.gripper_open),
        "gripper_open": observation.gripper_is_open,
        "table_height": TABLE_TOP + motion.shift[2],
        "turns": {
            "yaw_period": period,
            "hand_waits": subtask is not None and not subtask.opens_drawer and step.index == 1,
        },
    }
    zooms = [zoom(cloud, keypoint, Workspace(), noise, rng) for noise in ZOOM_NOISE]
    writer.add(record, views, zooms)


def points_down(pose: Pose) -> bool:
    """True if the gripper points down, give or take TILT: then turns that leave the grasp the same are made alike."""
    return bool(-pose.rotation[2, 2] > np.cos(TILT))


def _action(pose: Pose, gripper_open: bool) -> dict[str, Any]:
    return {
        "position": np.round(pose.position, 5).tolist(),
        "quaternion": np.round(pose.quaternion, 6).tolist(),
        "gripper_open": gripper_open,
    }


def _object(place: Place, motion: RigidMotion) -> dict[str, Any]:
    position = np.round(motion.points(place.position), 5).tolist()
    return {"name": place.name, "position": position, "known": list(place.known), "visible": True}


def _cameras(observation: Observation, simulated: bool, rng: np.random.Generator) -> Observation:
    """The observation as all of its cameras saw it, or some of them."""
    frames = observation.frames
    if rng.random() < ALL_CAMERAS_SHARE or len(frames) == 1:
        return observation
    standing = [frame for frame in frames if frame.name != GRIPPER_CAMERA] or list(frames)
    first = standing[int(rng.integers(len(standing)))]
    others = [frame for frame in frames if frame is not first]
    rest = [others[k] for k in rng.permutation(len(others))[: rng.integers(len(others))]]
    chosen = tuple(frame for frame in frames if frame is first or any(frame is one for one in rest))
    if simulated and rng.random() < 0.5:
        chosen = noisy_frames(chosen, rng)
    return replace(observation, frames=chosen)
