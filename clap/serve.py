"""Serves the planner of a checkpoint: ``python -m clap.serve --port 8000``, an OpenAI-compatible server.

    GET  /v1/models             the one model; its card tells the planner's settings and words
    POST /v1/chat/completions   a question, views as images, a regular expression; streamed or not
    GET  /health

The console talks to it with ``python app.py --planner-url http://127.0.0.1:8000``; so does any OpenAI client.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch starts its thread pool

import torch
import uvicorn

from clap.errors import CheckpointError
from clap.policies.checkpoint import open_checkpoint
from clap.policies.planner.local import CoarseTaskPlanner
from clap.program_name import program_name
from clap.serving.application import make_application

EXIT_UNUSABLE = 2
"""Exit code when the server cannot start as asked; a sentence on stderr says why."""


class CannotServeError(Exception):
    """The server cannot start as asked; the text says why and what to do."""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options on the command line."""
    parser = argparse.ArgumentParser(prog=program_name(), description="Serves a planner to OpenAI-compatible clients.")
    parser.add_argument("--checkpoint", type=Path, help="folder of a CLAP checkpoint (default: the shipped clap-mini)")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (default: this machine only)")
    parser.add_argument("--port", type=_port, default=8000, help="port to serve at (default: 8000)")
    parser.add_argument("--api-key-env", metavar="NAME", help="environment variable with the key to ask callers for")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Load the planner and serve it until interrupted. Returns the exit code."""
    options = parse(argv)
    try:
        key = read_key(options.host, options.api_key_env)
        with _listen(options.host, options.port) as listener:
            checkpoint = open_checkpoint(options.checkpoint)
            torch.set_num_threads(1)
            planner = CoarseTaskPlanner.load(checkpoint.planner)
            app = make_application(planner, checkpoint.name, key, is_loopback(options.host))
            host, port = listener.getsockname()[:2]
            address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            print(f"{checkpoint.name} answers at {address}/v1  (Ctrl+C ends it)", flush=True)  # noqa: T201
            config = uvicorn.Config(app, log_level="warning", loop="asyncio", http="h11", timeout_graceful_shutdown=2)
            uvicorn.Server(config).run(sockets=[listener])
    except (CannotServeError, CheckpointError) as error:
        print(f"The planner cannot be served. {error}", file=sys.stderr)  # noqa: T201
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        return 0
    return 0


def read_key(host: str, variable: str | None) -> str:
    """The key in the environment variable, empty if none is named. Raises CannotServeError.

    An address that other machines can reach needs one: whoever can post to the server can keep it busy.
    """
    if variable is None:
        if not is_loopback(host):
            raise CannotServeError(f"Other machines can reach {host}: name the variable of a key with --api-key-env.")
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise CannotServeError(f"The environment variable {variable} is empty: set it to the key to ask callers for.")
    return key


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own, which no other can reach."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a whole number from 0 to 65535, not {text!r}")
    return int(text)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken before the model is loaded. Raises CannotServeError."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, UnicodeError) as error:
        raise CannotServeError(f"Port {port} at {host} cannot be had ({error}). Choose another with --port.") from error


if __name__ == "__main__":
    sys.exit(main())
