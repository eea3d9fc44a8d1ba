"""The Calibration panel's work, in the station's process: one thing after the other on a thread of its own.

The picture is live while somebody who operates looks at it; all pages are shown the same. Nothing moves by any of this.
"""

from __future__ import annotations

import functools
import logging
import queue
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from clap.episode.episode import Episode, EpisodeSnapshot
from clap.episode.preconditions import Preconditions
from clap.errors import ClapError
from ui.protocol import commands
from ui.protocol.messages import BoardSeen, BoardUnseen, CalibrationState
from ui.protocol.pictures import envelope, jpeg
from ui.station import calibration_messages as messages
from ui.station.channel import Frame, frame
from ui.station.outbox import Outbox
from ui.station.recording import Recording

if TYPE_CHECKING:
    from clap.worlds.robot.calibration.bench import CalibrationBench

WATCHED_S = 3.0
"""The picture stays live for so long after a page has asked for it; pages ask every second."""

PERIOD_S, SHARE = 0.2, 0.25
"""Looks are so far apart, and take no more than this share of the time: the arm's loop runs in this process too."""

MOST_WAITING = 4

VERBS = tuple(f"calibrate-{verb}" for verb in ("look", "sample", "remove", "clear", "solve", "save"))
NO_CAMERAS = ClapError("This world has no cameras of its own to calibrate.", " ")

logger = logging.getLogger(__name__)


