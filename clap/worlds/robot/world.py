"""A real robot as a world: an arm in its own process, cameras, and the limits that no motion may leave."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from clap.errors import ClapError
from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame, Observation
from clap.worlds.base import UNWATCHED, Action, MotionContext, MotionReport
from clap.worlds.capabilities import (
    Drivable,
    Instructable,
    Movable,
    ObservableInParts,
    Previewable,
    PreviewedMotion,
    Recoverable,
    Snapshotable,
)
from clap.worlds.motion_limits import MotionLimits
from clap.worlds.robot.arm.client import ArmClient
from clap.worlds.robot.arm.errors import ArmError
from clap.worlds.robot.arm.executor import Executor
from clap.worlds.robot.arm.kinematics import Router
from clap.worlds.robot.arm.motion_preview import preview
from clap.worlds.robot.arm.protocol import ArmState
from clap.worlds.robot.arm.teleoperation import drive
from clap.worlds.robot.physical_world import Cameras, Judge, PhysicalWorld
from clap.worlds.snapshot import WorldSnapshot
from clap.worlds.teleoperation import TeleoperationCommand


class RobotWorld(
    PhysicalWorld, Movable, Drivable, Recoverable, Previewable, Instructable, ObservableInParts, Snapshotable
):
    """A real arm and its cameras. Time is wall time, ``time.time()`` in observations.

    ``prompts``: the instructions to offer. No real table has a ``judge``; a served one in a simulation has.

    After a stop, and after the arm stopped by itself or was lost, motions raise the ArmError that says so until
    ``recover`` is called. ``on_close`` is called last.
    """

    limits: MotionLimits | None

    def __init__(
        self,
        arm: ArmClient,
        cameras: Cameras,
        router: Router,
        tool_speed: float = 0.1,
        grasp_force: float = 30.0,
        prompts: tuple[str, ...] = (),
        judge: Judge | None = None,
        on_close: Callable[[], None] = lambda: None,
    ):
        super().__init__(cameras)
        self._prompts, self._judge = prompts, judge
        self.limits, self.workspace, self.tool_speed = router.limits, router.limits.workspace, tool_speed
        self.arm, self._router, self._on_close = arm, router, on_close
        self._executor = Executor(arm, router, tool_speed, grasp_force, self._check_sight)

    def observe(self) -> Observation:
        """The present observation, of frames taken from now on. Raises ArmError or CameraError."""
        state = self.arm.state()
        return self._observation(state, self.cameras.frames(state.tool, after=time.time()))

    def observe_in_parts(self) -> Iterator[Observation | None]:
        state = self.arm.state()
        yield self._observation(state, self.cameras.frames(state.tool))

    def world_snapshot(self) -> WorldSnapshot:
        state = self.arm.state()
        scene = self._frames_or_failure(state.tool)
        return WorldSnapshot(self._observation(state, ()), state.commanded, self._executor.commanded_opening, scene)

    def state(self) -> tuple[Pose, float]:
        state = self.arm.state()
        return state.tool, state.opening

    def reachable(self, pose: Pose) -> bool:
        return self._router.reachable(pose, self.arm.state().joints)

    def execute(self, action: Action, context: MotionContext = UNWATCHED) -> MotionReport:
        return self._executor.execute(action, context)

    def home(self, context: MotionContext = UNWATCHED) -> MotionReport:
        return self._executor.home(self._router.kinematics.home, context)

    def drive(self, command: TeleoperationCommand, context: MotionContext = UNWATCHED) -> MotionReport:
        return drive(self._executor, self._router, command, context)

    def preview(self, action: Action, speed: float = 0.0) -> PreviewedMotion:
        return preview(self._router, action.pose, self.arm.state().joints, self._executor.speed(speed))

    def examples(self) -> tuple[str, ...]:
        return self._prompts

    def follow(self, instruction: str) -> bool:
        return self._judge is not None and self._judge.follow(instruction)

    def success(self) -> bool | None:
        return None if self._judge is None else self._judge.success()

    def arm_fault(self) -> ClapError | None:
        try:
            self.arm.check_ready()
        except ArmError as error:
            return error
        return None

    def recover(self, context: MotionContext = UNWATCHED) -> None:
        asked = self.arm.asked  # before Stop is asked about: one that is pressed in between is not passed over
        if not context.should_stop():
            self.arm.recover(asked)

    def close(self) -> None:
        self.arm.close()
        self.cameras.close()
        self._on_close()

    def _check_sight(self, state: ArmState) -> None:
        self.cameras.frames(state.tool)

    @staticmethod
    def _observation(state: ArmState, frames: tuple[CameraFrame, ...]) -> Observation:
        """As old as its oldest frame: that decides whether it may be acted upon."""
        age = time.monotonic() - state.time
        stamp = min([time.time() - age, *(frame.timestamp for frame in frames)])
        return Observation(frames, state.tool, state.opening, state.joints, state.velocities, stamp)
