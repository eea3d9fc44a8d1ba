"""Starts the console: ``python app.py`` serves it at http://127.0.0.1:7860; ``--help`` lists the options."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy and torch start their thread pools

from clap.errors import ClapError
from clap.process_priority import raise_priority
from clap.program_name import program_name
from ui.server.login import Login, credentials
from ui.server.ports import PortError, listen
from ui.server.space import space_options
from ui.station.channel import Frame
from ui.station.options import DEAD_MAN_S, NOT_RECORDING, CannotStartError, StationOptions
from ui.station.station import Station

if TYPE_CHECKING:
    from clap.worlds.robot.config import RobotConfig

EXIT_UNUSABLE = 2
"""Exit code when the console cannot start as asked; a sentence on stderr says why."""

MAX_WORLDS = 16
NOT_WITH_WORLDS = (
    "Recording is off: with --worlds anybody may come, and nobody is known. "
    "Start the console without --worlds to record demonstrations."
)
IDLE_S, MAX_IDLE_S = 600.0, 86_400.0
IN_RECORDINGS = Path("recordings")


class WorldChoice(NamedTuple):
    """A world on offer: what makes its station, and whether there is but one of it, which may be a real robot."""

    factory: str
    is_real: bool


WORLDS = {
    "tabletop": WorldChoice("ui.station.tabletop:make", False),
    "robot": WorldChoice("ui.station.robot:make", True),
}


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options on the command line. Exits with code 2 and a sentence if they are wrong."""
    parser = argparse.ArgumentParser(prog=program_name(), description="Serves the CLAP console in the browser.")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (default: this machine only)")
    parser.add_argument("--port", type=_port, default=7860, help="port to serve at (default: 7860)")
    parser.add_argument(
        "--policy", choices=("clap", "rvt2", "expert"), help="policy to begin with (default: CLAP if it is there)"
    )
    parser.add_argument("--checkpoint", type=Path, help="folder of a CLAP checkpoint (default: the shipped clap-mini)")
    parser.add_argument(
        "--planner-url",
        metavar="URL",
        help="OpenAI-compatible server that answers for CLAP's planner, such as http://127.0.0.1:8000 "
        "(a key is read from CLAP_PLANNER_API_KEY; default: the checkpoint's own planner)",
    )
    parser.add_argument("--planner-model", metavar="NAME", help="model of that server (default: the only one it has)")
    parser.add_argument("--world", choices=tuple(WORLDS), default="tabletop", help="the world to act in")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the robot's YAML file for --world robot (clap/worlds/robot/example.yaml explains it); loopback: a robot "
        "without hardware, served on this machine",
    )
    parser.add_argument(
        "--dead-man",
        type=_dead_man,
        default=DEAD_MAN_S,
        metavar="SECONDS",
        help="a motion halts if nothing is heard from the operator's page for so long (default: %(default)s)",
    )
    parser.add_argument(
        "--worlds",
        type=_worlds,
        default=1,
        metavar="N",
        help="in simulation: so many visitors get a world of their own, others wait (default: one world for all)",
    )
    parser.add_argument(
        "--idle",
        type=_idle,
        default=IDLE_S,
        metavar="SECONDS",
        help="with --worlds: a world in which nothing is done for so long goes to who waits (default: %(default)g)",
    )
    parser.add_argument(
        "--recordings",
        type=_recordings,
        default=IN_RECORDINGS,
        metavar="FOLDER",
        help="where demonstrations are recorded, made on first use; off: nowhere (default: recordings, or what the "
        "robot's file says)",
    )
    parser.add_argument(
        "--retraining",
        type=Path,
        default=Path("runs/retrain"),
        metavar="FOLDER",
        help="where retrainings keep their state and their checkpoints (default: %(default)s)",
    )
    parser.add_argument(
        "--auth",
        metavar="USER:PASSWORD",
        help="the login (better as CLAP_AUTH in the environment, which no list of processes shows; "
        "default: none on this machine alone, else a password that is printed)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name of this machine under which the page may be opened, such as that of a proxy",
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="whoever comes may use it, without a login: in simulation, with --worlds of their own",
    )
    parser.add_argument(
        "--embed-in",
        action="append",
        default=[],
        type=_origin,
        metavar="ORIGIN",
        help="a site whose pages may show the console in a frame, such as https://huggingface.co (default: none)",
    )
    return parser.parse_args([*space_options(os.environ), *(sys.argv[1:] if argv is None else argv)])


