"""What a process of the console does to answer soon on a machine that has more to do than it can."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

PRIORITY = -10
SESSION = Path("/proc/self/autogroup")
"""The priority of this process's session, where Linux shares the processor out between sessions first."""

SWITCH_INTERVAL_S = 0.0005
"""Python lets a thread keep the interpreter ten times as long; a control tick takes it up several times."""


def raise_priority(apart: bool = False) -> None:
    """Go before other programs, where this user may, and let this process's threads take turns often.

    Threads and processes that are started later go before others as well. ``apart``: in a session of its own, for a
    process that needs no terminal: Linux shares the processor out between sessions before it looks at priorities, so
    that nothing else from the same terminal takes this process's share.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    if apart:
        with contextlib.suppress(OSError, AttributeError):  # it leads one already; not known on Windows
            os.setsid()
    with contextlib.suppress(OSError, AttributeError):  # not allowed here; not known on Windows
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        if os.getsid(0) == os.getpid():
            SESSION.write_text(str(PRIORITY))
