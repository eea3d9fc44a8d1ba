"""Previews of motions: the way that it shows is the arm's, and it tells what the links would run into."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clap.geometry.frames import TABLE_TOP, Pose
from clap.worlds.motion_limits import MotionLimits
from clap.worlds.robot.arm.kinematics import FrankaKinematics, Router
from clap.worlds.robot.arm.motion_preview import MOST_POSES, preview
from clap.worlds.robot.arm.protocol import ArmOptions
from clap.worlds.robot.arm.ur_kinematics import UrKinematics
from clap.worlds.robot.config import KeepOutBox

DOWN = np.array([1.0, 0.0, 0.0, 0.0])
SPEED = 0.1


@pytest.fixture(scope="module")
def router() -> Router:
    options = ArmOptions(address="")
    return Router(FrankaKinematics(options), MotionLimits(), options)


def test_the_preview_goes_from_where_the_arm_is_to_the_target(router: Router) -> None:
    home = router.kinematics.home
    target = Pose(np.array([0.3, 0.2, 0.95]), DOWN)
    shown = preview(router, target, home, SPEED)
    assert shown.clear, shown.sentence
    assert 2 <= len(shown.poses) <= MOST_POSES
    assert shown.poses[0].distance(router.kinematics.forward(home))[0] < 1e-6
    assert shown.poses[-1].distance(target)[0] < 1e-3
    metres = np.linalg.norm(np.asarray(target.position) - router.kinematics.forward(home).position)
    assert shown.seconds >= metres / SPEED
    assert "above the table" in shown.sentence


def test_links_that_would_run_into_a_box_beside_the_tools_way_are_told(router: Router) -> None:
    """The box stands where the elbow is and the tool never comes."""
    home = router.kinematics.home
    elbow = router.kinematics.outline(home)
    middle = elbow[np.argmax(elbow[:, 2])]
    box = KeepOutBox("lamp", tuple(middle - 0.03), tuple(middle + 0.03))
    among = Router(router.kinematics, replace(MotionLimits(), keep_out=(box,)), ArmOptions(address=""))
    target = Pose(np.array([0.3, 0.2, 0.95]), DOWN)
    assert among.to_pose(target, home, SPEED).path is not None, "the limits look at the tool alone"
    shown = preview(among, target, home, SPEED)
    assert not shown.clear and "“lamp”" in shown.sentence
    assert shown.poses, "the way is shown all the same"


def test_a_target_that_cannot_be_reached_has_no_way(router: Router) -> None:
    shown = preview(router, Pose(np.array([2.0, 0.0, 0.9]), DOWN), router.kinematics.home, SPEED)
    assert (shown.poses, shown.clear) == ((), False)
    assert "outside the workspace" in shown.sentence


@pytest.mark.parametrize("make", [FrankaKinematics, UrKinematics])
def test_the_outline_follows_the_base(make) -> None:
    options = ArmOptions(address="", model="ur5e")
    turned = replace(options, base_position=(0.1, 0.2, TABLE_TOP + 0.1), base_yaw=np.pi / 2)
    here, there = make(options), make(turned)
    before = here.outline(here.home) - np.asarray(options.base_position)
    after = there.outline(there.home) - np.asarray(turned.base_position)
    assert np.allclose(after[:, 2], before[:, 2], atol=1e-6)
    assert np.allclose(after[:, 0], -before[:, 1], atol=1e-6) and np.allclose(after[:, 1], before[:, 0], atol=1e-6)
    assert before[:, 2].max() > 0.2, "the arm stands upright"
