"""What a process of the console does to answer soon on a machine that has more to do than it can."""

from __future__ import annotations

import contextlib
import os
import sys

PRIORITY = -10
SWITCH_INTERVAL_S = 0.0005
"""Python lets a thread keep the interpreter ten times as long; a control tick takes it up several times."""


def be_prompt() -> None:
    """Go before other programs, where this user may, and let this process's threads take turns often.

    Threads and processes that are started later go before others as well.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with contextlib.suppress(OSError, AttributeError):  # not allowed here; not known on Windows
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
