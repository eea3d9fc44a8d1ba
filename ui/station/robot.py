"""The station of a real robot, or of one on loopback: the arm and the cameras of a configuration, driven by CLAP."""

from __future__ import annotations

from pathlib import Path

from clap.checkpoint import open_checkpoint
from clap.failures import CheckpointError, WorldError
from clap.stop_button import StopButton
from clap.worlds.robot.config import ArmKind, RobotConfig
from clap.worlds.world import World
from ui.messages import ConsoleInfo, PolicyChoice
from ui.station.clap_policy import load_clap
from ui.station.options import CannotStartError, Progress, Setup


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
    info = ConsoleInfo(world, mode, (PolicyChoice(name),))
    policies = {name: lambda world: clap}
    return Setup(lambda: _open(config, button), policies, name, info, recorded_as=mode.lower())


def _names(config: RobotConfig) -> tuple[str, str]:
    """What the page calls this world, and where its motions happen."""
    if config.loopback is not None:
        return "no hardware", "LOOPBACK"
    if config.arm.kind is ArmKind.NONE:
        return "cameras only", "LOOK"
    return "Franka" if config.arm.kind is ArmKind.FRANKA else config.arm.model.upper(), "REAL"


def _open(config: RobotConfig, button: StopButton) -> World:
    """The world, made on the thread that will own it. Raises ClapError."""
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
