"""What runs in a station's process: it makes the world and its episode, obeys the server, and tells it everything.

The process lives as long as its pipe: when the server ends, in whatever way, the pipe closes, the episode is stopped,
and the process ends too.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from clap.episode.episode import Episode, EpisodeState
from clap.episode.preconditions import Preconditions
from clap.episode.snapshot import EpisodeSnapshot
from clap.errors import ClapError
from clap.process_priority import raise_priority
from ui.protocol import BadCommandError
from ui.protocol.commands import CalibrateCommand, DemoCommand, Jog, JogTarget, RecordCommand
from ui.protocol.messages import Halted, Hello, JogAcknowledged, Starting
from ui.station import episode_messages
from ui.station.calibrating import Calibrating
from ui.station.channel import EVERY_PAGE, Frame, frame
from ui.station.checkpoints import Checkpoints
from ui.station.demonstration_preconditions import as_sentences
from ui.station.dispatch import handle
from ui.station.editing import Editing
from ui.station.options import CannotStartError, Setup, StationOptions
from ui.station.orders import AnyCommand, CloseOrder, HaltOrder, PageCommand, UseCheckpoint, read_order
from ui.station.outbox import Outbox
from ui.station.recording import Recording
from ui.station.shared import Guard, Shared

START_TIMEOUT_S = 300.0
RECORDING_TIMEOUT_S, CLOSE_TIMEOUT_S = 2.0, 5.0

logger = logging.getLogger(__name__)


def main(options: StationOptions, shared: Shared, pipe: Connection) -> None:
    """Run a station until its pipe closes; the process then ends, whatever its threads still do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the server ends us in order
    raise_priority(apart=True)
    logging.getLogger("clap").setLevel(logging.ERROR)  # named failures are told on the page
    station = StationProcess(options, shared, pipe)
    threading.Thread(target=station.start, name="start", daemon=True).start()
    try:
        station.handle_until_closed()
    finally:
        station.close()
        os._exit(0)


