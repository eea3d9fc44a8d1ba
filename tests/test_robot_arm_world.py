"""The robot as a world, opened from its configuration: what it shows, and what it says it cannot do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("franky", reason="franky-control drives a Franka; it is part of requirements-robot.txt")

from robot_arm_parts import DarkCamera, pose

from clap.failures import WorldError
from clap.geometry import Workspace
from clap.worlds.robot.arm_failures import ArmSetupError, ArmUnreachableError
from clap.worlds.robot.config import ArmConfig, BoundsConfig, CameraConfig, KeepOutBox, LimitsConfig, RobotConfig
from clap.worlds.robot.failures import FramesFrozenError
from clap.worlds.robot.loopback import LoopbackArm
from clap.worlds.robot.opening import open_robot
from clap.worlds.robot.world import RobotWorld
from clap.worlds.world import Action, MotionOutcome

LOW, HIGH = (-0.2, -0.3, 0.7), (0.5, 0.3, 1.3)
POST = KeepOutBox("post", (0.05, 0.1, 0.7), (0.3, 0.2, 1.25))
REALTIME = Path("/sys/kernel/realtime")
CAMERA = CameraConfig("front", "0123")


def config(address: str, realtime: bool = False) -> RobotConfig:
    bounds = BoundsConfig(Workspace(LOW, HIGH), (POST,))
    return RobotConfig(
        ArmConfig(address, realtime=realtime), (CAMERA,), bounds=bounds, limits=LimitsConfig(0.25, 0.6, 0.8)
    )


class LostCamera(DarkCamera):
    """A camera whose frames have stopped."""

    def frames(self, tool, after=None):
        raise FramesFrozenError("Camera front has given no frame for 2.0 s.")


@pytest.fixture(scope="module")
def served() -> Iterator[LoopbackArm]:
    arm = LoopbackArm()
    yield arm
    arm.close()


@pytest.fixture(scope="module")
def world(served: LoopbackArm) -> Iterator[RobotWorld]:
    made = open_robot(config(served.address), DarkCamera(), ("put the red block in the red cup",))
    yield made
    made.close()


def test_nothing_that_the_server_is_sent_leaves_the_limits(served, world):
    served.ask("commanded")
    rng = np.random.default_rng(4)
    sent = refused = 0
    for point in rng.uniform(np.array(LOW) - 0.1, np.array(HIGH) + 0.1, (60, 3)):
        looks = iter(range(1000))
        report = world.execute(Action(pose(*point), True), lambda looks=looks: next(looks) > 12)
        refused += report.outcome is MotionOutcome.UNREACHABLE
        sent += report.outcome is MotionOutcome.STOPPED
        assert report.outcome is not MotionOutcome.UNREACHABLE or report.reason.count(".") >= 2
    for corner in (pose(LOW[0] + 0.15, LOW[1], 0.95), pose(0.25, HIGH[1], 0.95)):
        world.execute(Action(corner, True))
    seen = served.ask("commanded")
    assert sent > 5 and refused > 5
    assert np.all(np.array(seen["lowest"]) >= np.array([*LOW[:2], 0.8]) - 1e-3)
    assert np.all(np.array(seen["highest"]) <= np.array(HIGH) + 1e-3)
    assert seen["fastest"] < 1.05 * world.tool_speed


def test_an_instant_is_quick_and_an_onlooker_sees_its_frames(world):
    began = time.monotonic()
    instants = [world.instant() for _ in range(50)]
    assert (time.monotonic() - began) / 50 < 0.005
    seen = world.onlooker().observe(instants[0])
    assert [frame.name for frame in seen.frames] == ["dark"]
    assert seen.gripper_pose.distance(instants[0].commanded)[0] < 0.05


def test_a_lost_camera_is_a_named_failure_of_looking_and_of_the_recording(served, world):
    working, world._cameras = world._cameras, LostCamera()
    try:
        instant = world.instant()
        with pytest.raises(FramesFrozenError):
            world.observe()
        with pytest.raises(FramesFrozenError):
            world.onlooker().observe(instant)
    finally:
        world._cameras = working


def test_a_real_table_has_no_tasks_no_judge_and_no_way_back(world):
    assert world.is_real and world.tasks() == () and world.success() is None and world.save() is None
    assert world.examples() == ("put the red block in the red cup",)
    for impossible in (lambda: world.reset("block_in_same_cup", 0), lambda: world.restore(None)):
        with pytest.raises(WorldError, match="hand"):
            impossible()


def test_an_arm_that_is_not_there_or_not_usable_says_so():
    with pytest.raises(ArmUnreachableError, match="No Franka arm answers"):
        open_robot(config("127.9.9.9"), DarkCamera())


def test_a_real_arm_is_refused_where_the_kernel_is_no_real_time_one(served, world):
    if REALTIME.exists() and REALTIME.read_text().strip() == "1":
        pytest.skip("this kernel is a real-time one")
    world.close()  # the last test of this arm: it serves one client
    with pytest.raises(ArmSetupError, match="real-time"):
        open_robot(config(served.address, realtime=True), DarkCamera())
