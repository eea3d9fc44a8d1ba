"""Commands that the server has checked for form, passed on to the episode.

Every verb of the episode returns at once. Whether a verb fits the present state is the episode's to judge; here only
names are looked up that the server cannot know.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from clap.episode.episode import Episode
from clap.geometry.frames import Pose
from clap.worlds.teleoperation import Jog
from ui.protocol.commands import PLAIN_VERBS, RECORD_VERBS, BadCommandError
from ui.station.channel import Json
from ui.station.recording import Recording


def obey(episode: Episode, recording: Recording, command: Json) -> None:
    """Carry one command out; what the recording is asked for takes effect soon.

    Raises BadCommandError for a name that there is not.
    """
    verb = command["type"]
    if verb in PLAIN_VERBS:
        getattr(episode, verb)()
    elif verb in RECORD_VERBS:
        recording.obey(command)
    elif verb == "plan":
        episode.plan(command["instruction"])
    elif verb == "edit-plan":
        episode.edit_plan(command["steps"])
    elif verb == "keypoint":
        episode.set_keypoint(np.array(command["position"]))
    elif verb == "target":
        episode.set_target(_pose(command), command["gripper_open"])
    elif verb == "policy":
        episode.set_policy(_known("policy", command["name"], episode.policy_names()))
    elif verb == "speed":
        episode.set_speed(command["value"])
    elif verb == "approve-each":
        episode.set_approve_each(command["value"])
    elif verb == "reset":
        task = _known("task", command["task"], [task.key for task in episode.tasks()])
        condition = _known("condition", command["condition"], episode.conditions())
        episode.reset(task, command["seed"], command["variation"], condition)
    elif verb == "drive":
        episode.drive(command["on"])
    elif verb == "jog":
        rates = tuple(command["linear"]), tuple(command["angular"])
        episode.jog(Jog(*rates, command["gripper"], command["slow"], seq=command["seq"]))
    elif verb == "jog-target":
        episode.jog(Jog(target=_pose(command)))


def _pose(command: Json) -> Pose:
    quaternion = np.array(command["quaternion"])
    return Pose(np.array(command["position"]), quaternion / np.linalg.norm(quaternion))


def _known(what: str, name: str, choices: Iterable[Any]) -> str:
    choices = list(choices)
    if name not in choices:
        raise BadCommandError(f"There is no {what} {name[:60]!r}; there are: {', '.join(choices)}.")
    return name