class StationProcess:
    """The station from within. Commands come one after the other on the main thread."""

    def __init__(self, options: StationOptions, shared: Shared, pipe: Connection):
        self._options, self._pipe = options, pipe
        self._episode: Episode | None = None
        self._button = shared.button
        self._guard = Guard(shared, options.dead_man_s, self._moving)
        self._outbox = Outbox(pipe)
        self.recording = Recording(options.recordings, options.why_not, self._outbox)
        self._editing = Editing(self.recording, self._outbox)
        self._checkpoints = Checkpoints(self._outbox)
        self._calibrating = Calibrating(self.recording, self._outbox)
        self._driver = EVERY_PAGE
        self._outbox.more_preconditions = self._more_preconditions

    # Starting

    def start(self) -> None:
        """Make the world and the policies, set the first scene, and say so; or say why it cannot be done."""
        try:
            self._start()
        except (CannotStartError, ClapError) as error:
            self._give_up(str(error))
        except BrokenPipeError:  # the server has ended
            return
        except Exception as error:
            logger.exception("The world could not be started")
            self._give_up(f"The world did not start ({type(error).__name__}: {error}).")

    def _give_up(self, sentence: str) -> None:
        """Say why there is no world, and end the process."""
        self._outbox.publish(Frame("cannot-start", sentence.encode()))
        self.close()
        os._exit(1)

    def _start(self) -> None:
        self._progress("Loading the programs …")
        setup = self._options.make(self._progress, self._button)
        self._progress("Starting the world …")
        episode = Episode(
            setup.world,
            setup.policies,
            setup.first,
            setup.speed,
            halted=self._guard.reason,
            on_halted=self._publish_halted,
            on_jog=self._publish_jog,
        )
        self._episode = episode
        episode.subscribe(self._outbox.on_event)
        snapshot = self._settled(episode)
        if setup.scene is not None and snapshot.failure is None:
            task, seed, variation = setup.scene
            episode.reset(task, seed, variation)
            snapshot = self._settled(episode)
        if snapshot.failure is not None:
            raise CannotStartError(f"{snapshot.failure.sentence} {snapshot.failure.next_move}")
        self._guard.watched = True
        self._checkpoints.choices = setup.info.policies
        self._outbox.publish(frame(self._hello(setup, episode)))
        self._outbox.publish_changes(episode)
        self._outbox.publish(Frame("up"))
        self._outbox.follow(episode)
        self.recording.follow(episode, setup.recorded_as)
        self._editing.follow(episode)
        self._calibrating.follow(episode, setup.calibration())

    def _settled(self, episode: Episode) -> EpisodeSnapshot:
        try:
            return episode.wait(lambda snapshot: snapshot.state is not EpisodeState.STARTING, START_TIMEOUT_S)
        except TimeoutError as error:
            raise CannotStartError(f"The world did not start. {error}") from error

    def _progress(self, sentence: str) -> None:
        self._outbox.publish(frame(Starting(sentence=sentence)))

    def _hello(self, setup: Setup, episode: Episode) -> Hello:
        return episode_messages.hello(
            setup.info,
            episode.tasks(),
            episode.conditions(),
            episode.workspace(),
            self._options.dead_man_s,
            episode.snapshot().abilities,
            episode.is_real(),
        )

    # Obeying

    def handle_until_closed(self) -> None:
        """Carry out what comes down the pipe."""
        while True:
            try:
                order = read_order(self._pipe.recv_bytes())
            except (EOFError, OSError):
                return
            match order:
                case CloseOrder():
                    return
                case HaltOrder():
                    self._stop(order.number)
                case PageCommand():
                    self._pass_on(order.page, order.command)

    def _stop(self, number: int) -> None:
        if self._episode is not None and self._episode.snapshot().state is not EpisodeState.STOPPED:
            self._episode.stop()  # else the motion has found the stop in the shared memory already
        self._guard.acknowledge(number)
        self._outbox.refresh()

    def _pass_on(self, page: int, command: AnyCommand) -> None:
        """Let whoever it is for carry a page's command out."""
        episode = self._episode
        if episode is None:
            self._outbox.refuse(page, "The world is still starting. Wait until it is there.")
            return
        if isinstance(command, Jog):
            self._driver = page
        else:
            self._outbox.asker = page
        match command:
            case DemoCommand():
                self._editing.handle(page, command)
            case CalibrateCommand():
                self._calibrating.handle(page, command)
            case UseCheckpoint():
                self._checkpoints.use(episode, command.name, Path(command.folder))
            case Jog() | JogTarget():
                handle(episode, command)
            case RecordCommand():
                self.recording.handle(page, command)
                self._outbox.refresh()
            case _:
                try:
                    handle(episode, command)
                except BadCommandError as error:
                    self._outbox.refuse(page, str(error))
                self._outbox.refresh()

    def _more_preconditions(self, snapshot: EpisodeSnapshot) -> Preconditions:
        """Of what is the station's own: demonstrations and calibration."""
        demonstrations = as_sentences(self._editing.objections(snapshot))
        return {**demonstrations, **self._calibrating.preconditions(snapshot)}

    def _publish_jog(self, seq: int, applied: bool) -> None:
        """Called by the control loop for every jog, so it must not wait."""
        received = JogAcknowledged(seq=seq, applied=applied, at=time.time())
        self._outbox.answer(frame(received, self._driver))

    def _publish_halted(self, when: float) -> None:
        """After a stop nothing moves any more since ``when`` (monotonic); pages get it as seconds since 1970."""
        stop, seconds = self._guard.motion_halted(when)
        at = time.time() - time.monotonic() + when
        self._outbox.answer(frame(Halted(stop=stop, seconds=seconds, at=at)))

    def _moving(self) -> bool:
        return self._episode is not None and self._episode.snapshot().state.in_motion

    def close(self) -> None:
        """Stop the motion, leave a take that is open, and release the world."""
        if self._episode is not None:
            self._episode.stop()
        self.recording.close(RECORDING_TIMEOUT_S)
        if self._episode is not None:
            self._episode.close(CLOSE_TIMEOUT_S)
