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
from clap.worlds import teleoperation
from ui.protocol import BadCommandError, commands


def handle(episode: Episode, command: commands.StationCommand) -> None:
    """Carry one command out that is the episode's. Raises BadCommandError for a name that there is not."""
    match command:
        case commands.EpisodeCommand():
            getattr(episode, command.type)()
        case commands.Plan():
            episode.plan(command.instruction)
        case commands.EditPlan():
            episode.edit_plan(command.steps)
        case commands.Keypoint():
            episode.set_keypoint(np.array(command.position))
        case commands.Target():
            episode.set_target(_pose(command), command.gripper_open)
        case commands.ChoosePolicy():
            episode.set_policy(_known("policy", command.name, episode.policy_names()))
        case commands.Speed():
            episode.set_speed(command.value)
        case commands.ApproveEach():
            episode.set_approve_each(command.value)
        case commands.Reset():
            task = _known("task", command.task, [task.key for task in episode.tasks()])
            condition = _known("condition", command.condition, episode.conditions())
            episode.reset(task, command.seed, command.variation, condition)
        case commands.Drive():
            episode.drive(command.on)
        case commands.Jog():
            held = command.linear, command.angular, command.gripper, command.slow
            episode.jog(teleoperation.Jog(*held, seq=command.seq))
        case commands.JogTarget():
            episode.jog(teleoperation.Jog(target=_pose(command)))


def _pose(command: commands.Target | commands.JogTarget) -> Pose:
    quaternion = np.array(command.quaternion)
    return Pose(np.array(command.position), quaternion / np.linalg.norm(quaternion))


def _known(what: str, name: str, choices: Iterable[Any]) -> str:
    choices = list(choices)
    if name not in choices:
        raise BadCommandError(f"There is no {what} {name[:60]!r}; there are: {', '.join(choices)}.")
    return name
