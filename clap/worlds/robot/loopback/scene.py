"""Everything that stands in for hardware on one machine: the served arm, and cameras that see its table."""

from __future__ import annotations

from dataclasses import replace

from clap.errors import WorldError
from clap.worlds.robot.cameras.camera_set import Cameras
from clap.worlds.robot.config import LoopbackConfig, RobotConfig
from clap.worlds.robot.loopback.arm import LoopbackArm
from clap.worlds.robot.loopback.cameras import LoopbackCameras


class LoopbackScene:
    """Serves the scene of a configuration. ``config``: the same with the address at which the arm is found.

    It also judges, by the served physics, as no real table can. Raises ClapError if it cannot be served.
    """

    def __init__(self, config: RobotConfig, scene: LoopbackConfig):
        self._arm = LoopbackArm(scene.task, scene.seed)
        self.instruction = self._arm.instruction
        self.config = replace(config, arm=replace(config.arm, address=self._arm.address))
        try:
            self._drawn = LoopbackCameras(config, scene, self._arm.positions)
        except Exception:
            self._arm.close()
            raise

    def cameras(self) -> Cameras:
        """The cameras of the configuration, on the software devices."""
        return Cameras(self.config.cameras, self._drawn.poses, self._drawn.software)

    def follow(self, instruction: str) -> bool:
        """Judge this instruction from now on; False if it cannot be judged."""
        try:
            return self._arm.follow(instruction)
        except WorldError:
            return False

    def success(self) -> bool | None:
        """True if the instruction's goal holds in the served physics; None if that cannot be told."""
        try:
            return self._arm.success()
        except WorldError:
            return None

    def close(self) -> None:
        """End all of it."""
        self._drawn.close()
        self._arm.close()
