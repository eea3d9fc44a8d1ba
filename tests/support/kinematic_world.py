"""A world without physics: coloured boxes on a table, seen by one camera, and a gripper that follows its commands.

It moves in ticks that it counts, so that tests of the episode's order, its refusals and its stop are exact and quick.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from clap.errors import ClapError, InvalidInstructionError, WorldError
from clap.geometry.frames import Lifted, Pose, Workspace, lift, to_pixels
from clap.geometry.observation import CameraFrame, Observation, fuse
from clap.geometry.views import render_views
from clap.policies.base import INITIAL_STEP, OnText, PlanRequest, PredictRequest
from clap.policies.prediction import LocatedObject, Plan, PlanStatus, Prediction
from clap.worlds.base import UNWATCHED, Action, MotionContext, MotionOutcome, MotionReport, TaskInfo
from clap.worlds.capabilities import PreviewedMotion
from clap.worlds.motion_limits import MotionLimits
from clap.worlds.snapshot import WorldSnapshot
from clap.worlds.teleoperation import STILL, Driver, TeleoperationCommand

DOWN = np.array([1.0, 0.0, 0.0, 0.0])
HOME = Pose(np.array([0.2, 0.0, 1.2]), DOWN)
BOXES = {"red block": np.array([0.25, 0.1, 0.78]), "red cup": np.array([0.25, -0.15, 0.80])}
SEEN_FROM = np.array([0.25, 0.0, 1.55])
CAMERA_SIZE, FOCAL = 96, 80.0
STEP_METRES = 0.01


class Bystander:
    """Nothing on this table ever moves, so that it may be looked at later."""

    def observe(self, world_snapshot: WorldSnapshot) -> Observation:
        return replace(world_snapshot.robot, frames=world_snapshot.scene().frames)

    def positions(self, world_snapshot: WorldSnapshot) -> dict[str, tuple[float, float, float]]:
        return {name: tuple(map(float, position)) for name, position in BOXES.items()}

    def close(self) -> None:
        pass


class KinematicTable:
    """Something to look at: the core of the world protocol, and no arm to move. ``reach`` limits the arm, metres."""

    tool_speed = 0.2
    limits: MotionLimits | None = None

    def __init__(self, reach: float = 5.0, clock: Callable[[], float] | None = None):
        self.workspace = Workspace()
        self.reach = reach
        self.is_real = clock is not None
        self.clock = clock or (lambda: 0.02 * self.ticks)
        self.ticks = 0
        self.closed = False
        self.pose, self.opening = HOME, 1.0

    def observe(self) -> Observation:
        now = self.clock()
        return Observation((self._camera(now),), self.pose, self.opening, np.zeros(7), np.zeros(7), now)

    def _camera(self, now: float) -> CameraFrame:
        """Looks straight down: one ray per pixel against every box, the nearest surface wins."""
        centre = CAMERA_SIZE / 2
        v, u = np.mgrid[0:CAMERA_SIZE, 0:CAMERA_SIZE] + 0.5
        rays = np.stack([(u - centre) / FOCAL, -(v - centre) / FOCAL, -np.ones_like(u)], -1)
        depth = np.full(u.shape, SEEN_FROM[2] - 0.752)
        rgb = np.full((*u.shape, 3), 90, np.uint8)
        for box in BOXES.values():
            face = SEEN_FROM[2] - (box[2] + 0.03)
            inside = np.all(np.abs((SEEN_FROM + rays * face - box)[..., :2]) < 0.03, -1)
            depth[inside], rgb[inside] = face, (200, 30, 30)
        cam2world = np.eye(4)
        cam2world[:3, :3], cam2world[:3, 3] = np.diag([1.0, -1.0, -1.0]), SEEN_FROM
        intrinsics = np.array([[FOCAL, 0, centre], [0, FOCAL, centre], [0, 0, 1.0]])
        return CameraFrame("top", rgb, depth.astype(np.float32), intrinsics, cam2world, now)

    def world_snapshot(self) -> WorldSnapshot:
        robot = Observation((), self.pose, self.opening, np.zeros(7), np.zeros(7), self.clock())
        return WorldSnapshot(robot, self.pose, self.opening, self.observe)

    def snapshot_renderer(self) -> Bystander:
        return Bystander()

    def state(self) -> tuple[Pose, float]:
        return self.pose, self.opening

    def reachable(self, pose: Pose) -> bool:
        return float(np.linalg.norm(pose.position)) < self.reach

    def success(self) -> bool | None:
        return bool(np.linalg.norm(self.pose.position - BOXES["red cup"]) < 0.06)

    def close(self) -> None:
        self.closed = True


class KinematicArm(KinematicTable):
    """A table that a person sets, with an arm. ``tick_seconds`` is the wall time of a tick."""

    held: ClapError | None = None

    def __init__(self, tick_seconds: float = 0.0, reach: float = 5.0, clock: Callable[[], float] | None = None):
        super().__init__(reach, clock)
        self.tick_seconds = tick_seconds
        self.blocked = False

    def observe_in_parts(self) -> Iterator[Observation | None]:
        yield None
        yield self.observe()

    def execute(self, action: Action, context: MotionContext = UNWATCHED) -> MotionReport:
        started = self.ticks
        while not self.blocked and self.pose.distance(action.pose)[0] > 1e-9:
            if context.should_stop():
                return self._report(MotionOutcome.STOPPED, action, started)
            way = np.asarray(action.pose.position) - self.pose.position
            step = way * min(1.0, STEP_METRES / np.linalg.norm(way))
            self.pose = Pose(self.pose.position + step, action.pose.quaternion)
            self.ticks += 1
            time.sleep(self.tick_seconds)
            context.on_tick(self.pose, self.opening)
        if self.blocked:
            return self._report(MotionOutcome.FELL_SHORT, action, started)
        self.opening = 1.0 if action.gripper_open else self._closed()
        return self._report(MotionOutcome.REACHED, action, started)

    def home(self, context: MotionContext = UNWATCHED) -> MotionReport:
        return self.execute(Action(HOME, gripper_open=True), context)

    def drive(self, command: TeleoperationCommand, context: MotionContext = UNWATCHED) -> MotionReport:
        started, driver, reason = self.ticks, Driver(self.pose, self.workspace), ""
        while not context.should_stop():
            jog = command()
            here = Action(self.pose, self.opening > 0.5)
            if jog is None and driver.at_rest:
                return self._report(MotionOutcome.REACHED, here, started, reason)
            if not self.reachable(driver.advance(jog or STILL)):
                driver.hold()
                reason = "The arm cannot reach further that way: it held still."
            self.pose = driver.pose
            if jog is not None and jog.gripper is not None:
                self.opening = 1.0 if jog.gripper == "open" else self._closed()
            self.ticks += 1
            time.sleep(max(self.tick_seconds, 0.001))
            context.on_tick(self.pose, self.opening)
        return self._report(MotionOutcome.STOPPED, Action(self.pose, True), started)

    def preview(self, action: Action, speed: float = 0.0) -> PreviewedMotion:
        return PreviewedMotion((self.pose, action.pose), 1.0, True, "In the preview the block is touched.")

    def _closed(self) -> float:
        """The opening once the gripper has closed: around a box, or around nothing."""
        return 0.4 if any(np.linalg.norm(self.pose.position - box) < 0.06 for box in BOXES.values()) else 0.0

    def _report(self, outcome: MotionOutcome, action: Action, started: int, reason: str = "") -> MotionReport:
        metres, radians = self.pose.distance(action.pose)
        reason = "Something is in the way." if outcome is MotionOutcome.FELL_SHORT else reason
        return MotionReport(outcome, self.pose, self.opening, metres, radians, 0.02 * (self.ticks - started), reason)

    def arm_fault(self) -> ClapError | None:
        return self.held

    def recover(self, context: MotionContext = UNWATCHED) -> None:
        if not context.should_stop():
            self.held = None


class KinematicWorld(KinematicArm):
    """Has all the capabilities there are."""

    def tasks(self) -> tuple[TaskInfo, ...]:
        return (TaskInfo("touch", "Touch the block, then the cup", True, 1),)

    def conditions(self) -> tuple[str, ...]:
        return ("none",)

    def reset(self, task: str, seed: int, variation: int | None = None, condition: str = "none") -> str:
        if task != "touch":
            raise WorldError(f"There is no task '{task}'. Tasks: touch.")
        self.pose, self.opening, self.blocked = HOME, 1.0, False
        return "touch the block"

    def examples(self) -> tuple[str, ...]:
        return ("touch the block",)

    def follow(self, instruction: str) -> bool:
        return True

    def save(self) -> object:
        return (self.pose, self.opening, self.blocked, self.ticks)

    def restore(self, saved: object) -> None:
        self.pose, self.opening, self.blocked, self.ticks = saved


SUBTASKS = (
    ("the robot moves above the red block", "the robot touches the red block"),
    ("the robot moves above the red cup", "the robot touches the red cup"),
)
STEPS = SUBTASKS[0] + SUBTASKS[1]


class TouchPolicy:
    """Two sub-tasks of two steps, from the boxes' known places. Its fields bend single predictions for a test."""

    name = "touch"
    is_expert = True
    has_fine_action = True
    step_words = frozenset(" ".join(STEPS).split()) | {"pushes", "aside"}

    def __init__(self, world: KinematicWorld):
        self.world = world
        self.offset = np.zeros(3)
        self.keypoint_shift = 0
        self.stuck = False
        self.knows_completion = True
        self.looks = 0
        self.told: Sequence[str] | None = None

    def detect_objects(self, observation: Observation, on_text: OnText | None = None) -> tuple[str, ...]:
        self.looks += 1
        if on_text:
            on_text(" ; ".join(BOXES))
        return tuple(BOXES)

    def plan(self, request: PlanRequest) -> Plan:
        self.told = request.detected_objects
        if not request.instruction:
            raise InvalidInstructionError("The instruction is empty.")
        if "touch" not in request.instruction:
            return Plan(PlanStatus.REFUSED, raw="refuse", reason="that is not something the robot can do")
        done = 0 if request.last_step == INITIAL_STEP else self._done(request.last_step)
        if done == len(STEPS):
            return Plan(PlanStatus.COMPLETE, raw="complete")
        steps = SUBTASKS[done // 2]
        if request.on_text:
            request.on_text("; ".join(steps))
        return Plan(PlanStatus.STEPS, steps, "; ".join(steps))

    def predict(self, request: PredictRequest) -> Prediction:
        wanted, workspace = request.step, self.world.workspace
        told = wanted if wanted is not None and not self.stuck else STEPS[self._done(request.last_step)]
        done = STEPS.index(told) if told in STEPS else 0
        name = list(BOXES)[done // 2]
        target = BOXES[name] + [0, 0, 0.15 if done % 2 == 0 else 0.05] + self.offset
        pixels = to_pixels(BOXES[name], workspace)
        seen = pixels + np.array([[0, 0], [0, 0], [self.keypoint_shift, 0]])
        views = render_views(fuse(request.observation, workspace), workspace)
        return Prediction(
            step=told,
            objects=(LocatedObject(name, pixels, lift(pixels + 0.5, workspace)),),
            keypoint=lift(seen + 0.5, workspace),
            keypoint_pixels=seen,
            window=Workspace(),
            action=Action(Pose(target, DOWN), gripper_open=done % 2 == 0),
            views=views,
            seconds={"views": 0.001},
        )

    def refine(self, observation: Observation, step: str, keypoint: np.ndarray) -> Prediction:
        views = render_views(fuse(observation, self.world.workspace), self.world.workspace)
        return Prediction(
            step=step,
            objects=(),
            keypoint=Lifted(keypoint, np.zeros(3)),
            keypoint_pixels=to_pixels(keypoint, self.world.workspace),
            window=self.world.workspace.zoomed(keypoint),
            action=Action(Pose(keypoint + [0, 0, 0.02], DOWN), gripper_open=True),
            views=views,
        )

    def _done(self, last_step: str) -> int:
        """How many of its own steps lie behind; an operator's step that it does not know is behind none of them."""
        if self.stuck or last_step not in STEPS:
            return 0
        return STEPS.index(last_step) + 1
