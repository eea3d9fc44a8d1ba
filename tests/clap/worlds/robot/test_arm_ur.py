"""The UR adapter: its conversions, its kinematics, its gripper's protocol, and the driver's documented interface.

The arm itself was never driven: no UR controller can be served here, and a double of it would only confirm itself.
"""

from __future__ import annotations

import re
import socket
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clap.geometry.frames import Pose
from clap.worlds.robot.arm.adapters import adapter
from clap.worlds.robot.arm.errors import ArmError, ArmLostError, ArmSetupError
from clap.worlds.robot.arm.protocol import ArmMode, ArmOptions
from clap.worlds.robot.arm.robotiq import RobotiqGripper
from clap.worlds.robot.arm.ur import errors_of, mode_of, numbers_of, pose_of
from clap.worlds.robot.arm.ur_kinematics import UrKinematics
from clap.worlds.teleoperation import turned

BARE = ArmOptions("", base_position=(0.0, 0.0, 0.0), tool_length=0.0)


@given(st.lists(st.floats(-1.7, 1.7), min_size=3, max_size=3), st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3))
def test_poses_survive_the_way_to_the_controller_and_back(position, vector):
    pose = Pose.from_rotation(np.array(position), turned(np.array(vector)))
    metres, radians = pose_of(numbers_of(pose)).distance(pose)
    assert metres < 1e-12 and radians < 1e-6


def test_safety_bits_become_modes_and_names():
    normal, protective, emergency = 1, 1 | 1 << 2 | 1 << 10, 1 << 6 | 1 << 7
    assert mode_of(7, normal, False) is ArmMode.IDLE and mode_of(7, normal, True) is ArmMode.MOVING
    assert mode_of(7, protective, True) is ArmMode.REFLEX
    assert mode_of(7, emergency, False) is ArmMode.USER_STOPPED
    assert mode_of(5, normal, False) is ArmMode.OTHER
    assert errors_of(normal) == () and errors_of(protective) == ("protective_stopped", "stopped_due_to_safety")


@pytest.mark.parametrize(
    ("model", "reach", "height", "across"),
    [("ur3e", 0.45675, 0.15185 - 0.08535, 0.22315), ("ur5e", 0.8172, 0.1625 - 0.0997, 0.2329)],
)
def test_the_stretched_arm_reaches_as_far_as_the_makers_drawing_says(model, reach, height, across):
    arm = UrKinematics(ArmOptions("", base_position=(0.0, 0.0, 0.0), tool_length=0.0, model=model))
    np.testing.assert_allclose(arm.forward(np.zeros(6)).position, [-reach, -across, height], atol=1e-9)


@given(st.lists(st.floats(-0.5, 0.5), min_size=6, max_size=6))
def test_inverse_kinematics_finds_the_way_back(offsets):
    arm = UrKinematics(ArmOptions(""))
    pose = arm.forward(arm.home + np.array(offsets))
    found = arm.solve_from_anywhere(pose, arm.home)
    assert found is not None
    metres, radians = arm.forward(found).distance(pose)
    assert metres < 1e-3 and radians < 3e-3


def test_what_is_out_of_reach_has_no_joint_angles():
    arm = UrKinematics(BARE)
    assert arm.solve_from_anywhere(Pose(np.array([1.4, 0.0, 0.2]), np.array([1.0, 0, 0, 0])), arm.home) is None


def test_unknown_arms_and_models_are_named_with_those_that_there_are():
    with pytest.raises(ArmSetupError, match="franka, ur"):
        adapter("kuka")
    with pytest.raises(ArmSetupError, match="ur3e, ur5e, ur10e"):
        UrKinematics(ArmOptions("", model="ur99"))


class UrCap:
    """Speaks the gripper's text protocol over a real socket, as its manual writes it down."""

    def __init__(self) -> None:
        self.values = {"ACT": 0, "GTO": 0, "POS": 0, "SPE": 0, "FOR": 0, "OBJ": 3}
        self.closing_meets = 255
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                connection.sendall(self._answer(line.decode().split()))
        self._listener.close()

    def _answer(self, words: list[str]) -> bytes:
        if words[0] == "GET":
            return f"{words[1]} {self.values[words[1]]}\n".encode()
        if words[1] not in self.values:
            return b"?\n"
        self.values[words[1]] = int(words[2])
        if words[1] == "GTO" and words[2] == "1":
            self.values["OBJ"] = 2 if self.values["POS"] > self.closing_meets else 3
            self.values["POS"] = min(self.values["POS"], self.closing_meets)
        return b"ack"


def test_the_gripper_opens_closes_and_tells_what_it_holds():
    cap = UrCap()
    gripper = RobotiqGripper("127.0.0.1", port=cap.port)
    gripper.home()
    gripper.move(0.085)
    assert cap.values["POS"] == 0 and gripper.state() == (0.085, False, False)
    cap.closing_meets = 128
    gripper.grasp(235.0)
    assert cap.values["FOR"] == 255
    width, holding, moving = gripper.state()
    assert holding and not moving and 0.04 < width < 0.045
    with pytest.raises(ArmError, match="did not accept"):
        gripper._set("XYZ", 1)
    gripper.close()
    with pytest.raises(ArmLostError):
        gripper.state()


CALLS = {
    "moveL": ["pose: list[float]", "speed: float", "acceleration: float", "asynchronous: bool"],
    "moveJ": ["q: list[float]", "speed: float", "acceleration: float", "asynchronous: bool"],
    "speedL": ["xd: list[float]", "acceleration: float", "time: float"],
    "speedStop": ["a: float"],
    "stopL": ["a: float", "asynchronous: bool"],
    "stopJ": ["a: float", "asynchronous: bool"],
    "setWatchdog": ["min_frequency: float"],
}


@pytest.mark.parametrize("name", CALLS)
def test_the_driver_takes_what_the_adapter_gives(name):
    control = pytest.importorskip("rtde_control", reason="ur_rtde is only installed where a UR arm is driven")
    signatures = re.findall(rf"{name}\(self: \S+, (.*)\) ->", getattr(control.RTDEControlInterface, name).__doc__)
    shapes = [[part.split(" =")[0] for part in re.split(r", (?=\w+:)", signature)] for signature in signatures]
    assert CALLS[name] in shapes
