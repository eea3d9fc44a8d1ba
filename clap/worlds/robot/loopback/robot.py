"""The simulated FR3 behind libfranka's protocol: our tabletop scene, driven by the commands that a client sends.

Built on franky-sim 1.0.4, whose server speaks the protocol; its own scene and its torque controller are replaced by
the tabletop's model and position servos, so that what a client picks up is held as firmly as in the simulator.
"""

from __future__ import annotations

from collections import deque

import mujoco
import numpy as np
from franky_sim.base_simulator import BaseRobot, BaseSimulator, InnerRobotState, TrackedStateComponent
from franky_sim.constants import FRANKA_HAND_MAX_WIDTH, FRANKA_HAND_VELOCITY_LIMIT
from numpy.typing import NDArray

from clap.robots.fr3 import ARM_JOINTS, GRIPPER_ACTUATOR, GRIPPER_OPEN_CTRL, ROBOT_BASE
from clap.worlds.tabletop.world import TabletopWorld

Array = NDArray[np.floating]

TICK_S = 0.001
MOVING = 1e-5
"""Radians a tick (0.01 rad/s) from which the joint angles count in the records."""

REMEMBERED_TICKS, SPEED_TICKS = 8000, 300
REMEMBERED_POINTS, APART = 100_000, 0.003


class ServedRobot(BaseRobot):
    """The arm and hand of a tabletop world, as franky-sim's server wants them; base frame, metres, radians.

    ``lowest`` and ``highest`` (3,): the extremes, world metres, of the tool positions that were commanded since
    ``forget``, ``path`` those that lie 3 mm and more apart; ``fastest``: the greatest speed, m/s, over 300 ticks;
    ``moved``: the times (time.monotonic) at which a client commanded a motion, by what it sent.
    """

    def __init__(self, world: TabletopWorld):
        super().__init__()
        # Commands are positions here, so that the desired torques are those that the servos give.
        self._tracked_state_components["tau_J_d"] = TrackedStateComponent(lambda _, state: np.asarray(state.tau_j))
        self._world = world
        self._base = np.asarray(ROBOT_BASE)
        self.bind()

    def bind(self) -> None:
        """Take the world's present scene, which was set anew."""
        self._model, self._data = self._world.model, self._world.data
        joints = [self._model.joint(name) for name in ARM_JOINTS]
        self._qpos = [int(joint.qposadr[0]) for joint in joints]
        self._qvel = [int(joint.dofadr[0]) for joint in joints]
        self._ctrl = [self._model.actuator(name).id for name in ARM_JOINTS]
        self._hand = self._model.actuator(GRIPPER_ACTUATOR).id
        self._gripper_goal, self._gripper_speed = FRANKA_HAND_MAX_WIDTH, FRANKA_HAND_VELOCITY_LIMIT
        self.commanded: Array = self._data.ctrl[self._ctrl].copy()
        self.forget()

    def forget(self) -> None:
        """Start the records of what was commanded anew."""
        self.moved: deque[float] = deque(maxlen=REMEMBERED_TICKS)
        self.lowest, self.highest = np.full(3, np.inf), np.full(3, -np.inf)
        self.path: deque[Array] = deque(maxlen=REMEMBERED_POINTS)
        self.fastest = 0.0
        self._tool: Array | None = None
        self._speeds: deque[float] = deque([0.0] * SPEED_TICKS, maxlen=SPEED_TICKS)

    def still_since(self, when: float) -> float:
        """The time.monotonic() of the last command from ``when`` on that was a motion, or ``when``."""
        return max((at for at in self.moved if at >= when), default=when)

    def set_hand_goal(self, width: float, max_velocity: float, max_force: float) -> None:
        self._gripper_goal = float(np.clip(width, 0.0, FRANKA_HAND_MAX_WIDTH))
        self._gripper_speed = min(float(max_velocity), FRANKA_HAND_VELOCITY_LIMIT)

    def _get_hand_width(self) -> float:
        return self._world.arm.gripper_open() * FRANKA_HAND_MAX_WIDTH

    def _get_state(self) -> InnerRobotState:
        q, dq, torques = self._data.qpos[self._qpos], self._data.qvel[self._qvel], self._data.qfrc_actuator[self._qvel]
        return InnerRobotState(q=tuple(q.tolist()), dq=tuple(dq.tolist()), tau_j=tuple(torques.tolist()))

    def _torque_control(self, torques: Array) -> None:
        raise ValueError("the served robot takes positions and velocities, not torques")

    def _joint_position_control(self, target_q: Array) -> None:
        self._follow(np.asarray(target_q, float))

    def _joint_velocity_control(self, target_dq: Array) -> None:
        self._follow(self.commanded + np.asarray(target_dq, float) * TICK_S)
        # As a real controller does, tell which joint angles these velocities have come to.
        self._tracked_state_components["q_d"].set(self._BaseRobot__t, self.commanded)

    def _follow(self, joints: Array) -> None:
        step = float(np.abs(joints - self.commanded).max())
        if step > MOVING:
            tool = self.kinematics(joints).translation + self._base
            self.lowest, self.highest = np.minimum(self.lowest, tool), np.maximum(self.highest, tool)
            if not self.path or np.linalg.norm(tool - self.path[-1]) > APART:
                self.path.append(tool)
            if self._tool is not None:
                self._speeds.append(float(np.linalg.norm(tool - self._tool)) / TICK_S)
                # A late packet makes one tick do the way of several, so the mean over many counts.
                self.fastest = max(self.fastest, sum(self._speeds) / len(self._speeds))
            self._tool = tool
        else:
            self._speeds.append(0.0)
        self.commanded = joints.copy()
        self._data.ctrl[self._ctrl] = joints

    def _pre_step(self) -> None:
        goal = self._gripper_goal / FRANKA_HAND_MAX_WIDTH * GRIPPER_OPEN_CTRL
        step = self._gripper_speed * TICK_S / FRANKA_HAND_MAX_WIDTH * GRIPPER_OPEN_CTRL
        now = float(self._data.ctrl[self._hand])
        if goal > now:
            # A sudden opening flings what is held towards one finger: go on from the width that is really open.
            now = max(now, self._world.arm.gripper_open() * GRIPPER_OPEN_CTRL - step)
        self._data.ctrl[self._hand] = now + np.clip(goal - now, -step, step)


class ServedTable(BaseSimulator):
    """One tabletop world as franky-sim's simulator, a millisecond a step.

    The physics keeps the tabletop's own time step, of two milliseconds, and so is advanced at every other step.
    """

    def __init__(self, world: TabletopWorld):
        super().__init__()
        self.world = world
        self.robot = ServedRobot(world)
        self._due = 0.0

    def _get_robots(self) -> list[BaseRobot]:
        return [self.robot]

    def _step(self) -> None:
        self._due += TICK_S
        if self._due >= self.world.model.opt.timestep - 1e-9:
            self._due = 0.0
            mujoco.mj_step(self.world.model, self.world.data)