class Calibrating:
    """Obeys the commands whose names begin with "calibrate-". Without a bench all of them are refused."""

    def __init__(self, recording: Recording, outbox: Outbox):
        self._recording, self._outbox = recording, outbox
        self._jobs: queue.Queue[tuple[int, commands.CalibrateCommand]] = queue.Queue(MOST_WAITING)
        self._bench: CalibrationBench | None = None
        self._episode: Episode | None = None
        self._camera, self._watched_until = "", 0.0
        self._answered = 0
        self._objections: dict[str, ClapError | None] = dict.fromkeys(VERBS, NO_CAMERAS)
        self._told: CalibrationState | None = None

    def follow(self, episode: Episode, bench: CalibrationBench | None) -> None:
        """Calibrate on this bench from now on; an episode that is under way keeps a calibration from being saved."""
        if bench is not None:
            self._episode, self._bench = episode, bench
            self._camera = bench.config.cameras[0].name
            threading.Thread(target=self._run, args=(bench,), name="calibration", daemon=True).start()

    def handle(self, page: int, command: commands.CalibrateCommand) -> None:
        """Carry a command out soon, and return at once; its page is told if it is refused."""
        if self._bench is None:
            self._outbox.refuse(page, _sentence(NO_CAMERAS))
            return
        if isinstance(command, commands.CalibrateLook) and not self._jobs.empty():
            return  # it is asked again every second, and never takes the place of what somebody pressed
        try:
            self._jobs.put_nowait((page, command))
        except queue.Full:
            busy = "The calibration is busy. Wait until it has answered, then press again."
            self._outbox.refuse(page, busy)

    def preconditions(self, snapshot: EpisodeSnapshot) -> Preconditions:
        """Why not now, by verb, for the camera that the pages are told of. Any thread may ask."""
        objections = {verb: self._objection(verb, self._objections, snapshot) for verb in VERBS}
        return {verb: None if error is None else _sentence(error) for verb, error in objections.items()}

    # On the calibration's own thread

    def _run(self, bench: CalibrationBench) -> None:
        with suppress(BrokenPipeError):  # the server has ended, and so will this process
            pause = PERIOD_S
            self._publish(bench)
            while True:
                with suppress(queue.Empty):
                    page, command = self._jobs.get(timeout=pause if self._is_watched else None)
                    self._outbox.attempt(page, functools.partial(self._execute, bench, command))
                    self._answered += not isinstance(command, commands.CalibrateLook)
                    self._publish(bench)
                if self._is_watched:
                    began = time.monotonic()
                    self._look(bench)
                    pause = max(PERIOD_S, (time.monotonic() - began) * (1 / SHARE - 1))

    @property
    def _is_watched(self) -> bool:
        return time.monotonic() < self._watched_until

    def _execute(self, bench: CalibrationBench, command: commands.CalibrateCommand) -> None:
        camera = command.camera
        bench.camera(camera)  # before anything else remembers a name that there is not
        if isinstance(command, commands.CalibrateLook):
            self._camera, self._watched_until = camera, time.monotonic() + WATCHED_S
            return
        assert self._episode is not None, "it is there before the bench is"
        error = self._objection(command.type, _objections(bench, camera), self._episode.snapshot())
        if error is not None:
            raise error
        match command:
            case commands.CalibrateSample():
                self._outbox.log("info", f"Calibration of {camera}: {bench.take(camera)}")
            case commands.CalibrateRemove():
                bench.remove(camera, command.sample)
            case commands.CalibrateClear():
                bench.clear(camera)
            case commands.CalibrateSolve():
                bench.solve(camera)
            case commands.CalibrateSave():
                self._outbox.log("good", f"The calibration of {camera} was saved: {bench.save(camera)}")

    def _objection(
        self, verb: str, of_the_bench: Mapping[str, ClapError | None], now: EpisodeSnapshot
    ) -> ClapError | None:
        """Why not now: the episode's objection first."""
        saves = self._bench is not None and verb == "calibrate-save"
        return (self._not_at_rest(now) if saves else None) or of_the_bench[verb]

    def _not_at_rest(self, now: EpisodeSnapshot) -> ClapError | None:
        """What was predicted or is recorded was seen by the calibration so far."""
        if now.state.busy or now.prediction is not None:
            return ClapError(
                "A step is predicted or under way, by the calibration so far.", "Press Stop, then save it again."
            )
        if self._recording.is_recording:
            return ClapError("A take is being recorded, by the calibration so far.", "End it, then save it again.")
        return None

    def _look(self, bench: CalibrationBench) -> None:
        """Show all pages what the camera sees, or why it sees nothing."""
        parts: dict[str, bytes] = {}
        header: BoardSeen | BoardUnseen
        try:
            live_view = bench.live_view(self._camera)
            header, parts = messages.board(self._camera, live_view), {"picture": jpeg(live_view.picture)}
        except ClapError as error:
            header = BoardUnseen(camera=self._camera, sentence=str(error))
        self._outbox.publish(Frame("board", envelope(header, parts)))

    def _publish(self, bench: CalibrationBench) -> None:
        """Tell all pages how it stands, if that has changed: also when another command was carried out."""
        try:
            state = messages.state(bench, self._camera, self._answered)
        except ClapError as error:
            logger.warning("The calibration cannot be told: %s", error)
            return
        if state != self._told:
            self._told = state
            self._objections = _objections(bench, self._camera)
            if self._episode is not None:  # what may be done now is told first
                self._outbox.tell_status(self._episode)
            self._outbox.publish(frame(state))


def _objections(bench: CalibrationBench, camera: str) -> dict[str, ClapError | None]:
    """Why not now, by verb, as far as it is the bench's to say."""
    result, few = bench.result(camera), bench.quality(camera)
    unsaved = result is not None and not result[2]
    no_samples = None if bench.samples(camera) else ClapError("There are no samples.", "Take some first.")
    solved = None if result is None else ClapError("It is calibrated from these samples.", "Save it, or take more.")
    nothing = ClapError("There is no new calibration that could be saved.", "Press Calibrate first.")
    return {
        **dict.fromkeys(VERBS),
        "calibrate-solve": few or solved,
        "calibrate-save": None if unsaved else nothing,
        "calibrate-clear": no_samples,
    }


def _sentence(error: ClapError) -> str:
    return str(error).strip()
