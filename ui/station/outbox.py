"""What a station still has to tell: lines in order, and of everything else only the newest.

The episode's worker thread marks what changed and returns; encoding and the pipe are this module's threads', so that a
slow reader never holds a motion up.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

from clap.episode import events
from clap.episode.episode import Episode
from clap.episode.preconditions import Preconditions
from clap.episode.snapshot import EpisodeSnapshot, SceneFrame
from clap.errors import ClapError
from clap.policies.prediction import Prediction
from ui.protocol import log, pictures
from ui.protocol.messages import Log, LogLine, PoseMoved, Refused
from ui.protocol.shared import Level
from ui.station import episode_messages
from ui.station.channel import Frame, frame

MIN_INTERVAL_S = 0.05
"""At most 20 looks a second at what changed."""

MAX_LINES = 300

logger = logging.getLogger(__name__)


class Outbox:
    """Sends a station's frames over its pipe."""

    def __init__(self, pipe: Connection):
        self._pipe = pipe
        self._sending = threading.Lock()
        self._changed, self._pictured = threading.Event(), threading.Event()
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._status = True
        self._pose: PoseMoved | None = None
        self._scene: SceneFrame | None = None
        self._prediction: Prediction | None = None
        self._seen_at = time.monotonic()
        self.more_preconditions: Callable[[EpisodeSnapshot], Preconditions] = lambda snapshot: {}
        """Of what the episode knows nothing of, for the status; quick."""

        self.asker = 0
        """The page whose command came last: the one that is told of a refusal."""

        self._answers: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        threading.Thread(target=self._publish_answers, name="answers", daemon=True).start()

    def answer(self, answer: Frame) -> None:
        """Send soon, past all that is being encoded; never blocks."""
        self._answers.put(answer)

    def refuse(self, page: int, sentence: str) -> None:
        """Tell the page of this number soon why its command is not obeyed; never blocks."""
        self.answer(frame(Refused(sentence=sentence), page))

    def attempt(self, page: int, job: Callable[[], None]) -> None:
        """Do what this page commanded; if it fails, the page is told why, and the thread goes on."""
        try:
            job()
        except ClapError as error:
            self.refuse(page, str(error))
        except BrokenPipeError:
            raise
        except Exception as error:
            logger.exception("A command failed")
            self.refuse(page, f"That failed ({type(error).__name__}: {error}). Look at the terminal.")

    def _publish_answers(self) -> None:
        with suppress(BrokenPipeError):  # the server has ended, and so will this process
            while True:
                self.publish(self._answers.get())

    def publish(self, *frames: Frame) -> None:
        """Send now; blocks while the server does not read. Not for the episode's worker thread."""
        with self._sending:
            for one in frames:
                self._pipe.send_bytes(one.pack())

    def refresh(self) -> None:
        """Send the status again soon."""
        self._status = True
        self._changed.set()

    def log(self, level: Level, text: str) -> None:
        """Add a line to the pages' log; levels as in ``ui.protocol.log``."""
        self._lines.append(LogLine(time=time.time(), level=level, text=text))
        self._changed.set()

    def on_event(self, event: events.Event) -> None:
        """A subscriber of the episode: mark what changed, and return."""
        received = log.sentence(event)
        if received is not None:
            self._lines.append(LogLine(time=event.time, level=received[0], text=received[1]))
        if isinstance(event, events.PoseUpdated):
            self._pose = episode_messages.pose_moved(event.pose, event.gripper_open)
        else:
            self._status = True
        if isinstance(event, events.Refused):
            self.answer(frame(Refused(sentence=event.sentence, logged=True), self.asker))
        if isinstance(event, events.MotionPreviewed):
            self.answer(frame(episode_messages.motion_preview(event.previewed_motion)))
        if isinstance(event, events.SceneUpdated):
            self._seen_at = time.monotonic()
        self._changed.set()
        if not isinstance(event, events.PoseUpdated):
            self._pictured.set()

    def follow(self, episode: Episode) -> None:
        """Tell what changes in the episode, for ever; encoding pictures holds up neither poses nor the status."""
        for publish, changed in ((self._publish_state, self._changed), (self._publish_pictures, self._pictured)):
            threading.Thread(target=self._follow, args=(publish, changed, episode), name="outbox", daemon=True).start()

    def _follow(self, publish: Callable[[Episode], None], changed: threading.Event, episode: Episode) -> None:
        try:
            while True:
                changed.wait()
                changed.clear()
                publish(episode)
                time.sleep(MIN_INTERVAL_S)
        except BrokenPipeError:  # the server has ended, and so will this process
            return
        except Exception:
            logger.exception("The pages can no longer be told")
            os._exit(1)  # the server starts another world

    def publish_changes(self, episode: Episode) -> None:
        """Send what has changed since the last time."""
        self._publish_state(episode)
        self._publish_pictures(episode)

    def _publish_state(self, episode: Episode) -> None:
        if self._lines:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            self.publish(frame(Log(lines=lines)))
        if self._pose is not None:
            pose, self._pose = self._pose, None
            self.publish(frame(pose))
        if self._status:
            self.tell_status(episode)

    def tell_status(self, episode: Episode) -> None:
        """Send the status now; blocks while the server does not read."""
        self._status = False
        snapshot = episode.snapshot()
        more = self.more_preconditions(snapshot)
        self.publish(frame(episode_messages.status(snapshot, time.monotonic() - self._seen_at, more)))

    def _publish_pictures(self, episode: Episode) -> None:
        snapshot = episode.snapshot()
        if snapshot.scene is not None and snapshot.scene is not self._scene:
            self._scene = snapshot.scene
            self.publish(Frame("scene", pictures.scene_message(snapshot.scene)))
        if snapshot.prediction is not None and snapshot.prediction is not self._prediction:
            self._prediction = snapshot.prediction
            self.publish(Frame("fine", pictures.fine_message(snapshot.prediction)))
