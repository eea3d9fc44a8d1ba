"""The memory that an arm's process shares with its owner, when one of both is held up."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from clap.stop_button import StopButton
from clap.worlds.robot.arm.errors import ArmLostError
from clap.worlds.robot.arm.protocol import ArmMode, ArmState
from clap.worlds.robot.arm.shared_memory import ArmCells
from tests.support.robot_arm_parts import pose

STATE = ArmState(
    1.0, np.zeros(7), np.zeros(7), pose(0.1, 0.2, 0.9), pose(0.1, 0.2, 0.9), 0.04, 0.08, False, ArmMode.IDLE, ()
)


@pytest.fixture
def cells() -> ArmCells:
    return ArmCells(StopButton())


def test_nothing_is_read_before_the_first_state(cells: ArmCells) -> None:
    assert cells.read() is None
    cells.write(STATE)
    read = cells.read()
    assert read is not None and read.mode is ArmMode.IDLE
    np.testing.assert_allclose(read.tool.position, STATE.tool.position)


def test_a_state_that_is_being_written_is_waited_for(cells: ArmCells) -> None:
    cells.write(STATE)
    cells.cells.sequence += 1  # as the writer leaves it when the machine takes its core away

    def go_on() -> None:
        cells.cells.sequence += 1

    held_up = threading.Timer(0.1, go_on)
    held_up.start()
    assert cells.read() is not None
    held_up.join()


def test_a_writer_that_does_not_go_on_is_a_lost_arm(cells: ArmCells) -> None:
    cells.write(STATE)
    cells.cells.sequence += 1
    with pytest.raises(ArmLostError, match="stands still"):
        cells.read()
