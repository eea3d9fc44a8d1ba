"""The robot as a world, opened from its configuration: what it shows, and what it says it cannot do."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("franky", reason="franky-control drives a Franka; it is part of requirements-robot.txt")

from clap.errors import WorldError
from clap.geometry.frames import Pose, Workspace
from clap.geometry.observation import CameraFrame
from clap.worlds.base import Action, MotionContext, MotionOutcome
from clap.worlds.capabilities import Ability, Resettable, Restorable, abilities_of, require
from clap.worlds.robot.__main__ import main
from clap.worlds.robot.arm.client import BEAT_S
from clap.worlds.robot.arm.errors import ArmHaltedError, ArmSetupError, ArmUnreachableError
from clap.worlds.robot.check import Inspection, check_arm
from clap.worlds.robot.config import ArmConfig, BoundsConfig, CameraConfig, KeepOutBox, LimitsConfig, RobotConfig
from clap.worlds.robot.errors import (
    CameraError,
    CameraNotPluggedInError,
    DepthEmptyError,
    FramesFrozenError,
    PlaybackOverError,
)
from clap.worlds.robot.loopback.arm import LoopbackArm
from clap.worlds.robot.opening import open_robot
from clap.worlds.robot.world import RobotWorld
from tests.support.robot_arm_parts import DarkCamera, pose

LOW, HIGH = (-0.2, -0.3, 0.7), (0.5, 0.3, 1.3)
POST = KeepOutBox("post", (0.05, 0.1, 0.7), (0.3, 0.2, 1.25))
POSES = int(os.environ.get("CLAP_RANDOM_POSES", "60"))
REALTIME = Path("/sys/kernel/realtime")
FRONT = CameraConfig("front", "0123")


def config(address: str, realtime: bool = False) -> RobotConfig:
    bounds = BoundsConfig(Workspace(LOW, HIGH), (POST,))
    return RobotConfig(
        ArmConfig(address, realtime=realtime), (FRONT,), bounds=bounds, limits=LimitsConfig(0.25, 0.6, 0.8)
    )


class FailingCamera(DarkCamera):
    """A camera that is lost while ``failure`` is set."""

    failure: CameraError | None = None

    def frames(self, tool: Pose, after: float | None = None) -> tuple[CameraFrame, ...]:
        if self.failure is not None:
            raise self.failure
        return super().frames(tool, after)


CAMERA = FailingCamera()


@pytest.fixture(scope="module")
def world(served: LoopbackArm) -> Iterator[RobotWorld]:
    made = open_robot(config(served.address), CAMERA, ("put the red block in the red cup",))
    yield made
    made.close()


class StopAfter:
    """Stops a motion after it has asked so often; ``asked`` holds when it did."""

    def __init__(self, times: int):
        self.times, self.asked = times, []

    def __call__(self) -> bool:
        self.asked.append(time.monotonic())
        return len(self.asked) > self.times


def allowed(point: np.ndarray) -> bool:
    """The bounds written down a second time."""
    inside = np.all(point >= [*LOW[:2], 0.8]) and np.all(point <= HIGH)
    return bool(inside and not (np.all(point >= POST.low) and np.all(point <= POST.high)))


def test_nothing_that_the_server_is_sent_leaves_the_limits(served, world):
    """CLAP_RANDOM_POSES=10000 tries so many: 25 minutes."""
    served.ask("commanded")
    rng = np.random.default_rng(4)
    sent = refused = late = 0
    for point in rng.uniform(np.array(LOW) - 0.1, np.array(HIGH) + 0.1, (POSES, 3)):
        stop = StopAfter(12)
        try:
            report = world.execute(Action(pose(*point), True), MotionContext(stop))
        except ArmHaltedError:  # a machine that was busy with other things: nobody watched the motion
            assert max(np.diff([*stop.asked, time.monotonic()])) > BEAT_S
            late += 1
            world.recover()
            continue
        refused += report.outcome is MotionOutcome.UNREACHABLE
        if report.outcome is MotionOutcome.STOPPED:
            sent += 1
            world.recover()
        assert report.outcome is not MotionOutcome.UNREACHABLE or report.reason.count(".") >= 2
        if report.outcome is MotionOutcome.UNREACHABLE and allowed(point):
            assert "joint angles" in report.reason or "way" in report.reason, (point, report.reason)
    for corner in (pose(LOW[0] + 0.15, LOW[1], 0.95), pose(0.25, HIGH[1], 0.95)):
        world.execute(Action(corner, True))
    seen = served.ask("commanded")
    assert sent > 5 and refused > 5 and late <= 1 + POSES // 100
    assert np.all(np.array(seen["lowest"]) >= np.array([*LOW[:2], 0.8]) - 1e-3)
    assert np.all(np.array(seen["highest"]) <= np.array(HIGH) + 1e-3)
    path = np.array(seen["path"])
    inside_the_post = np.all((path > np.array(POST.low) + 1e-3) & (path < np.array(POST.high) - 1e-3), axis=1)
    assert len(path) > 100 and not inside_the_post.any()
    print(f"\n{POSES} random poses: {sent} sent, {refused} refused, {late} halted unwatched")
    print(f"{len(path)} commanded tool positions, none outside")
    assert seen["fastest"] < 1.05 * world.tool_speed


def test_an_instant_is_quick_and_an_onlooker_sees_its_frames(world):
    began = time.monotonic()
    instants = [world.world_snapshot() for _ in range(50)]
    assert (time.monotonic() - began) / 50 < 0.005
    seen = world.snapshot_renderer().observe(instants[0])
    assert [frame.name for frame in seen.frames] == ["dark"]
    assert seen.gripper_pose.distance(instants[0].commanded)[0] < 0.05


@pytest.mark.parametrize("kind", [CameraNotPluggedInError, FramesFrozenError, DepthEmptyError, PlaybackOverError])
def test_a_camera_that_is_lost_in_motion_halts_the_arm_until_it_sees_again_and_a_person_resumes(served, world, kind):
    there, back = pose(0.2, -0.2, 1.0), pose(0.2, 0.0, 1.0)
    lose = threading.Timer(0.4, lambda: setattr(CAMERA, "failure", kind("Camera front is lost.")))
    lose.start()
    try:
        with pytest.raises(kind):
            world.execute(Action(there, True))
        held = world.state()[0]
        assert held.distance(there)[0] > 0.01 and world.arm_fault().name == "protective stop"
        with pytest.raises(kind):
            world.observe()
        world.recover()
        for motion in (lambda: world.execute(Action(there, True)), world.home, lambda: world.drive(lambda: None)):
            with pytest.raises(kind):
                motion()
        assert world.state()[0].distance(held)[0] < 0.002, "what nobody sees does not move"
        world_snapshot = world.world_snapshot()
    finally:
        CAMERA.failure = None
    with pytest.raises(kind):
        world.snapshot_renderer().observe(world_snapshot)
    assert world.execute(Action(back, True)).ok


def test_a_real_table_has_no_tasks_no_judge_and_no_way_back(world):
    assert world.is_real and world.success() is None
    assert world.examples() == ("put the red block in the red cup",)
    assert abilities_of(world) == {Ability.MOVE, Ability.PREVIEW, Ability.CALIBRATE}
    for impossible in (Resettable, Restorable):
        with pytest.raises(WorldError, match="hand"):
            require(world, impossible)


def test_an_arm_that_is_not_there_or_not_usable_says_so():
    with pytest.raises(ArmUnreachableError, match="No Franka arm answers") as caught:
        open_robot(config("127.9.9.9"), DarkCamera())
    assert caught.value.next_move.endswith("check the address. Then start again."), "nothing goes on that could try it"


def test_the_check_tells_how_the_arm_is_and_the_hand_is_homed_without_a_console(served, world, tmp_path, capsys):
    world.close()  # the last use of this world: the arm serves one client
    (well,) = check_arm(Inspection(config(served.address)))
    assert well.ok and f"franka at {served.address}" in well.sentence and "hand open 80 of 80 mm" in well.sentence
    beside = replace(config(served.address), bounds=BoundsConfig(Workspace((1.0, 1.0, 0.8), (2.0, 2.0, 1.8))))
    (outside,) = check_arm(Inspection(beside))
    assert outside.is_warning and "outside the workspace" in outside.sentence and "base_position" in outside.next_move
    path = tmp_path / "robot.yaml"
    arm, cameras = f'{{address: "{served.address}", realtime: false}}', '[{name: front, serial: "0"}]'
    path.write_text(f"arm: {arm}\ncameras: {cameras}\n")
    assert main(["home-gripper", str(path)]) == 0
    assert "opens to 80 mm" in capsys.readouterr().out


def test_an_arm_that_does_not_answer_fails_the_check_with_what_to_do():
    (finding,) = check_arm(Inspection(config("127.9.9.9")))
    assert not finding.ok and "(arm not reachable)" in finding.sentence and "Desk" in finding.next_move


def test_a_real_arm_is_refused_where_the_kernel_is_no_real_time_one(served):
    if REALTIME.exists() and REALTIME.read_text().strip() == "1":
        pytest.skip("this kernel is a real-time one")
    with pytest.raises(ArmSetupError, match="real-time"):
        open_robot(config(served.address, realtime=True), DarkCamera())
