"""Figures of a retraining in trackio's own files, beside the runs: nothing leaves the machine.

trackio writes to SQLite in TRACKIO_DIR. It would send figures elsewhere if the environment named a Space, a server, a
bucket, a data set or a webhook: these variables are taken out of this process's environment first, and the Hub's
libraries are told to stay off the network. See them with:

    TRACKIO_DIR=runs/retrain/trackio trackio show --project clap-retraining
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = "clap-retraining"
FOLDER = "trackio"
ELSEWHERE = (
    *("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_BUCKET_ID", "TRACKIO_DATASET_ID"),
    *("TRACKIO_WEBHOOK_URL", "TRACKIO_REGISTRY_BUCKET_ID", "TRACKIO_WRITE_TOKEN", "SYSTEM", "SPACE_ID"),
)
"""What would make trackio send figures to another machine, or believe that it runs on one of the Hub's."""

logger = logging.getLogger(__name__)


class Tracker:
    """One part of a run, from its beginning or gone on with; what fails in it never stops a training."""

    def __init__(self, folder: Path, run: str, part: str, config: Mapping[str, Any]):
        for name in ELSEWHERE:
            os.environ.pop(name, None)
        os.environ |= {"TRACKIO_DIR": str((folder / FOLDER).absolute()), "HF_HUB_OFFLINE": "1"}
        try:
            import trackio

            with contextlib.redirect_stdout(sys.stderr):
                self._run: Any = trackio.init(
                    project=PROJECT, name=f"{run}-{part}", group=run, config=dict(config), resume="allow",
                    embed=False, auto_log_gpu=False, auto_log_cpu=False,
                )  # fmt: skip
        except Exception:
            logger.exception("The figures are not tracked")
            self._run = None

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Add figures."""
        if self._run is not None:
            try:
                self._run.log(dict(figures), step=step)
            except Exception:
                logger.exception("Figures were not tracked")

    def finish(self) -> None:
        """Write what still waits."""
        if self._run is not None:
            with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(Exception):
                self._run.finish()
