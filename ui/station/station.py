"""The server's handle on a world in a process of its own: commands down, frames up, and a stop past both."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection

from ui.protocol.messages import Log, LogLine, WorldLost
from ui.station.channel import NEWEST, Frame, frame
from ui.station.launch import run
from ui.station.options import StationOptions
from ui.station.orders import AnyCommand, CloseOrder, HaltOrder, Order, PageCommand
from ui.station.shared import Shared

LOG_LENGTH = 300
MAX_WAITING = 200
"""Commands that may wait for a station that does not read; then it counts as unresponsive."""

CLOSE_TIMEOUT_S = 8.0
MAX_CRASHES = 3
"""A station that dies so often within CRASH_WINDOW_S is not started again."""

CRASH_WINDOW_S = 120.0
MAX_FAILED_STARTS = 2
"""A process that was killed while it was starting, for want of memory say, is tried once more."""

OnFrame = Callable[[Frame], None]


class UnresponsiveError(Exception):
    """The station does not take commands now; the text says so."""


class Station:
    """A world's process, started anew when it dies. Any thread may call any method.

    ``failure``: the sentence that says why the world cannot start at all; empty while it can.
    ``over``: no process runs any more, and none will be started.
    """

    def __init__(self, options: StationOptions):
        self._options = options
        self._shared = Shared()
        self._lock = threading.RLock()
        self._newest: dict[str, Frame] = {}
        self._lines: deque[LogLine] = deque(maxlen=LOG_LENGTH)
        self._listeners: list[OnFrame] = []
        self._crashes: deque[float] = deque(maxlen=MAX_CRASHES)
        self._failed_starts = 0
        self._was_up = False
        self._closed = False
        self._on_failed: Callable[[], None] = lambda: None
        self.failure = ""
        self.over = False
        self.up = threading.Event()
        """Set while the world is there and its first scene is set."""
        self._launch()

    # For the pages

    def listen(self, listener: OnFrame) -> tuple[Frame, ...]:
        """Call ``listener`` with every frame from now on, on a thread of the station's; the result is what came
        before and still holds."""
        with self._lock:
            self._listeners.append(listener)
            return self.known()

    def known(self) -> tuple[Frame, ...]:
        """What a page that joins now has to be told: the log, and the newest of everything else."""
        with self._lock:
            kept = [self._newest[kind] for kind in ("world-lost", *NEWEST) if kind in self._newest]
            return (*kept, frame(Log(lines=list(self._lines)))) if self._lines else tuple(kept)

    def command(self, page: int, command: AnyCommand) -> None:
        """Send a checked command of a page. Raises UnresponsiveError if too many wait already."""
        with self._lock:
            if self._orders.qsize() >= MAX_WAITING:
                raise UnresponsiveError("The world takes no commands at the moment. Wait, or press Stop.")
            self._orders.put(PageCommand(page=page, command=command))

    def stop(self) -> int:
        """Halt all motion: shared memory tells the motion itself, the pipe the episode. Returns the stop's number."""
        with self._lock:
            number = self._shared.button.press()
            self._orders.put(HaltOrder(number=number))
            return number

    def alive(self) -> None:
        """The operator's page was heard."""
        self._shared.keep_alive(self._options.dead_man_s)

    def halted(self) -> tuple[int, float]:
        """How many stops have halted all motion, and when the latest did (``time.monotonic``)."""
        return self._shared.halted()

    @property
    def pid(self) -> int | None:
        """The process's number."""
        return self._process.pid

    def close(self) -> None:
        """End the process: in order if it can, else by force."""
        with self._lock:
            self._closed = True
            process = self._process
            self._orders.put(CloseOrder())
        process.join(CLOSE_TIMEOUT_S)
        if process.is_alive():
            process.kill()
            process.join()

    def on_failed(self, callback: Callable[[], None]) -> None:
        """Call this when it turns out that the world cannot start and never could; at once if that is known already."""
        with self._lock:
            self._on_failed = callback
            if self.over and self.failure and not self._was_up:
                callback()

    # The process

    def _launch(self) -> None:
        """Start the process and the two threads that write to it and read from it."""
        context = multiprocessing.get_context("spawn")
        with self._lock:
            self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
            pipe, theirs = context.Pipe()
            # No daemon: those may have no processes of their own, and a real arm has one.
            self._process = context.Process(
                target=run, args=(self._options, self._shared, theirs), name="clap-station", daemon=False
            )
            self._process.start()
            atexit.register(self._process.kill)  # before Python waits for it at its end
            theirs.close()
            for target in (self._write, self._read):
                threading.Thread(target=target, args=(pipe, self._orders), name="station", daemon=True).start()

    def _write(self, pipe: Connection, orders: queue.SimpleQueue[Order | None]) -> None:
        while (order := orders.get()) is not None:
            with contextlib.suppress(OSError):  # a broken pipe is the reader's to notice
                pipe.send_bytes(order.to_json().encode())
        pipe.close()

    def _read(self, pipe: Connection, orders: queue.SimpleQueue[Order | None]) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._receive(Frame.unpack(pipe.recv_bytes()))
        orders.put(None)
        self._ended()

    def _receive(self, received: Frame) -> None:
        with self._lock:
            if received.kind == "cannot-start":
                self.failure = received.payload.decode()
                return
            if received.kind == "up":
                for over in ("starting", "world-lost"):
                    self._newest.pop(over, None)
                self.up.set()
                self._was_up, self._failed_starts = True, 0
                return
            if received.kind == "log":
                self._lines.extend(Log.model_validate_json(received.payload).lines)
            elif received.kind in NEWEST:
                self._newest[received.kind] = received
            self._publish(received)

    def _publish(self, received: Frame) -> None:
        for listener in self._listeners:
            listener(received)

    def _ended(self) -> None:
        """The process has ended, in whatever way: start another one, unless that would not help."""
        with self._lock:
            atexit.unregister(self._process.kill)
            was_up = self.up.is_set()
            self.up.clear()
            self._newest.clear()
            if self._closed:
                return
            self._crashes.append(time.monotonic())
            sentence = self._restart() if was_up else self._start_again()
            if self.over and self.failure and not self._was_up:
                self._on_failed()
            line = LogLine(time=time.time(), level="bad", text=sentence)
            self._lines.append(line)
            self._publish(frame(Log(lines=[line])))
            self._newest["world-lost"] = frame(WorldLost(sentence=sentence))
            self._publish(self._newest["world-lost"])

    def _restart(self) -> str:
        """Start another process if the crashes are not too many; the sentence that says which."""
        if len(self._crashes) == MAX_CRASHES and self._crashes[-1] - self._crashes[0] < CRASH_WINDOW_S:
            self.over = True
            return "The world's process has died again and again. Look at the terminal, then start the console anew."
        self._launch()
        return "The world's process has died; another one is being started. The scene will be set up anew."

    def _start_again(self) -> str:
        """Start another process after one that has ended before its world was there; the sentence that says so."""
        self._failed_starts += 1
        if not self.failure and self._failed_starts == MAX_FAILED_STARTS:
            self.failure = "The world's process ended twice while it was starting. Look at the terminal for the reason."
        if self.failure:
            self.over = True
            return self.failure
        self._launch()
        return "The world's process ended while it was starting. It is being started once more."
