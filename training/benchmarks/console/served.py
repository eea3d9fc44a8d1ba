"""The programs that the figures are about, and the load beside them, each a process of its own.

Each has a session of its own too, as programs from different windows have: Linux shares the processor out between
sessions first, and priorities count within one.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.benchmarks.measure import SectionUnavailable

ROOT = Path(__file__).parents[3]
END_S = 20.0
HOG = "import time\nuntil = time.monotonic() + 7200\nwhile time.monotonic() < until: sum(range(10_000))"


@contextlib.contextmanager
def served(*command: str) -> Iterator[tuple[str, int]]:
    """Run a Python program that prints its address; gives the address and the number of its process.

    Raises SectionUnavailable with what it said, if it ends before.
    """
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            found = next((found for line in process.stdout if (found := re.search(r"http://\S+", line))), None)
            if found is None:
                errors.seek(0)
                raise SectionUnavailable(f"{' '.join(command)} did not start: {errors.read().strip()[-500:]}")
            yield found.group(), process.pid
        finally:
            process.terminate()
            process.wait(END_S)


def console(*options: str) -> contextlib.AbstractContextManager[tuple[str, int]]:
    """The console; its dead-man time is longer than that of a browser with a screen, whose page is never held up."""
    return served("app.py", "--port", "0", "--dead-man", "8", "--recordings", "off", *options)


@contextlib.contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many processes that take all of the processor that they get."""
    running = [subprocess.Popen([sys.executable, "-c", HOG], start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def children(pid: int) -> Sequence[int]:
    """The processes that a process has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(entry.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(entry.parent.name))
    return found


def station(server: int) -> int:
    """The process of the console's world, the largest child of the server's."""
    return max(children(server), key=resident_mib)


def resident_mib(pid: int) -> float:
    """Memory of a process that is in use now, MiB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def threads(pid: int) -> int:
    """Threads of a process."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def descriptors(pid: int) -> tuple[int, int]:
    """Open file descriptors of a process, and how many of them are sockets."""
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(str(entry.readlink()))
    return len(links), sum(link.startswith("socket:") for link in links)
