"""The recorder: follows an episode and writes its motions into a take of the demonstration store.

Frames come at the set's rate while the arm moves, whoever moves it, and one more where each motion ends. At rest there
are none, nor while the operator drives and holds still: nothing changes on the table then, and the time for which one
thinks would become still footage, which LeRobot's clock (a frame's number over the rate) cannot tell from slow motion
and the keyframe rule would read as one stop after the other.

- Stop and failures end a motion, not the take: what follows, a correction by hand for instance, belongs to it.
- Undo takes the undone step's frames back: the world is then exactly as it was before them, so what comes next
  follows on what stays without a jump.
- Setting the scene up anew, or another instruction, ends the recording. The take waits to be committed or discarded.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from clap.episode.episode import Episode, EpisodeSnapshot, EpisodeState
from clap.episode.events import Approved, Corrected, Event, Finished, Reset, StateChanged, StepDone, Undone
from clap.rollout.operator_prediction import CORRECTED
from clap.worlds.base import World
from clap.worlds.capabilities import Snapshotable
from demos.frames import HUMAN, POLICY, Outcome, TakeInfo
from demos.recording.frame_clock import FrameClock
from demos.recording.frame_maker import FrameMaker, OpenTake, pending_frame_of
from demos.recording.idle_detector import IdleDetector
from demos.recording.preconditions import Objections, objections
from demos.store.episode_record import EpisodeRecord
from demos.store.store import DemonstrationStore
from demos.store.take import TakeStatus


@dataclass(frozen=True)
class RecorderStatus:
    """What the operator sees of the recording.

    ``take`` is None without one, and ``info`` what it is of; ``ended`` says why it records no more, empty while it
    does. ``source`` is who commands the arm, or last did. ``keyframes`` counts those by the rule and by hand,
    ``marked`` those by hand; ``success`` is what the world judged when the arm came to rest, None before. ``rate`` is
    measured: frames per second of motion. ``tick_ms`` is what recording took of a control tick, ``worst_tick_ms`` at
    most.
    """

    take: TakeStatus | None
    info: TakeInfo | None
    ended: str
    failed: bool
    source: str
    keyframes: int
    marked: int
    success: bool | None
    rate: float
    tick_ms: float
    worst_tick_ms: float


class Recorder:
    """Records one take after the other. Any thread but the episode's may call any method."""

    def __init__(
        self,
        episode: Episode,
        store: DemonstrationStore,
        *,
        fps: int = 20,
        robot: str = "franka_fr3",
        world: str = "tabletop",
    ):
        self._episode, self._store = episode, store
        self._fps, self._robot, self._world = fps, robot, world
        self._lock = threading.Lock()
        self._maker = FrameMaker(fps)
        self._open: OpenTake | None = None
        self._frame_clock, self._idle_detector = FrameClock(fps), IdleDetector()
        self._source = self._mover = HUMAN
        self._success: bool | None = None
        self._unsubscribe = episode.subscribe(self._on_event)
        self._unwatch = episode.watch(self._on_tick)

    def begin(self, operator: str = "", notes: str = "") -> None:
        """Begin a take of the episode's instruction; its first frame comes with the next tick of a motion.

        Raises DemonstrationError without an instruction or while another take is open, and what the store raises.
        """
        self._require("begin")
        now = self._episode.snapshot()
        info = TakeInfo(
            task=now.instruction,
            fps=self._fps,
            robot=self._robot,
            operator=operator,
            policy=now.policy,
            world=self._world,
            task_key=now.task,
            seed=now.seed if now.task else None,
            notes=notes,
            variation=now.variation if now.task else None,
            condition=now.condition,
        )
        self._take_up(OpenTake(self._store.begin(info)))

    def resume(self, take: str) -> None:
        """Take an unfinished take of the store up again, to be committed or discarded; it records no more.

        What the world did since it ended is not in it, so frames from now on would not follow on its last one.
        Raises what ``DemonstrationStore.resume`` raises.
        """
        self._require("resume")
        one = OpenTake(self._store.resume(take))
        one.end("It was interrupted.")
        self._take_up(one)

    def _take_up(self, one: OpenTake) -> None:
        with self._lock:
            self._frame_clock, self._idle_detector, self._success = FrameClock(self._fps), IdleDetector(), None
            self._open = one

    def mark_keyframe(self) -> None:
        """The operator says that the latest frame is a keyframe. Raises DemonstrationError if there is none."""
        self._require("mark")
        self._maker.then(self._present().mark)

    def end(self, reason: str = "The recording was ended.") -> None:
        """Record no more; the take waits to be committed or discarded. Raises DemonstrationError without a take."""
        self._require("end")
        with self._lock:
            self._present().end(reason)
        self._maker.drain()

    def commit(self, outcome: Outcome | None = None, notes: str = "") -> EpisodeRecord:
        """Make the take an episode of the set; without an ``outcome``, by what the world said at the end.

        Raises what ``Take.commit`` raises; the take is then still there.
        """
        self.end()  # what was still being made counts too
        self._require("commit")
        record = self._present().take.commit(outcome or self._judged(), notes)
        self._open = None
        return record

    def discard(self) -> None:
        """Throw the take away, into the trash."""
        self.end()
        self._present().take.discard()
        self._open = None

    def status(self) -> RecorderStatus:
        """How the recording goes."""
        one, frame_clock = self._open, self._frame_clock
        mean = frame_clock.tick_seconds / max(1, frame_clock.ticks)
        driving = self._episode.snapshot().state is EpisodeState.DRIVING
        keyframes, marked = (0, 0) if one is None else one.keyframes()
        return RecorderStatus(
            take=None if one is None else one.take.status(),
            info=None if one is None else one.take.info,
            ended="" if one is None else one.ended,
            failed=one is not None and one.failed,
            source=HUMAN if driving else self._mover,
            keyframes=keyframes,
            marked=marked,
            success=self._success,
            rate=frame_clock.rate,
            tick_ms=1000 * mean,
            worst_tick_ms=1000 * frame_clock.worst_tick,
        )

    def objections(self) -> Objections:
        """Why not now, by verb."""
        one = self._open
        frames = None if one is None else one.take.status().frames
        return objections(frames, self._frame_clock.frames, self._episode.snapshot().instruction)

    def _require(self, verb: str) -> None:
        error = self.objections()[verb]
        if error is not None:
            raise error

    def close(self) -> None:
        """Follow the episode no more. A take that is still open is the store's to leave, and can be resumed."""
        self._unsubscribe()
        self._unwatch()
        if self._open is not None:
            self.end()
        self._maker.close()

    def _present(self) -> OpenTake:
        assert self._open is not None, "verbs that need a take are refused without one"
        return self._open

    def _judged(self) -> Outcome:
        if self._success is None:
            return Outcome.UNKNOWN
        return Outcome.SUCCESS if self._success else Outcome.FAILURE

    # On the episode's thread

    def _on_event(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, StateChanged) and event.state.in_motion:
                # A motion that neither an approval nor a correction follows is the operator's own: driving, or home.
                self._source = HUMAN
            elif isinstance(event, Approved):
                self._source = HUMAN if event.prediction.source in CORRECTED else POLICY
            elif isinstance(event, (Corrected, StepDone)):
                self._source = POLICY
            one = self._open
            if one is None or one.ended:
                return
            if isinstance(event, Approved) or (isinstance(event, StepDone) and event.skipped):
                self._maker.then(one.step)
            elif isinstance(event, Undone):
                self._success = None
                self._maker.then(one.undo)
            elif isinstance(event, Finished):
                self._success = event.success
            elif isinstance(event, Reset):
                one.end("The scene was set up anew.")

    def _on_tick(self, world: World, moving: bool) -> None:
        begun = time.perf_counter()
        with self._lock:
            one = self._open
            if one is None or one.ended:
                return
            now = self._episode.snapshot()
            if now.instruction.strip() != one.take.info.task.strip():
                one.end("Another instruction was begun.")
            elif not isinstance(world, Snapshotable):
                one.end("This world cannot be recorded.")
            elif self._frame_clock.due(moving):
                self._frame(one, world, now, moving)
            if not moving:
                self._success = world.success()
            self._frame_clock.took(time.perf_counter() - begun)

    def _frame(self, one: OpenTake, world: Snapshotable, now: EpisodeSnapshot, moving: bool) -> None:
        """Make the frame that is due, unless the arm is driven and rests.

        Where a motion ended is what the next one starts from: that frame is never dropped. Others are where control
        lags while frames wait to be made, for making more would hold it up further. A tick that is late for once costs
        no frame.
        """
        driving = now.state is EpisodeState.DRIVING
        lags = moving and self._frame_clock.lags and self._maker.is_behind
        pending_frame = None if lags else pending_frame_of(world, now, HUMAN if driving else self._source)
        if pending_frame is not None:
            self._mover = pending_frame.source
            self._idle_detector.see(pending_frame.world_snapshot)
            if self._idle_detector.begins:
                self._success = world.success()
            elif not self._idle_detector.still:
                self._success = None
        if moving and driving and self._idle_detector.lasts:
            self._frame_clock.leave_out()
        elif pending_frame is not None and self._maker.shoot(one, pending_frame, not moving):
            self._frame_clock.frames += 1
        else:
            one.take.lose()
