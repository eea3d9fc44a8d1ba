"""The station of a real robot, or of one on loopback: the arm and the cameras of a configuration, driven by CLAP."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from clap.errors import CheckpointError, WorldError
from clap.policies.checkpoint import open_checkpoint
from clap.stop_button import StopButton
from clap.worlds.base import World
from clap.worlds.capabilities import Ability, abilities_of
from clap.worlds.robot.config import ArmKind, RobotConfig
from ui.protocol.messages import ConsoleInfo, PolicyChoice
from ui.station.clap_policy import load_clap
from ui.station.options import CannotStartError, Progress, Setup

if TYPE_CHECKING:
    from clap.worlds.robot.calibration.bench import CalibrationBench


def make(
    config: RobotConfig,
    checkpoint: Path | None,
    planner_url: str | None,
    planner_model: str | None,
    progress: Progress,
    button: StopButton,
) -> Setup:
    """The set-up of a configuration; what is None is as the configuration says. Raises CannotStartError."""
    chosen = config.policy
    try:
        opened = open_checkpoint(checkpoint or chosen.checkpoint)
    except CheckpointError as error:
        raise CannotStartError(str(error)) from error
    name = f"CLAP ({opened.name})"
    progress(f"Loading {name} from {opened.folder} …")
    url, model = planner_url or chosen.planner_url, planner_model or chosen.planner_model
    clap = load_clap(opened.folder, url, model, config.bounds.workspace)
    world, mode = _names(config)
    progress("Connecting to the arm and the cameras …")
    info = ConsoleInfo(world, mode, (PolicyChoice(name),), _old_calibrations(config))
    policies = {name: lambda world: clap}
    opening = Opening(config, button)
    return Setup(opening.open, policies, name, info, recorded_as=mode.lower(), calibration=opening.calibration)


def _names(config: RobotConfig) -> tuple[str, str]:
    """What the page calls this world, and where its motions happen."""
    if config.loopback is not None:
        return "no hardware", "LOOPBACK"
    if config.arm.kind is ArmKind.NONE:
        return "cameras only", "LOOK"
    return "Franka" if config.arm.kind is ArmKind.FRANKA else config.arm.model.upper(), "REAL"


class Opening:
    """Opens the world of a configuration, and then gives what calibrates its cameras."""

    def __init__(self, config: RobotConfig, button: StopButton):
        self._config, self._button = config, button
        self._world: World | None = None

    def open(self) -> World:
        """The world, made on the thread that will own it. Raises ClapError."""
        self._world = _open(self._config, self._button)
        return self._world

    def calibration(self) -> CalibrationBench | None:
        """For one thread, whichever it is; None for a world that cannot calibrate."""
        if self._world is None or Ability.CALIBRATE not in abilities_of(self._world):
            return None
        from clap.worlds.robot.opening import open_bench

        return open_bench(self._config, self._world)


def _old_calibrations(config: RobotConfig) -> str:
    """A warning where calibrations have grown old; a scene that is served here knows where its cameras are."""
    if config.loopback is not None:
        return ""
    try:
        from clap.worlds.robot.calibration.storage import age_warnings
    except ImportError:  # opening the world will say what is missing
        return ""
    return age_warnings(config, datetime.now(timezone.utc))


def _open(config: RobotConfig, button: StopButton) -> World:
    try:
        if config.loopback is not None:
            from clap.worlds.tabletop.graphics import choose_backend

            choose_backend()
        from clap.worlds.robot.opening import open_world

        return open_world(config, button)
    except ImportError as error:
        raise WorldError(
            f"The package {error.name} is missing, which a robot needs.", "Install it: make install-robot"
        ) from error
