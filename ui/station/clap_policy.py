"""CLAP as a station loads it: on one thread, so that the arm and the cameras have the rest of the machine."""

from __future__ import annotations

from pathlib import Path

from clap.geometry.frames import Workspace
from clap.policies.base import Policy
from ui.station.options import CannotStartError


def load_clap(
    folder: Path, planner_url: str | None, planner_model: str | None, workspace: Workspace | None = None
) -> Policy:
    """The policy of an opened checkpoint's folder, for this workspace; a server may answer for its planner.

    Raises CannotStartError if that server does not.
    """
    import torch

    from clap.policies.clap import ClapPolicy
    from clap.policies.planner.remote import remote_planner
    from clap.policies.planner.server_errors import PlannerServerError

    torch.set_num_threads(1)
    try:
        planner = remote_planner(planner_url, planner_model) if planner_url is not None else None
    except PlannerServerError as error:
        raise CannotStartError(str(error)) from error
    return ClapPolicy.load(folder, workspace, planner)