def main(argv: Sequence[str] | None = None) -> int:
    """Start everything and serve until interrupted. Returns the exit code."""
    options = parse(argv)
    try:
        serve(options)
    except (CannotStartError, PortError) as error:
        print(f"CLAP console cannot start. {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        print("\nThe CLAP console has ended.")
    return 0


def serve(options: argparse.Namespace) -> None:
    """Take the port, start the world in its own process, and serve. Raises CannotStartError or PortError."""
    raise_priority()
    is_real = WORLDS[options.world].is_real
    if is_real and options.worlds > 1:
        raise CannotStartError("There is one real robot: --worlds is for simulation.")
    wanted, generated = None, ""
    if not options.public:
        wanted, generated = credentials(options.host, options.auth, os.environ, is_real)
    elif is_real or options.worlds < 2 or options.auth or "CLAP_AUTH" in os.environ:
        raise CannotStartError(
            "--public is for simulation without a login, where each visitor has a world: add --worlds 2 or more, and "
            "leave out --auth, CLAP_AUTH and --world robot."
        )
    with listen(options.host, options.port) as listener:
        made = station_options(options)
        station = Station(made)
        try:
            station.listen(tell_progress)
            # Imported while the world starts: gradio takes seconds.
            from clap.policies.checkpoint import default_checkpoint
            from demos.sample import SAMPLE
            from ui.panels.retraining.runs import Retrainings
            from ui.server.access import Access
            from ui.server.app import Server, make_app
            from ui.server.rooms import Rooms

            access = Access(options.host, options.allow_host, options.embed_in)
            sets = {"sample": SAMPLE} | ({} if made.recordings is None else {"recordings": made.recordings})
            checkpoint = options.checkpoint or default_checkpoint()
            retrainings = None if options.worlds > 1 else Retrainings(sets, checkpoint, options.retraining)
            rooms = Rooms(station, lambda: Station(made), access, options.worlds, options.idle, retrainings=retrainings)
            login = None if wanted is None else Login(wanted)
            server = Server(make_app(rooms, access, login, checkpoint, made.recordings, retrainings))
            station.on_failed(lambda: None if rooms.any_up else server.end())
            address = f"[{options.host}]" if ":" in options.host else options.host
            print(f"The CLAP console is at http://{address}:{listener.getsockname()[1]}  (Ctrl+C ends it)", flush=True)
            if wanted is not None:
                told = f"password {generated}" if generated else "the password that was set"
                print(f"Log in as {wanted.user} with {told}.", flush=True)
            server.run(listener)
            rooms.close()
        finally:
            station.close()
        if station.failure:
            raise CannotStartError(station.failure)


def station_options(options: argparse.Namespace) -> StationOptions:
    """What the world's process is made from."""
    chosen = {key: getattr(options, key) for key in ("checkpoint", "planner_url", "planner_model")}
    recordings, why_not = options.recordings, NOT_RECORDING
    if options.world == "robot":
        config = robot_config(options)
        chosen["config"] = config
        recordings = config.recordings if recordings is IN_RECORDINGS else recordings
    else:
        chosen["policy"] = options.policy
    if options.worlds > 1:
        recordings, why_not = None, NOT_WITH_WORLDS
    return StationOptions(WORLDS[options.world].factory, chosen, options.dead_man, recordings, why_not)


def robot_config(options: argparse.Namespace) -> RobotConfig:
    """The robot of ``--config``. Raises CannotStartError."""
    if options.policy == "expert":
        raise CannotStartError("The scripted expert reads a simulator's state: it drives no robot.")
    if options.policy == "rvt2":
        raise CannotStartError("The RVT-2 baseline is for the simulated table alone: a robot is driven by CLAP.")
    if options.config is None:
        raise CannotStartError(
            "--world robot needs the robot's file: --config my_robot.yaml, or --config loopback to try it without one."
        )
    try:
        from clap.worlds.robot.config import load

        return load(options.config)
    except ImportError as error:
        missing = f"The package {error.name} is missing, which a robot needs. Install it: make install-robot"
        raise CannotStartError(missing) from error
    except ClapError as error:
        raise CannotStartError(str(error)) from error


def tell_progress(frame: Frame) -> None:
    """Print what takes its time while the world starts."""
    if frame.kind == "starting":
        print(json.loads(frame.payload)["sentence"], flush=True)


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a whole number from 0 to 65535, not {text!r}")
    return int(text)


def _origin(text: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?", text):
        raise argparse.ArgumentTypeError(f"an origin is like https://huggingface.co, without a path, not {text!r}")
    return text


def _recordings(text: str) -> Path | None:
    return None if text == "off" else Path(text)


def _worlds(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MAX_WORLDS:
        raise argparse.ArgumentTypeError(f"the number of worlds is from 1 to {MAX_WORLDS}, not {text!r}")
    return int(text)


def _dead_man(text: str) -> float:
    return _seconds(text, "dead-man", 0.1, 60.0)


def _idle(text: str) -> float:
    return _seconds(text, "idle", 1.0, MAX_IDLE_S)


def _seconds(text: str, name: str, low: float, high: float) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not low <= seconds <= high:
        raise argparse.ArgumentTypeError(
            f"the {name} time is a number of seconds from {low:g} to {high:g}, not {text!r}"
        )
    return seconds


if __name__ == "__main__":
    sys.exit(main())
