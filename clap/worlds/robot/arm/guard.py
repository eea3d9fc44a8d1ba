"""Stops an arm, past every queue: a thread that looks into shared memory every two milliseconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from clap.worlds.robot.arm.command_lane import Lane
from clap.worlds.robot.arm.errors import ArmHaltedError
from clap.worlds.robot.arm.protocol import Arm
from clap.worlds.robot.arm.shared_memory import ArmCells

PERIOD_S = 0.002
SOFT_STOP_S = 0.25
"""A soft stop that has not ended the motion after so long is followed by the brake."""

logger = logging.getLogger(__name__)


class ArmGuard:
    """Halts the arm when told to, and when the owner falls silent while something is ``moving``.

    ``joints``: what the arm's joints are doing.
    """

    def __init__(self, arm: Arm, shared: ArmCells, moving: Callable[[], bool], joints: Lane):
        self._arm, self._shared, self._moving, self._joints = arm, shared, moving, joints
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="guard", daemon=True)
        shared.cells.honoured = shared.asked

    def start(self) -> None:
        """Watch from now on."""
        self._thread.start()

    def end(self) -> None:
        """Watch no longer, and halt."""
        self._over.set()
        self._thread.join(1.0)
        self.halt()

    def halt(self) -> None:
        """A soft stop; the brake where the adapter fails at it. Raises nothing: the guard has to live on."""
        if not self._stopped_by(self._arm.soft_stop):
            self._stopped_by(self._arm.brake)

    def resume(self, asked: int) -> None:
        """Let the arm move again. Raises ArmHaltedError while it moves, and where more stops were asked for by now than
        the ``asked`` ones that the person who resumes has known of."""
        with self._lock:
            if self._moving():
                raise ArmHaltedError("The arm has not come to rest yet.", "Wait a moment, then press Resume.")
            if self._shared.asked != asked:
                raise ArmHaltedError("Stop was pressed meanwhile.")
            self._shared.cells.halted = False

    def _watch(self) -> None:
        since, stopped = None, None
        shared = self._shared
        while not self._over.wait(PERIOD_S):
            if shared.must_stop() or (self._moving() and shared.owner_is_late() and not shared.cells.halted):
                with self._lock:
                    asked = shared.asked
                    shared.cells.halted = True
                    self.halt()
                    shared.cells.honoured = asked
                since, stopped = time.monotonic(), self._joints.number
            elif since is not None and time.monotonic() - since > SOFT_STOP_S:
                since = None
                if stopped is not None and self._joints.number == stopped:
                    self._stopped_by(self._arm.brake)

    @staticmethod
    def _stopped_by(means: Callable[[], None]) -> bool:
        try:
            means()
        except Exception:
            logger.exception("The arm could not be stopped by %s", means)
            return False
        return True
