"""Motion of the simulated arm: a straight line where inverse kinematics follows it, else a joint-space move."""

from __future__ import annotations

import time
from collections.abc import Callable

import mujoco
import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.robots.fr3 import (
    ARM_JOINTS,
    FINGER_JOINTS,
    FINGER_TRAVEL,
    GRIPPER_ACTUATOR,
    GRIPPER_OPEN_CTRL,
    HOME_JOINTS,
)
from clap.robots.fr3_kinematics import InverseKinematics
from clap.worlds.base import Action, MotionContext, MotionOutcome, MotionReport
from clap.worlds.tabletop.contacts import TouchGuard, touching
from clap.worlds.teleoperation import CONTROL_PERIOD

Array = NDArray[np.floating]

LINEAR_SPEED, ANGULAR_SPEED, JOINT_SPEED = 0.3, 1.8, 1.6
POSITION_TOLERANCE, ROTATION_TOLERANCE = 0.015, 0.15
GRIPPER_SECONDS, SETTLE_SECONDS = 0.4, 0.6
STILL = 0.01
"""Speed of a joint, rad/s, below which it counts as resting."""

TOOL_STILL = 0.005
"""Speed of the tool centre point, m/s, below which a halted arm counts as resting."""


class Stopped(Exception):
    """Raised inside a motion when the operator stops it; the arm then holds where it is."""


class Touched(Exception):
    """Raised inside a motion that avoids collisions when it presses against something; the arm then holds."""


def _ease(u: float) -> float:
    """Quintic time scaling: zero velocity and acceleration at both ends."""
    return u**3 * (10 - 15 * u + 6 * u * u)


