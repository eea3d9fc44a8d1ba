"""A real robot as a world: an arm in its own process, cameras, and the limits that no motion may leave."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from clap.failures import ClapError, WorldError
from clap.geometry import Pose
from clap.observation import CameraFrame, Observation
from clap.teleoperation import DriveCommand
from clap.worlds.instant import Instant, Onlooker
from clap.worlds.robot.arm import ArmState
from clap.worlds.robot.arm_client import ArmClient
from clap.worlds.robot.driving import drive
from clap.worlds.robot.executing import Executor
from clap.worlds.robot.reach import Router
from clap.worlds.world import Action, MotionReport, OnTick, ShouldStop, TaskInfo


class Cameras(Protocol):
    """What gives the world its images; ``clap.worlds.robot.cameras.Cameras`` does."""

    def frames(self, tool: Pose, after: float | None = None) -> tuple[CameraFrame, ...]:
        """The newest frame of every camera, with time.time() stamps; ``tool``: the tool's pose now.

        With ``after`` only frames taken later count, and it may wait half a second for them. Raises a ClapError.
        """
        ...

    def close(self) -> None:
        """Release the devices."""
        ...


class RobotWorld:
    """See ``clap.worlds.world.World``. Time is wall time, ``time.time()`` in observations.

    It has no tasks, no success and no way back: a person sets the table. ``prompts``: the instructions to offer.
    After a stop that the operator pressed, the operator's next command resumes; after the arm stopped by itself, or was
    lost, commands raise the ArmError that says so until ``recover`` is called.
    """

    is_real = True

    def __init__(
        self,
        arm: ArmClient,
        cameras: Cameras,
        router: Router,
        tool_speed: float = 0.1,
        grasp_force: float = 30.0,
        prompts: tuple[str, ...] = (),
    ):
        self.limits, self.workspace, self.tool_speed = router.limits, router.limits.workspace, tool_speed
        self.arm, self._cameras, self._prompts = arm, cameras, prompts
        self._router = router
        self._executor = Executor(arm, router, tool_speed, grasp_force)

    def tasks(self) -> tuple[TaskInfo, ...]:
        return ()

    def conditions(self) -> tuple[str, ...]:
        return ("none",)

    def reset(self, task: str, seed: int, variation: int | None = None, condition: str = "none") -> str:
        raise WorldError(
            "A real table is set by hand: there are no tasks.", "Put things on the table, and say what to do."
        )

    def observe(self) -> Observation:
        """The present observation, of frames taken from now on. Raises ArmError or CameraError."""
        state = self.arm.state()
        return self._observation(state, self._cameras.frames(state.tool, after=time.time()))

    def observe_in_parts(self) -> Iterator[Observation | None]:
        state = self.arm.state()
        yield self._observation(state, self._cameras.frames(state.tool))

    def instant(self) -> Instant:
        state = self.arm.state()
        scene: tuple[CameraFrame, ...] | ClapError
        try:
            scene = self._cameras.frames(state.tool)
        except ClapError as error:
            scene = error
        return Instant(self._observation(state, ()), state.commanded, self._executor.commanded_opening, scene)

    def onlooker(self) -> Onlooker:
        return RobotOnlooker()

    def state(self) -> tuple[Pose, float]:
        state = self.arm.state()
        return state.tool, state.opening

    def reachable(self, pose: Pose) -> bool:
        return self._router.reachable(pose, self.arm.state().joints)

    def execute(
        self,
        action: Action,
        should_stop: ShouldStop = lambda: False,
        on_tick: OnTick | None = None,
        speed: float = 0.0,
    ) -> MotionReport:
        return self._executor.execute(action, should_stop, on_tick, speed)

    def drive(
        self, command: DriveCommand, should_stop: ShouldStop = lambda: False, on_tick: OnTick | None = None
    ) -> MotionReport:
        return drive(self._executor, self._router, command, should_stop, on_tick)

    def home(
        self, should_stop: ShouldStop = lambda: False, on_tick: OnTick | None = None, speed: float = 0.0
    ) -> MotionReport:
        return self._executor.home(self._router.kinematics.home, should_stop, on_tick, speed)

    def recover(self) -> None:
        """Clear the arm's errors, and let it move again; nothing moves by that. Raises the ArmError that remains."""
        self.arm.recover()

    def examples(self) -> tuple[str, ...]:
        return self._prompts

    def follow(self, instruction: str) -> bool:
        return False

    def success(self) -> bool | None:
        return None

    def save(self) -> object | None:
        return None

    def restore(self, saved: object) -> None:
        raise WorldError("A real robot cannot be set back.", "Put things back by hand.")

    def close(self) -> None:
        self.arm.close()
        self._cameras.close()

    @staticmethod
    def _observation(state: ArmState, frames: tuple[CameraFrame, ...]) -> Observation:
        """As old as its oldest frame: that decides whether it may be acted upon."""
        age = time.monotonic() - state.time
        stamp = min([time.time() - age, *(frame.timestamp for frame in frames)])
        return Observation(frames, state.tool, state.opening, state.joints, state.velocities, stamp)


class RobotOnlooker:
    """Gives the frames that an instant of a robot carries; where things are, it does not know."""

    def observe(self, instant: Instant) -> Observation:
        if isinstance(instant.scene, ClapError):
            raise instant.scene
        if not isinstance(instant.scene, tuple):
            raise TypeError(f"an instant of a robot is needed, not of {type(instant.scene).__name__}")
        return replace(instant.robot, frames=instant.scene)

    def positions(self, instant: Instant) -> Mapping[str, tuple[float, float, float]]:
        return {}

    def close(self) -> None:
        """It holds nothing."""
