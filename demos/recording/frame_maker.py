"""Makes the frames of a take from instants, on a thread of its own: rendering four cameras takes longer than a tick."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.episode.snapshot import EpisodeSnapshot
from clap.errors import ClapError
from clap.worlds.capabilities import Snapshotable
from clap.worlds.snapshot import SnapshotRenderer, WorldSnapshot
from demos.frames import RecordedFrame
from demos.keyframes import find_keyframes
from demos.store.journal import Journal
from demos.store.schema import KEYFRAME, STATE, VELOCITIES
from demos.store.take import Take

log = logging.getLogger(__name__)

BACKLOG_SECONDS = 0.3
"""Instants that wait to be rendered. With what waits in the journal it stays below the second a crash may cost."""


@dataclass(frozen=True)
class PendingFrame:
    """An instant of a world on its way into a take, and what the episode said of itself then; see RecordedFrame."""

    world: Snapshotable
    world_snapshot: WorldSnapshot
    source: str
    wall_time: float
    plan: tuple[str, ...]
    subtask: str
    step: str


def pending_frame_of(world: Snapshotable, now: EpisodeSnapshot, source: str) -> PendingFrame:
    """The world as it is in this control tick, and the episode's plan, with the step that is under way."""
    current = next((line for line in now.plan if line.status == "current"), None)
    steps = [] if current is None else [line.text for line in now.plan if line.subtask == current.subtask]
    plan = tuple(line.text for line in now.plan)
    step = "" if current is None else current.text
    return PendingFrame(world, world.world_snapshot(), source, time.time(), plan, "; ".join(steps), step)


class OpenTake:
    """A take that the recorder has begun.

    ``ended`` says why it records no more, empty while it does; ``failed``: that was an error, such as a full disk.
    """

    def __init__(self, take: Take):
        self.take = take
        self.ended, self.failed = "", False
        self._before_steps: list[int] = []
        self._gripper_and_speeds: list[tuple[float, NDArray[np.floating]]] = []
        self._marks: set[int] = set()
        if take.recovered:
            for number, row in enumerate(Journal(take.path).rows(images=False)):
                self._gripper_and_speeds.append((row[STATE][7], np.asarray(row[VELOCITIES])))
                self._marks.update([number] if row[KEYFRAME] else [])

    def end(self, reason: str) -> None:
        """Record no more; the first reason counts."""
        self.ended = self.ended or reason

    def keyframes(self) -> tuple[int, int]:
        """How many keyframes there are by now, by the rule and by hand, and how many of them by hand."""
        so_far, marks = self._gripper_and_speeds[:], self._marks.copy()
        if not so_far:
            return 0, 0
        gripper, speeds = zip(*so_far, strict=True)
        return len(marks.union(find_keyframes(np.array(gripper), np.array(speeds)))), len(marks)

    # On the thread that makes the frames

    def add(self, frame: RecordedFrame) -> None:
        """Add a frame; the take ends where it cannot be added."""
        try:
            self.take.add(frame, wait=True)
        except (ClapError, ValueError) as error:
            self.lose(error)
            return
        problem = self.take.status().problem
        if problem is not None:
            self._fail(problem)
            return
        seen = frame.observation
        self._gripper_and_speeds.append((seen.gripper_open, seen.joint_velocities))

    def lose(self, error: ClapError | ValueError) -> None:
        """A frame is lost, and the take ends, for an error."""
        log.warning("Recording ended: %s", error)
        self.take.lose()
        self._fail(error)

    def _fail(self, error: ClapError | ValueError) -> None:
        self.failed = True
        self.end(_sentence(error))

    def mark(self) -> None:
        """The latest frame is a keyframe."""
        self.take.mark_keyframe()
        if self._gripper_and_speeds:
            self._marks.add(len(self._gripper_and_speeds) - 1)

    def step(self) -> None:
        """A step begins, which may be undone."""
        self._before_steps.append(self.take.status().frames)

    def undo(self) -> None:
        """Take back the frames of the last step; all of them if it began before the take did."""
        kept = self._before_steps.pop() if self._before_steps else 0
        self.take.cut(kept)
        del self._gripper_and_speeds[kept:]
        self._marks = {mark for mark in self._marks if mark < kept}


def _sentence(error: ClapError | ValueError) -> str:
    return f"{error.sentence} {error.next_move}" if isinstance(error, ClapError) else f"{error}."


class FrameMaker:
    """A thread that turns shots into frames, in order with all else that is to happen to a take."""

    def __init__(self, fps: int):
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(max(2, round(BACKLOG_SECONDS * fps)))
        self._snapshot_renderer: SnapshotRenderer | None = None
        self._world: Snapshotable | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def is_behind(self) -> bool:
        """Something waits already, beside what is being made."""
        return not self._work.empty()

    def shoot(self, open_take: OpenTake, pending_frame: PendingFrame, keep: bool) -> bool:
        """Hand a shot over, from the control loop; False if too many wait already, and it is not one to ``keep``."""
        has_room = self._room.acquire(blocking=False)
        if has_room or keep:
            self._work.put(lambda: self._develop(open_take, pending_frame, has_room))
        return has_room or keep

    def then(self, action: Callable[[], None]) -> None:
        """Do something once all shots that were handed over are in their takes."""
        self._work.put(action)

    def drain(self) -> None:
        """Wait until all that was handed over is done. Not for the control loop."""
        done = threading.Event()
        self._work.put(done.set)
        while not done.wait(1.0) and self._thread.is_alive():
            pass

    def close(self) -> None:
        """End the thread, once all that was handed over is done."""
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception:
                log.exception("The recorder failed")
        if self._snapshot_renderer is not None:
            self._snapshot_renderer.close()

    def _develop(self, open_take: OpenTake, pending_frame: PendingFrame, took_room: bool) -> None:
        try:
            snapshot_renderer = self._snapshot_renderer_of(pending_frame.world)
            frame = RecordedFrame(
                snapshot_renderer.observe(pending_frame.world_snapshot),
                pending_frame.world_snapshot.commanded,
                pending_frame.world_snapshot.commanded_gripper,
                pending_frame.source,
                pending_frame.wall_time,
                pending_frame.plan,
                pending_frame.subtask,
                pending_frame.step,
                snapshot_renderer.positions(pending_frame.world_snapshot),
            )
        except ClapError as error:
            open_take.lose(error)
            return
        finally:
            if took_room:
                self._room.release()
        open_take.add(frame)

    def _snapshot_renderer_of(self, world: Snapshotable) -> SnapshotRenderer:
        if self._snapshot_renderer is None or self._world is not world:
            if self._snapshot_renderer is not None:
                self._snapshot_renderer.close()
            self._snapshot_renderer, self._world = world.snapshot_renderer(), world
        return self._snapshot_renderer
