"""libfranka's protocol for the served table, with the faults of a real controller on demand."""

from __future__ import annotations

import time

import numpy as np
from franky_sim.franka_robot_protocol import (
    AutomaticErrorRecoveryCommand,
    MoveCommand,
    MoveStatus,
    RobotCommand,
    RobotMode,
    UDPCommand,
)
from franky_sim.franka_robot_server import FrankaRobotServer
from franky_sim.franka_robot_state import FrankaRobotState
from franky_sim.franka_server import BaseCommand
from franky_sim.simulation_server import LocalHostnames

from clap.worlds.robot.loopback.robot import TICK_S, ServedTable

CARTESIAN_REFLEX, COMMUNICATION_VIOLATION = 7, 31
"""Places in libfranka's list of 41 errors."""

STILL_TICK, STILL_SPEED = 1e-6, 1e-3
"""Metres and radians a tick, and a second, below which a command counts as standing still: 1 mm/s."""


class _Move(MoveCommand):
    """Refused while the robot is in reflex, as by a real controller."""

    def handle(self, server: FaultyServer) -> None:
        if server.reflex is not None:
            self.reply(MoveStatus.kCommandNotPossibleRejected)
        else:
            super().handle(server)


class _Recover(AutomaticErrorRecoveryCommand):
    def handle(self, server: FaultyServer) -> None:
        server.reflex = None
        super().handle(server)


class FaultyServer(FrankaRobotServer):
    """``reflex``: the number of the error that holds the robot, None while there is none.

    It listens at ``address``, or at the first loopback address whose ports are free.
    """

    def __init__(self, table: ServedTable, address: str | None = None):
        super().__init__(table.robot, LocalHostnames() if address is None else [address])
        self._FrankaServer__command_class_map.update(
            {RobotCommand.kMove: _Move, RobotCommand.kAutomaticErrorRecovery: _Recover}
        )
        self._table = table
        self.reflex: int | None = None
        self._silent_until = 0.0
        self._commanded: np.ndarray | None = None

    @property
    def robot_state(self) -> FrankaRobotState:
        state = super().robot_state
        if self.reflex is None:
            return state
        errors = tuple(index == self.reflex for index in range(41))
        return state.replace(
            robot_mode=RobotMode.kReflex,
            errors=errors,
            reflex_reason=errors,
            current_errors=errors,
            last_motion_errors=errors,
        )

    def _handle_udp_command(self, command_data: bytes) -> None:
        super()._handle_udp_command(command_data)
        command = UDPCommand.from_bytes(command_data)
        numbers = np.array([*command.q_c, *command.O_T_EE_c])
        still = self._commanded is not None and np.abs(numbers - self._commanded).max() < STILL_TICK
        if not still or np.abs([*command.O_dP_EE_c, *command.dq_c]).max() > STILL_SPEED:
            self._table.robot.moved.append(time.monotonic())
        self._commanded = numbers

    def inject(self, error: int = CARTESIAN_REFLEX) -> None:
        """A reflex now: the motion is aborted, and none begins until an error recovery."""
        motion, self.reflex = self.current_motion_id, error
        self.reset_current_motion_id()
        self.stop_motion(send_preemption_signal=False)
        if motion:
            self.send_state()
            BaseCommand.send_response(self._tcp_socket, RobotCommand.kMove, motion, MoveStatus.kReflexAborted)

    def silence(self, seconds: float) -> None:
        """Neither listen nor send for so long; a controller that hears no commands aborts the motion by a reflex."""
        if self.current_motion_id:
            self.reset_current_motion_id()
            self.stop_motion(send_preemption_signal=False)
            self.reflex = COMMUNICATION_VIOLATION
        self._silent_until = time.monotonic() + seconds

    def serve_tick(self) -> None:
        """One millisecond: commands in, physics, state out; as long as real time takes."""
        began = time.monotonic()
        silent = began < self._silent_until
        if silent:
            self._table.robot.joint_position_control(self._table.robot.commanded)
        else:
            self.process_commands()
        self._table.step()
        if not silent:
            self.send_state()
        time.sleep(max(0.0, TICK_S - (time.monotonic() - began)))
