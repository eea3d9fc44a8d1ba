"""CLAP as a station loads it: on one thread, so that the arm and the cameras have the rest of the machine."""

from __future__ import annotations

from pathlib import Path

from clap.geometry import Workspace
from clap.policy import Policy
from ui.station.options import CannotStartError


def load_clap(
    folder: Path, planner_url: str | None, planner_model: str | None, workspace: Workspace | None = None
) -> Policy:
    """The policy of an opened checkpoint's folder, for this workspace; a server may answer for its planner.

    Raises CannotStartError if that server does not.
    """
    import torch

    from clap.chat_client import PlannerServerError
    from clap.clap_policy import ClapPolicy
    from clap.remote_planner import remote_planner

    torch.set_num_threads(1)
    try:
        planner = remote_planner(planner_url, planner_model) if planner_url is not None else None
    except PlannerServerError as error:
        raise CannotStartError(str(error)) from error
    return ClapPolicy.load(folder, workspace, planner)
