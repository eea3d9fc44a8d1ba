"""The world of an episode: every look at the scene and every motion is told as it happens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from clap.episode.events import ArmFaultChanged, CameraFaultChanged, Moved, PoseUpdated, SceneUpdated
from clap.episode.scene_watch import SceneWatch
from clap.episode.snapshot import EpisodeState, SceneFrame
from clap.episode.worker import Interrupted, Worker
from clap.errors import ClapError, Failure
from clap.geometry.frames import Pose
from clap.geometry.observation import Observation, fuse
from clap.geometry.views import CanonicalViews, render_views
from clap.rollout.errors import MotionFailedError
from clap.worlds.base import MotionContext, MotionOutcome, MotionReport, TaskInfo, World
from clap.worlds.capabilities import (
    Instructable,
    Movable,
    ObservableInParts,
    Recoverable,
    Resettable,
    abilities_of,
    require,
)

log = logging.getLogger(__name__)

POSE_PERIOD = 0.045
"""Seconds of wall time between two poses that are told during a motion."""

OBSERVE_PERIOD_S = 1.0
"""Seconds between two looks at a scene that changes by itself, while nothing else is done."""

Watcher = Callable[[World, bool], None]
"""Called on the worker thread with the world at every control tick of a motion, and with False once it has ended.

