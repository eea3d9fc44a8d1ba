"""Starts the console: ``python app.py`` serves it at http://127.0.0.1:7860; ``--help`` lists the options."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy and torch start their thread pools

from clap.checkpoint import default_checkpoint, open_checkpoint
from clap.episode import Episode, EpisodeState
from clap.failures import CheckpointError, RenderingError
from clap.policy import Policy
from clap.worlds.world import World
from ui.ports import PortError, listen

EXIT_UNUSABLE = 2
"""Exit code when the console cannot start as asked; a sentence on stderr says why."""

EXPERT = "Scripted expert (sees the simulator's state)"
FIRST_TASK, FIRST_SEED, FIRST_VARIATION = "block_in_same_cup", 0, 0
START_TIMEOUT_S = 300.0

GRAPHICS_PACKAGES = (
    "Install the packages of packages.txt, for instance: sudo apt install libegl1 libegl-mesa0 libgl1-mesa-dri. "
    "If MUJOCO_GL is set, unset it."
)


class CannotStartError(Exception):
    """The console cannot start as asked; the text says why and what to do."""


@dataclass(frozen=True)
class Policies:
    """The policies on offer by name, the one to begin with, and why CLAP is missing (empty if it is not)."""

    factories: dict[str, Callable[[World], Policy]]
    first: str
    clap_name: str
    clap_missing: str = ""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options on the command line. Exits with code 2 and a sentence if they are wrong."""
    parser = argparse.ArgumentParser(prog="app.py", description="Serves the CLAP console in the browser.")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (default: this machine only)")
    parser.add_argument("--port", type=_port, default=7860, help="port to serve at (default: 7860)")
    parser.add_argument(
        "--policy", choices=("clap", "expert"), help="policy to begin with (default: CLAP if it is there)"
    )
    parser.add_argument("--checkpoint", type=Path, help="folder of a CLAP checkpoint (default: the shipped clap-mini)")
    parser.add_argument(
        "--planner-url",
        metavar="URL",
        help="OpenAI-compatible server that answers for CLAP's planner, such as http://127.0.0.1:8000 "
        "(a key is read from CLAP_PLANNER_API_KEY; default: the checkpoint's own planner)",
    )
    parser.add_argument("--planner-model", metavar="NAME", help="model of that server (default: the only one it has)")
    parser.add_argument("--world", choices=("tabletop",), default="tabletop", help="the world to act in")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Start everything and serve until interrupted. Returns the exit code."""
    options = parse(argv)
    logging.getLogger("clap").setLevel(logging.ERROR)  # named failures are told on the page, or below
    try:
        serve(options)
    except (CannotStartError, PortError) as error:
        print(f"CLAP console cannot start. {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        print("\nThe CLAP console has ended.")
    return 0


def serve(options: argparse.Namespace) -> None:
    """Take the port, load the policies, start the world, and serve. Raises CannotStartError or PortError."""
    with listen(options.host, options.port) as listener:
        policies = find_policies(options.policy, options.checkpoint, options.planner_url, options.planner_model)
        print("Starting the simulated table …", flush=True)
        episode = start(policies)
        try:
            # Imported here: gradio takes seconds, and a wrong option should be told at once.
            from ui.messages import ConsoleInfo, PolicyChoice
            from ui.server import make_app, serve_on

            choices = (PolicyChoice(policies.clap_name, missing=policies.clap_missing), PolicyChoice(EXPERT, True))
            notice = "" if options.policy == "expert" else policies.clap_missing
            info = ConsoleInfo("MuJoCo table", False, choices, notice)
            address = f"[{options.host}]" if ":" in options.host else options.host
            print(f"The CLAP console is at http://{address}:{listener.getsockname()[1]}  (Ctrl+C ends it)", flush=True)
            serve_on(make_app(episode, info, options.host), listener)
        finally:
            episode.close()


def find_policies(
    wanted: str | None, checkpoint: Path | None, planner_url: str | None = None, planner_model: str | None = None
) -> Policies:
    """CLAP, if its checkpoint is there, and the scripted expert.

    Raises CannotStartError if a checkpoint, a planner's server or CLAP was asked for and is not there. Without these
    options, a missing clap-mini is no error: the expert drives, and the console says so.
    """
    name = f"CLAP ({(checkpoint or default_checkpoint()).name})"
    expert: dict[str, Callable[[World], Policy]] = {EXPERT: _expert}
    try:
        opened = open_checkpoint(checkpoint)
        print(f"Loading {name} from {opened.folder} …", flush=True)
        clap = _load_clap(opened.folder, planner_url, planner_model)
    except CheckpointError as error:
        if checkpoint is not None or wanted == "clap":
            raise CannotStartError(f"{error} Or start without it: python app.py --policy expert") from error
        print(f"{error.sentence} The scripted expert drives instead. To make it: make train-mini", flush=True)
        missing = f"{name} is not there: run `make train-mini` to make it. Until then the scripted expert drives."
        return Policies(expert, EXPERT, name, missing)
    return Policies({name: lambda world: clap, **expert}, EXPERT if wanted == "expert" else name, name)


def start(policies: Policies) -> Episode:
    """An episode whose world is up, with a first scene set. Raises CannotStartError if the world cannot start."""
    episode = Episode(_tabletop, policies.factories, policies.first)
    try:
        episode.wait(_settled, START_TIMEOUT_S)
        episode.reset(FIRST_TASK, FIRST_SEED, FIRST_VARIATION)
        snapshot = episode.wait(_settled, START_TIMEOUT_S)
    except TimeoutError as error:
        episode.close()
        raise CannotStartError(f"The simulated table did not start. {error}") from error
    if snapshot.failure is not None:
        episode.close()
        raise CannotStartError(f"{snapshot.failure.sentence} {snapshot.failure.next_move}")
    return episode


def _settled(snapshot: object) -> bool:
    return getattr(snapshot, "state", None) is not EpisodeState.STARTING


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


def _expert(world: World) -> Policy:
    from clap.worlds.tabletop.expert import ExpertPolicy
    from clap.worlds.tabletop.world import TabletopWorld

    if not isinstance(world, TabletopWorld):
        raise TypeError("the scripted expert needs the tabletop world")
    return ExpertPolicy(world)


def _load_clap(folder: Path, planner_url: str | None, planner_model: str | None) -> Policy:
    import torch

    from clap.chat_client import PlannerServerError
    from clap.clap_policy import ClapPolicy
    from clap.remote_planner import remote_planner

    torch.set_num_threads(1)
    try:
        planner = remote_planner(planner_url, planner_model) if planner_url is not None else None
    except PlannerServerError as error:
        raise CannotStartError(str(error)) from error
    return ClapPolicy.load(folder, planner=planner)


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a whole number from 0 to 65535, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
