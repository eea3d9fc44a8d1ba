"""Is a demonstration fit for training? Pure functions over an episode that has been read; each finding explains itself.

They look at numbers only, never at images, so that a whole set is judged in a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Workspace
from demos.store.episode import RecordedEpisode

FEWEST_KEYFRAMES = 2
JERK_LIMIT = 500.0
"""rad/s^3 of any joint, a tenth of the 5000 that the FR3's data sheet allows; the scripted expert stays below 200."""

STALE_SECONDS = 0.15
"""Age of a camera's image, relative to the robot's state in the same frame, from which it shows another instant."""

GAP_FACTOR = 2.5
"""A pause between frames of so many periods is one in which frames are missing."""

MARGIN = np.deg2rad(3.0)
FR3_LIMITS = np.array(
    [
        (-2.7437, 2.7437),
        (-1.7837, 1.7837),
        (-2.9007, 2.9007),
        (-3.0421, -0.1518),
        (-2.8065, 2.8065),
        (0.5445, 4.5169),
        (-3.0159, 3.0159),
    ]
)
"""(7, 2) rad: lowest and highest angle of each joint, by the data sheet."""


@dataclass(frozen=True)
class Finding:
    """Something that the operator should know: a stable ``name``, a sentence, and the ``frames`` it is about."""

    name: str
    sentence: str
    frames: tuple[int, ...] = ()


def judge(
    episode: RecordedEpisode, workspace: Workspace, limits: NDArray[np.floating] = FR3_LIMITS
) -> tuple[Finding, ...]:
    """All findings; none for a good demonstration. ``limits`` (J, 2) rad are the joints' ends."""
    checks = (
        few_keyframes(episode),
        jerk(episode),
        stale_images(episode),
        missing_frames(episode),
        near_joint_limits(episode, limits),
        outside(episode, workspace),
        objects_outside(episode, workspace),
    )
    return tuple(finding for finding in checks if finding is not None)


def few_keyframes(episode: RecordedEpisode, fewest: int = FEWEST_KEYFRAMES) -> Finding | None:
    """A policy of keyframes learns from pairs of them."""
    count = len(episode.keyframes)
    if count >= fewest:
        return None
    return Finding(
        "too few keyframes",
        f"It has {count} keyframe{'s' * (count != 1)}; at least {fewest} are needed. Pause where the arm reaches or "
        "grasps something, or mark keyframes by hand.",
        tuple(map(int, episode.keyframes)),
    )


def jerk(episode: RecordedEpisode, limit: float = JERK_LIMIT) -> Finding | None:
    """Twice the difference of the measured joint velocities, over the observations' own clock."""
    time = np.asarray(episode.time, float)
    if len(time) < 3 or np.any(np.diff(time) <= 0):
        return None
    steps = np.diff(time)[:, None]
    acceleration = np.diff(episode.velocities.astype(float), axis=0) / steps
    third = np.abs(np.diff(acceleration, axis=0) / ((steps[1:] + steps[:-1]) / 2)).max(axis=1)
    frames = _numbers(third > limit, first=1)
    if not frames:
        return None
    return Finding(
        "jerk",
        f"The arm jerks at {_times(episode, frames)}: up to {third.max():.0f} rad/s³, which should stay below "
        f"{limit:.0f}. Drive more slowly there, or trim it.",
        frames,
    )


def stale_images(episode: RecordedEpisode, oldest: float = STALE_SECONDS) -> Finding | None:
    """A camera whose image is old, or is the one of the frame before."""
    time = np.asarray(episode.time, float)
    worst: dict[str, tuple[int, ...]] = {}
    for name, taken in episode.camera_times.items():
        repeated = np.concatenate([[False], (np.diff(taken) <= 0) & (np.diff(time) > 0)])
        frames = _numbers((time - taken > oldest) | repeated)
        if frames:
            worst[name] = frames
    if not worst:
        return None
    frames = tuple(sorted({frame for found in worst.values() for frame in found}))
    cameras = ", ".join(f"{name} ({len(found)})" for name, found in worst.items())
    return Finding(
        "stale frames",
        f"Cameras showed an old image in {len(frames)} of {len(episode)} frames: {cameras}. Check their cables, and "
        "the rate at which they run.",
        frames,
    )


def missing_frames(episode: RecordedEpisode, factor: float = GAP_FACTOR) -> Finding | None:
    """Pauses in the wall time between frames."""
    gaps = np.diff(np.asarray(episode.wall_time, float)) * episode.fps
    frames = _numbers(gaps > factor, first=1)
    if not frames:
        return None
    return Finding(
        "missing frames",
        f"Before {_times(episode, frames)} up to {gaps.max() - 1:.0f} frames are missing. The computer was too busy, "
        "or recording was interrupted.",
        frames,
    )


def near_joint_limits(
    episode: RecordedEpisode, limits: NDArray[np.floating] = FR3_LIMITS, margin: float = MARGIN
) -> Finding | None:
    """Joints within ``margin`` rad of one of their ends; None where they are unknown (all 0) or of another number."""
    if episode.joints.shape[1] != len(limits) or not episode.joints.any():
        return None
    near = (episode.joints < limits[:, 0] + margin) | (episode.joints > limits[:, 1] - margin)
    frames = _numbers(np.any(near, axis=1))
    if not frames:
        return None
    joints = ", ".join(str(number + 1) for number in np.flatnonzero(near.any(axis=0)))
    return Finding(
        "near a joint limit",
        f"At {_times(episode, frames)} joint {joints} is within {np.rad2deg(margin):.0f}° of its end; a policy that "
        "learns this stops there. Begin from another posture.",
        frames,
    )


def outside(episode: RecordedEpisode, workspace: Workspace) -> Finding | None:
    """Keyframes at which the gripper is where the policy cannot look."""
    inside = workspace.contains(episode.state[:, :3])
    frames = tuple(int(k) for k in episode.keyframes if not inside[k])
    if not frames:
        return None
    return Finding(
        "keyframe out of the workspace",
        f"At {_times(episode, frames)} a keyframe lies outside the workspace, where the policy cannot see it. Trim it, "
        "or widen the workspace.",
        frames,
    )


def objects_outside(episode: RecordedEpisode, workspace: Workspace) -> Finding | None:
    """Objects whose position is known, and which are not in the workspace."""
    found: dict[str, list[int]] = {}
    for number, objects in enumerate(episode.objects):
        for name, position in objects.items():
            if not workspace.contains(np.array(position)):
                found.setdefault(name, []).append(number)
    if not found:
        return None
    frames = tuple(sorted({number for numbers in found.values() for number in numbers}))
    return Finding(
        "object out of the workspace",
        f"{', '.join(sorted(found))}: outside the workspace from {_times(episode, frames[:1])} on. It was pushed away, "
        "or fell; the policy cannot see it.",
        frames,
    )


def _numbers(where: Any, first: int = 0) -> tuple[int, ...]:
    return tuple(int(k) + first for k in np.flatnonzero(where))


def _times(episode: RecordedEpisode, frames: Sequence[int]) -> str:
    """The first few frames as seconds from the beginning."""
    shown = ", ".join(f"{frame / episode.fps:.1f} s" for frame in frames[:3])
    return shown + (f" and {len(frames) - 3} more" if len(frames) > 3 else "")
