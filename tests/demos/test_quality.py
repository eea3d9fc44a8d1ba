"""Each quality check finds what it is for in a take that has it, and nothing in a good one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clap.geometry.frames import Pose, Workspace
from demos.quality import FR3_LIMITS, judge
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import INFO, make_frame


@pytest.fixture
def judged(tmp_path):
    """Records a take whose frames went through ``change(number, frame)``, and judges it."""
    with DemonstrationStore.open(tmp_path / "set") as store:

        def run(change=lambda number, frame: frame, frames=20, **keywords):
            take = store.begin(INFO)
            for number in range(frames):
                while not take.add(change(number, smooth(make_frame(number)))):
                    pass
            return judge(store.read(take.commit().id), Workspace(), **keywords)

        yield run


def smooth(frame):
    """The same frame with joint velocities that do not jump."""
    velocities = np.full(7, 0.4 * np.cos(frame.observation.timestamp * 2))
    return replace(frame, observation=replace(frame.observation, joint_velocities=velocities))


def seen(frame, **changes):
    return replace(frame, observation=replace(frame.observation, **changes))


def test_a_good_take_has_no_finding(judged):
    assert judged() == ()


def only(findings, name):
    assert [finding.name for finding in findings] == [name], findings
    return findings[0]


def test_too_few_keyframes(judged):
    finding = only(judged(frames=3), "too few keyframes")
    assert finding.sentence.startswith("It has 1 keyframe;") and finding.frames == (2,)


def test_jerk(judged):
    def kick(number, frame):
        return seen(frame, joint_velocities=frame.observation.joint_velocities + 2.0 * (number == 9))

    finding = only(judged(kick), "jerk")
    # 2 rad/s within 0.05 s and back: 40 rad/s^2, which turns by 80 within 0.05 s at frame 9.
    assert 9 in finding.frames and "1601 rad/s³" in finding.sentence


def test_stale_frames(judged):
    def freeze(number, frame):
        front, wrist = frame.observation.frames
        return seen(frame, frames=(front, replace(wrist, timestamp=min(wrist.timestamp, 0.5))))

    finding = only(judged(freeze), "stale frames")
    assert (
        finding.frames == tuple(range(11, 20)) and "wrist (9)" in finding.sentence and "front" not in finding.sentence
    )


def test_missing_frames(judged):
    finding = only(
        judged(lambda number, frame: replace(frame, wall_time=frame.wall_time + (number >= 7))), "missing frames"
    )
    assert finding.frames == (7,) and "0.3 s" in finding.sentence and "20 frames" in finding.sentence


def test_near_a_joint_limit(judged):
    def stretch(number, frame):
        joints = frame.observation.joint_positions.copy()
        joints[3] = FR3_LIMITS[3, 1] - (0.02 if number == 5 else 0.2)
        return seen(frame, joint_positions=joints)

    finding = only(judged(stretch), "near a joint limit")
    assert finding.frames == (5,) and "joint 4" in finding.sentence


def test_a_keyframe_out_of_the_workspace(judged):
    def leave(number, frame):
        pose = frame.observation.gripper_pose
        return seen(frame, gripper_pose=Pose(pose.position + [1.0 * (number == 19), 0, 0], pose.quaternion))

    assert only(judged(leave), "keyframe out of the workspace").frames == (19,)


def test_an_object_out_of_the_workspace(judged):
    def fall(number, frame):
        return replace(frame, objects={"cup": (0.2, 0.0, 0.8), "block": (0.3, 0.1, 0.8 if number < 15 else 0.1)})

    finding = only(judged(fall), "object out of the workspace")
    assert (
        finding.frames == (15, 16, 17, 18, 19) and finding.sentence.startswith("block:") and "0.8 s" in finding.sentence
    )


def test_the_limits_of_another_robot_are_not_asked(judged):
    assert judged(limits=np.zeros((6, 2))) == ()
