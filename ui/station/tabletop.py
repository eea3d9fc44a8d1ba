"""The station that ``python app.py`` starts: the simulated table, and CLAP, RVT-2 and the scripted expert to drive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clap.errors import CheckpointError, RenderingError
from clap.policies.base import Policy
from clap.policies.checkpoint import default_checkpoint, open_checkpoint
from clap.stop_button import StopButton
from clap.worlds.base import World
from ui.protocol.messages import PolicyChoice
from ui.station.clap_policy import load_clap
from ui.station.options import CannotStartError, ConsoleInfo, Progress, Setup

BASELINE = "RVT-2 (baseline)"
EXPERT = "Scripted expert (sees the simulator's state)"
FIRST_TASK, FIRST_SEED, FIRST_VARIATION = "block_in_same_cup", 0, 0

GRAPHICS_PACKAGES = (
    "Install the packages of packages.txt, for instance: sudo apt install libegl1 libegl-mesa0 libgl1-mesa-dri. "
    "If MUJOCO_GL is set, unset it."
)


@dataclass(frozen=True)
class Policies:
    """The policies on offer by name, the one to begin with, and why CLAP is missing (empty if it is not)."""

    factories: dict[str, Callable[[World], Policy]]
    first: str
    clap_name: str
    clap_missing: str = ""


def make(
    policy: str | None,
    checkpoint: Path | None,
    planner_url: str | None,
    planner_model: str | None,
    progress: Progress,
    button: StopButton,
) -> Setup:
    """The set-up of the options on the command line. Raises CannotStartError.

    The simulated arm needs no ``button``: its motion runs in the station itself, which knows of Stop.
    """
    policies = find_policies(policy, checkpoint, planner_url, planner_model, progress)
    clap = PolicyChoice(name=policies.clap_name, missing=policies.clap_missing)
    choices = (clap, PolicyChoice(name=BASELINE), PolicyChoice(name=EXPERT, is_expert=True))
    notice = policies.clap_missing if policy in (None, "clap") else ""
    info = ConsoleInfo("MuJoCo table", "SIM", choices, notice)
    first_scene = (FIRST_TASK, FIRST_SEED, FIRST_VARIATION)
    return Setup(_tabletop, policies.factories, policies.first, info, first_scene)


def find_policies(
    wanted: str | None,
    checkpoint: Path | None,
    planner_url: str | None = None,
    planner_model: str | None = None,
    progress: Progress = lambda sentence: None,
) -> Policies:
    """CLAP, if its checkpoint is there, the baseline, which is loaded when it is chosen, and the scripted expert.

    Raises CannotStartError if a checkpoint, a planner's server or CLAP was asked for and is not there. Without these
    options, a missing clap-mini is no error: the expert drives, and the console says so.
    """
    name = f"CLAP ({(checkpoint or default_checkpoint()).name})"
    others: dict[str, Callable[[World], Policy]] = {BASELINE: _baseline, EXPERT: _expert}
    try:
        opened = open_checkpoint(checkpoint)
        progress(f"Loading {name} from {opened.folder} …")
        clap = load_clap(opened.folder, planner_url, planner_model)
    except CheckpointError as error:
        if checkpoint is not None or wanted == "clap":
            raise CannotStartError(f"{error} Or start without it: python app.py --policy expert") from error
        progress(f"{error.sentence} The scripted expert drives instead. To make it: make train-mini")
        missing = f"{name} is not there: run `make train-mini` to make it. Until then the scripted expert drives."
        return Policies(others, BASELINE if wanted == "rvt2" else EXPERT, name, missing)
    first = {"rvt2": BASELINE, "expert": EXPERT}.get(wanted or "clap", name)
    return Policies({name: lambda world: clap, **others}, first, name)


def _tabletop() -> World:
    """The simulated table, made on the thread that will own its OpenGL context. Raises RenderingError."""
    from clap.worlds.tabletop.graphics import choose_backend

    if choose_backend() is None:
        raise RenderingError(
            "Neither EGL nor OSMesa is installed, so the simulated cameras cannot draw.", GRAPHICS_PACKAGES
        )
    try:
        import mujoco  # noqa: F401 (opens the library of the chosen back end)
    except (ImportError, AttributeError, RuntimeError) as error:
        raise RenderingError(f"The simulated cameras cannot draw ({error}).", GRAPHICS_PACKAGES) from error
    from clap.worlds.tabletop.world import TabletopWorld

    return TabletopWorld()


def _baseline(world: World) -> Policy:
    from training.baselines.rvt2_policy import PRETRAINED, Rvt2Policy

    policy = Rvt2Policy.load(PRETRAINED, world.workspace)
    policy.name = BASELINE
    return policy


def _expert(world: World) -> Policy:
    from clap.policies.expert import ExpertPolicy
    from clap.worlds.tabletop.world import TabletopWorld

    if not isinstance(world, TabletopWorld):
        raise TypeError("the scripted expert needs the tabletop world")
    return ExpertPolicy(world)