Whatever it takes is taken from the tick: it has to be done in well below a millisecond."""

WorldFactory = Callable[[], World]


class WorldSession:
    """The world, and what onlookers are told of it; all methods but the constructor run on the worker thread.

    ``arm_left_home``: the arm stands where it was left, not at home, and may hide something.
    """

    def __init__(self, worker: Worker, world_factory: WorldFactory):
        self.worker = worker
        self.tasks: tuple[TaskInfo, ...] = ()
        self.conditions: tuple[str, ...] = ()
        self.arm_left_home = True
        self._world_factory = world_factory
        self._world: World | None = None
        self._scenes = 0
        self._posed_at = self._observed_at = 0.0
        self._ticked = False
        self._watchers: tuple[Watcher, ...] = ()
        self._scene_watch = SceneWatch(self._observe_in_parts, worker.interrupted)

    def open(self) -> None:
        """Make the world. One without tasks is shown as it is."""
        self._world = world = self._world_factory()
        if isinstance(world, Resettable):
            self.tasks, self.conditions = world.tasks(), world.conditions()
        self.worker.note(has_world=True, abilities=abilities_of(world), examples=self.examples())
        if not self.tasks:
            self.observe_scene()

    def idle(self) -> None:
        """While nothing is done: see whether the arm may move, and look at a scene that changes by itself."""
        if self._world is None:
            return
        if self._ticked:  # a motion that was broken off by a failure, without a report
            self._rests()
        self.poll_arm_fault()
        if self._world.is_real and time.monotonic() - self._observed_at >= OBSERVE_PERIOD_S:
            self.observe_scene()

    def poll_arm_fault(self) -> None:
        """Tell what keeps the arm from moving, if that has changed."""
        error = self.world.arm_fault() if isinstance(self.world, Recoverable) else None
        arm_fault = None if error is None else Failure.of(error)
        if arm_fault != self.worker.event_bus.snapshot.arm_fault:
            self.worker.note(arm_fault=arm_fault)
            self.worker.publish(ArmFaultChanged, arm_fault=arm_fault)

    def _sight(self, failure: Failure | None) -> None:
        """Tell why the scene cannot be seen, if that has changed."""
        if failure != self.worker.event_bus.snapshot.camera_fault:
            self.worker.note(camera_fault=failure)
            self.worker.publish(CameraFaultChanged, failure=failure)

    def close(self) -> None:
        """Release the world."""
        if self._world is not None:
            self._world.close()

    @property
    def is_open(self) -> bool:
        """True once there is a world."""
        return self._world is not None

    @property
    def world(self) -> World:
        """The world."""
        assert self._world is not None, "verbs are refused without a world"
        return self._world

    @property
    def speed(self) -> float:
        """The pace of the motions that the operator chose."""
        return self.worker.event_bus.snapshot.speed

    @property
    def motion(self) -> MotionContext:
        """How motions are watched, halted and paced from now on."""
        return MotionContext(self.worker.interrupted, self.on_tick, self.speed)

    def examples(self) -> tuple[str, ...]:
        """Instructions that make sense for what is on the table now; none where the world knows none."""
        return self.world.examples() if isinstance(self.world, Instructable) else ()

    def follow(self, instruction: str) -> None:
        """Let the world judge this instruction from now on, if it can."""
        if isinstance(self.world, Instructable):
            self.world.follow(instruction)

    def reset(self, task: str, seed: int, variation: int | None, condition: str) -> str:
        """Set the scene up anew, and return its instruction."""
        instruction = require(self.world, Resettable).reset(task, seed, variation, condition)
        self.arm_left_home = False
        return instruction

    def home(self) -> None:
        """Move the arm home. Raises MotionFailedError."""
        self.worker.enter(EpisodeState.MOVING)
        report = require(self.world, Movable).home(self.motion)
        self.moved(report)
        self.end_if_stopped(report)
        if not report.ok:
            raise MotionFailedError(report)
        self.arm_left_home = False

    def moved(self, report: MotionReport) -> None:
        """Tell how a motion ended, and look."""
        self.worker.at_rest()
        self._rests()
        self.worker.publish(Moved, report=report)
        self.observe_scene()

    def _rests(self) -> None:
        self._ticked = False
        self._scene_watch.forget()
        self._show_watchers(moving=False)

    def watch(self, reports: Iterator[MotionReport]) -> None:
        """Tell of motions that are made one by one, and end the command at a stop."""
        self.worker.arm_moves = True
        for report in reports:
            self.moved(report)
            self.end_if_stopped(report)
            self.worker.arm_moves = True
        self.worker.arm_moves = False

    def end_if_stopped(self, report: MotionReport) -> None:
        """End the command if the operator stopped its motion."""
        if report.outcome is MotionOutcome.STOPPED:
            self.worker.enter(EpisodeState.STOPPED)
            raise Interrupted

    def observe_scene(self) -> None:
        """Refresh the scene. A scene that cannot be seen is no reason to stop: predicting will say what is wrong."""
        self._observed_at = time.monotonic()
        try:
            self.show(self.world.observe())
        except ClapError as error:
            log.warning("The scene could not be shown: %s", error)
            self._sight(Failure.of(error))
        else:
            self._sight(None)

    def show(self, observation: Observation, views: CanonicalViews | None = None) -> None:
        """Publish an observation as the scene; its ``views`` are rendered where they are not known."""
        workspace = self.world.workspace
        cloud = fuse(observation, workspace)
        self._scenes += 1
        views = views or render_views(cloud, workspace)
        scene = SceneFrame(self._scenes, observation.timestamp, observation, cloud, views)
        self.worker.note(scene=scene)
        self.worker.publish(SceneUpdated, scene=scene)

    def on_tick(self, pose: Pose, gripper_open: float) -> None:
        """Tell where the arm is, and go on with the look at the scene."""
        self._ticked = True
        self._show_watchers(moving=True)
        now = time.monotonic()
        if now - self._posed_at >= POSE_PERIOD:
            self._posed_at = now
            self.worker.publish(PoseUpdated, pose=pose, gripper_open=gripper_open)
        self._scene_watch.tick()

    def watch_motions(self, watcher: Watcher) -> Callable[[], None]:
        """Call ``watcher`` from the next tick on; the result takes it away again. Any thread may call both."""
        with self.worker.event_bus.lock:
            self._watchers = (*self._watchers, watcher)

        def unwatch() -> None:
            with self.worker.event_bus.lock:
                self._watchers = tuple(one for one in self._watchers if one is not watcher)

        return unwatch

    def _show_watchers(self, moving: bool) -> None:
        for watcher in self._watchers:
            try:
                watcher(self.world, moving)
            except Exception:
                log.exception("A watcher of the motions failed")

    def _observe_in_parts(self) -> Iterator[None]:
        """As ``observe_scene``, in parts that are short enough for a control loop."""
        if not isinstance(self.world, ObservableInParts):
            return
        try:
            for observation in self.world.observe_in_parts():
                yield
                if observation is not None:
                    self.show(observation)
        except ClapError as error:
            log.warning("The scene could not be shown: %s", error)
