"""The start of a station's process, light enough for the server to name it."""

from __future__ import annotations

from multiprocessing.connection import Connection

from ui.station.options import StationOptions
from ui.station.shared import Shared


def run(options: StationOptions, shared: Shared, pipe: Connection) -> None:
    """Run a station in this process, which ends with it."""
    from ui.station.process import main  # imports the policy and the world, which the server does without

    main(options, shared, pipe)