class Arm:
    """Drives the FR3 of one compiled model. Keeps the commanded joint angles between motions."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, kinematics: InverseKinematics):
        self.model, self.data, self.kinematics = model, data, kinematics
        self._qpos = [model.joint(name).qposadr[0] for name in ARM_JOINTS]
        self._qvel = [model.joint(name).dofadr[0] for name in ARM_JOINTS]
        self._ctrl = [model.actuator(name).id for name in ARM_JOINTS]
        self._fingers = [model.joint(name).qposadr[0] for name in FINGER_JOINTS]
        self._hand = model.actuator(GRIPPER_ACTUATOR).id
        self._tcp = model.site("tcp").id
        self._substeps = max(1, round(CONTROL_PERIOD / model.opt.timestep))
        self.commanded = HOME_JOINTS.copy()
        self._tick_hook: Callable[[], None] = lambda: None
        self._guard: TouchGuard | None = None

    def home(self, context: MotionContext) -> MotionReport:
        """Open the gripper where it is, then move to the home posture."""
        opened = self.execute(Action(self.pose(), gripper_open=True), context)
        if opened.outcome is MotionOutcome.STOPPED:
            return opened
        pose = self.kinematics.forward(HOME_JOINTS)
        return self.execute(Action(pose, gripper_open=True), context)

    def place_at(self, joints: Array) -> None:
        """Set the joint state (no motion) to joint angles (7,) rad, with an open gripper."""
        self.data.qpos[self._qpos] = joints
        self.data.qpos[self._fingers] = FINGER_TRAVEL
        self.data.ctrl[self._ctrl] = joints
        self.data.ctrl[self._hand] = GRIPPER_OPEN_CTRL
        self.commanded = np.array(joints, float)

    def pose(self) -> Pose:
        """Pose of the tool centre point now, world frame."""
        return Pose.from_rotation(self.data.site_xpos[self._tcp], self.data.site_xmat[self._tcp].reshape(3, 3))

    def gripper_open(self) -> float:
        """Opening from 0 to 1."""
        return float(np.clip(self.data.qpos[self._fingers].sum() / (2 * FINGER_TRAVEL), 0, 1))

    def commanded_opening(self) -> float:
        """Opening from 0 to 1 that the gripper is told to take."""
        return float(np.clip(self.data.ctrl[self._hand] / GRIPPER_OPEN_CTRL, 0, 1))

    def joints(self) -> tuple[Array, Array]:
        """Joint positions (7,) rad and velocities (7,) rad/s."""
        return self.data.qpos[self._qpos].copy(), self.data.qvel[self._qvel].copy()

    @property
    def is_still(self) -> bool:
        """True while no joint moves by more than STILL."""
        return bool(np.abs(self.data.qvel[self._qvel]).max() < STILL)

    @property
    def time(self) -> float:
        return float(self.data.time)

    def command(self, joints: Array) -> None:
        """Tell the arm to take these joint angles (7,) rad."""
        self.data.ctrl[self._ctrl] = self.commanded = joints

    def move_gripper(self, open_: bool) -> None:
        """Tell the gripper to close, or to open as far as it may within one control tick."""
        if not open_:
            self.data.ctrl[self._hand] = 0.0
            return
        # A sudden opening flings what is held towards one finger: go on from the width that is really open.
        width = max(float(self.data.ctrl[self._hand]), (self.gripper_open() - 0.01) * GRIPPER_OPEN_CTRL)
        self.data.ctrl[self._hand] = min(
            GRIPPER_OPEN_CTRL, width + GRIPPER_OPEN_CTRL * CONTROL_PERIOD / GRIPPER_SECONDS
        )

    def tick(self, count: int = 1) -> None:
        """Advance the physics by ``count`` control periods of 20 ms."""
        for _ in range(count):
            mujoco.mj_step(self.model, self.data, self._substeps)
            self._tick_hook()

    def execute(self, action: Action, context: MotionContext) -> MotionReport:
        """Move to the pose, then set the gripper; see ``Movable.execute``."""
        started = self.time
        path = self._plan(action.pose)
        if path is None:
            return self.report(MotionOutcome.UNREACHABLE, action, started, "No joint angles reach this pose.")
        try:
            self._guard = None if action.ignore_collisions else TouchGuard(self.model, self.data)
            self._tick_hook = self._hook(context)
            if context.should_stop():
                raise Stopped
            for q in path:
                self.command(q)
                self.tick()
            self._settle()
            self._guard = None
            self._set_gripper(action.gripper_open)
        except Stopped:
            self.hold()
            return self.report(MotionOutcome.STOPPED, action, started, "Stopped by the operator.")
        except Touched as touched:
            self.hold()
            return self.report(MotionOutcome.FELL_SHORT, action, started, str(touched))
        finally:
            self._tick_hook = lambda: None
        report = self.report(MotionOutcome.REACHED, action, started, "")
        if report.position_error > POSITION_TOLERANCE or report.rotation_error > ROTATION_TOLERANCE:
            return self.report(MotionOutcome.FELL_SHORT, action, started, self._why_short(report))
        return report

    def _hook(self, context: MotionContext) -> Callable[[], None]:
        wall_start, sim_start = time.monotonic(), self.time

        def hook() -> None:
            if context.should_stop():
                raise Stopped
            if self._guard is not None and (pressed := self._guard.pressed()):
                name, force = pressed
                raise Touched(f"The motion touched the {name} ({force:.0f} N) and was stopped there.")
            context.on_tick(self.pose(), self.gripper_open())
            if context.speed > 0:
                ahead = (self.time - sim_start) / context.speed - (time.monotonic() - wall_start)
                if ahead > 0:
                    time.sleep(ahead)

        return hook

    def _plan(self, target: Pose) -> list[Array] | None:
        """Joint angles for every control tick: a straight line if it can be followed, else a joint move."""
        goal = self.kinematics.solve_from_anywhere(target, self.commanded)
        if goal is None:
            return None
        return self._line(target) or self._joint_move(goal)

    def _line(self, target: Pose) -> list[Array] | None:
        start = self.commanded_pose()
        quaternion, axis_angle, turned, rotation = np.zeros(4), np.zeros(3), np.zeros(4), np.zeros(9)
        mujoco.mju_mat2Quat(quaternion, (target.rotation @ start.rotation.T).flatten())
        mujoco.mju_quat2Vel(axis_angle, quaternion, 1.0)
        angle = float(np.linalg.norm(axis_angle))
        axis = axis_angle / angle if angle > 1e-9 else np.array([0.0, 0, 1])
        delta = np.asarray(target.position) - start.position
        duration = max(0.3, 1.9 * float(np.linalg.norm(delta)) / LINEAR_SPEED, 1.9 * angle / ANGULAR_SPEED)
        steps = int(np.ceil(duration / CONTROL_PERIOD))
        q, path, start_rotation = self.commanded, [], start.rotation
        for k in range(1, steps + 1):
            u = _ease(k / steps)
            mujoco.mju_axisAngle2Quat(turned, axis, u * angle)
            mujoco.mju_quat2Mat(rotation, turned)
            waypoint = Pose.from_rotation(start.position + u * delta, rotation.reshape(3, 3) @ start_rotation)
            q_next = self.kinematics.solve(waypoint, q, iterations=15)
            if q_next is None or np.abs(q_next - q).max() > 0.2:
                return None
            path.append(q_next)
            q = q_next
        return path

    def _joint_move(self, goal: Array) -> list[Array]:
        start = self.commanded
        duration = max(0.3, 1.9 * float(np.abs(goal - start).max()) / JOINT_SPEED)
        steps = int(np.ceil(duration / CONTROL_PERIOD))
        return [start + _ease(k / steps) * (goal - start) for k in range(1, steps + 1)]

    def commanded_pose(self) -> Pose:
        """Pose of the tool centre point that the arm was last told to take."""
        return self.kinematics.forward(self.commanded)

    def _settle(self) -> None:
        for _ in range(int(SETTLE_SECONDS / CONTROL_PERIOD)):
            self.tick()
            if self.is_still:
                break

    def _set_gripper(self, open_: bool) -> None:
        target = GRIPPER_OPEN_CTRL if open_ else 0.0
        start = float(self.data.ctrl[self._hand])
        if start == target:
            return
        steps = int(GRIPPER_SECONDS / CONTROL_PERIOD)
        if open_:
            # A sudden opening flings what is held towards one finger: start from the width that is really open.
            start = max(start, (self.gripper_open() - 0.01) * GRIPPER_OPEN_CTRL)
        for k in range(1, steps + 1):
            self.data.ctrl[self._hand] = start + (target - start) * (
                _ease(min(1.0, k / (0.6 * steps))) if open_ else 1.0
            )
            self.tick()

    def hold(self) -> None:
        """Command the present joint angles and damp out what motion is left."""
        self._tick_hook, self._guard = (lambda: None), None
        self.commanded = self.data.qpos[self._qpos].copy()
        self.data.ctrl[self._ctrl] = self.commanded
        for _ in range(int(SETTLE_SECONDS / CONTROL_PERIOD)):
            before = self.pose()
            self.tick()
            # The tool, not the joints: at its force limit the last one's servo trembles for long, on the spot.
            if self.pose().distance(before)[0] < TOOL_STILL * CONTROL_PERIOD:
                break

    def report(self, outcome: MotionOutcome, action: Action, started: float, reason: str) -> MotionReport:
        """What a motion came to that began at ``started`` (seconds of the world's time)."""
        reached = self.pose()
        position_error, rotation_error = reached.distance(action.pose)
        return MotionReport(
            outcome, reached, self.gripper_open(), position_error, rotation_error, self.time - started, reason
        )

    def _why_short(self, report: MotionReport) -> str:
        touched = sorted(touching(self.model, self.data))
        by = f" The arm touches: {', '.join(touched)}." if touched else ""
        return f"The arm ended {100 * report.position_error:.1f} cm from the target.{by}"
