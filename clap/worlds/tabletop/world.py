"""The embedded simulator: seeded tasks, RGB-D observations, motions and success on the physics state."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import mujoco
import numpy as np
from numpy.typing import NDArray

from clap.errors import WorldError
from clap.geometry.frames import Pose, Workspace
from clap.geometry.observation import CameraFrame, Observation
from clap.robots.fr3 import HOME_JOINTS
from clap.robots.fr3_kinematics import InverseKinematics
from clap.worlds.base import UNWATCHED, Action, MotionContext, MotionReport, TaskInfo
from clap.worlds.capabilities import (
    Drivable,
    Instructable,
    Movable,
    ObservableInParts,
    Resettable,
    Restorable,
    Snapshotable,
)
from clap.worlds.motion_limits import MotionLimits
from clap.worlds.snapshot import SnapshotRenderer, WorldSnapshot
from clap.worlds.tabletop.cameras import SETUPS, CameraRig, RenderContext
from clap.worlds.tabletop.motion import LINEAR_SPEED, Arm
from clap.worlds.tabletop.objects import SceneObject, add_object, named_points, positions
from clap.worlds.tabletop.phrasing import hole
from clap.worlds.tabletop.saved_state import SavedState
from clap.worlds.tabletop.scene import Lighting, table_spec
from clap.worlds.tabletop.sensor_noise import SensorNoise, calibration_error, degraded
from clap.worlds.tabletop.snapshot_renderer import TableScene, TableSnapshotRenderer
from clap.worlds.tabletop.success import holds
from clap.worlds.tabletop.tasks import (
    CONDITIONS,
    OPENED,
    Subtask,
    TaskSetup,
    all_task_infos,
    examples,
    phrasings,
    sample_task,
    understand,
)
from clap.worlds.tabletop.teleoperation import drive
from clap.worlds.teleoperation import TeleoperationCommand


class TabletopWorld(Movable, Drivable, Resettable, Restorable, Instructable, ObservableInParts, Snapshotable):
    """The MuJoCo tabletop; its methods are those of the protocols that it follows.

    ``cameras`` names one of ``SETUPS``: "four" clean ones, or a "single" noisy one whose calibration error is drawn
    anew, and whose noise starts anew, at every reset (the same task and seed give the same).

    Everything in it, the OpenGL context included, belongs to the thread that made it. Time is simulated time.
    """

    is_real = False
    tool_speed = LINEAR_SPEED
    limits: MotionLimits | None = None

    def __init__(self, cameras: str = "four") -> None:
        if cameras not in SETUPS:
            raise WorldError(f"There is no camera set-up '{cameras}'. There are: {', '.join(SETUPS)}.")
        self.cameras = SETUPS[cameras]
        self._sensor_rng = np.random.default_rng(0)
        self._calibration_errors: dict[str, NDArray[np.floating]] = {}
        self.workspace = Workspace()
        self._context = RenderContext()
        self._kinematics = InverseKinematics()
        self._rig: CameraRig | None = None
        self.setup: TaskSetup | None = None
        self._goal: tuple[Subtask, ...] | None = None
        self.reset("block_in_same_cup", seed=0)

    def tasks(self) -> tuple[TaskInfo, ...]:
        return all_task_infos()

    def conditions(self) -> tuple[str, ...]:
        return CONDITIONS

    def reset(self, task: str, seed: int, variation: int | None = None, condition: str = "none") -> str:
        setup = sample_task(task, seed, variation, condition)
        self.load(setup.things, setup.lighting)
        self.setup, self._goal = setup, setup.subtasks
        self._sensor_rng = np.random.default_rng([zlib.crc32(task.encode()), seed, setup.variation])
        self._calibration_errors = {}
        return setup.instruction

    def load(self, things: tuple[SceneObject, ...], lighting: Lighting) -> None:
        """Set the table with these things, the robot at home; raises WorldError if they interpenetrate."""
        spec = table_spec(lighting)
        for thing in things:
            add_object(spec, thing)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.things = things
        self.setup = self._goal = None
        self._rig = None
        self.arm = Arm(self.model, self.data, self._kinematics)
        self.arm.place_at(HOME_JOINTS)
        for thing in things:
            if thing.kind == "cabinet":
                self.data.joint("drawer_joint").qpos[0] = thing.opening
        mujoco.mj_forward(self.model, self.data)
        deepest = min((contact.dist for contact in self.data.contact[: self.data.ncon]), default=0.0)
        if deepest < -0.002:
            raise WorldError(f"Objects interpenetrate by {-1000 * deepest:.1f} mm after placing them.")
        self.arm.tick(10)

    def examples(self) -> tuple[str, ...]:
        return examples(self.things, self.setup.instruction if self.setup else "")

    def follow(self, instruction: str) -> bool:
        """Make ``success`` judge this instruction. False if the world cannot judge it (success is then None)."""
        self._goal = understand(instruction, self.things)
        return self._goal is not None

    @property
    def goal(self) -> tuple[Subtask, ...] | None:
        """The sub-tasks that the instruction asks for, or None if the world does not know its phrasing."""
        return self._goal

    def observe(self) -> Observation:
        return self.observation(tuple(self._frame(name) for name in self.cameras.names))

    def observe_in_parts(self) -> Iterator[Observation | None]:
        frames = []
        for name in self.cameras.names:
            frames.append(self._frame(name))
            yield None
        yield self.observation(tuple(frames))

    def show(self, positions: NDArray[np.floating]) -> None:
        """Put everything where MuJoCo's ``positions`` (nq,) say, without physics: the scene of another table."""
        self.data.qpos[:] = positions
        mujoco.mj_forward(self.model, self.data)

    def observation(self, frames: tuple[CameraFrame, ...]) -> Observation:
        """The robot's state now, with these frames."""
        positions, velocities = self.arm.joints()
        return Observation(
            frames,
            self.arm.pose(),
            self.arm.gripper_open(),
            positions,
            velocities,
            self.arm.time,
        )

    def _frame(self, name: str) -> CameraFrame:
        (frame,), noise = self.rig.capture(self.data, (name,)), self.cameras.noise
        if noise is None:
            return frame
        return degraded(frame, noise, self._calibration(noise)[name], self._sensor_rng)

    def _calibration(self, noise: SensorNoise) -> dict[str, NDArray[np.floating]]:
        """The calibration errors (4, 4) of the present scene, by camera."""
        for name in self.cameras.names:
            if name not in self._calibration_errors:
                self._calibration_errors[name] = calibration_error(noise, self._sensor_rng)
        return self._calibration_errors

    def world_snapshot(self) -> WorldSnapshot:
        noise = self.cameras.noise
        errors = {} if noise is None else self._calibration(noise)
        scene = TableScene.of(self.model, self.data, self.things, errors)
        return WorldSnapshot(self.observation(()), self.arm.commanded_pose(), self.arm.commanded_opening(), scene)

    def snapshot_renderer(self) -> SnapshotRenderer:
        return TableSnapshotRenderer(self.cameras)

    @property
    def rig(self) -> CameraRig:
        """The cameras of the present scene (for data generation)."""
        if self._rig is None:
            self._rig = CameraRig(self.model, self._context)
        return self._rig

    def state(self) -> tuple[Pose, float]:
        return self.arm.pose(), self.arm.gripper_open()

    def reachable(self, pose: Pose) -> bool:
        return self._kinematics.solve_from_anywhere(pose, self.arm.commanded) is not None

    def execute(self, action: Action, context: MotionContext = UNWATCHED) -> MotionReport:
        return self.arm.execute(action, context)

    def home(self, context: MotionContext = UNWATCHED) -> MotionReport:
        return self.arm.home(context)

    def drive(self, command: TeleoperationCommand, context: MotionContext = UNWATCHED) -> MotionReport:
        return drive(self.arm, self.workspace, command, context)

    def save(self) -> object:
        return SavedState(self.model, self.data, self.arm, self._goal, self._sensor_rng, self._calibration_errors)

    def restore(self, saved: object) -> None:
        if not isinstance(saved, SavedState) or saved.model is not self.model:
            raise WorldError("This moment belongs to another scene: the table was set anew since.")
        saved.restore(self.data, self.arm, self._sensor_rng)
        self._goal, self._calibration_errors = saved.goal, dict(saved.calibration_errors)

    def success(self) -> bool | None:
        """True if the goal holds now; None if the world cannot judge the instruction."""
        if self._goal is None:
            return None
        return all(holds(self, subtask) for subtask in self._goal)

    def close(self) -> None:
        self._rig = None
        self._context.close()

    def teleport(self, pose: Pose) -> bool:
        """Put the arm at a pose without moving there (for data generation). False if it cannot be reached."""
        joints = self._kinematics.solve_from_anywhere(pose, HOME_JOINTS)
        if joints is None:
            return False
        self.arm.place_at(joints)
        mujoco.mj_forward(self.model, self.data)
        return True

    # What only the simulator knows: read by the expert, the data generator and the success predicates, never by CLAP.

    def positions(self) -> dict[str, NDArray[np.floating]]:
        """Every named point on the table: name -> (3,) world metres."""
        return positions(self.data, self.things)

    def body_pose(self, name: str) -> Pose:
        """Pose of the body of a named thing, world frame."""
        body = self.data.body(self.thing(name).body)
        return Pose.from_rotation(body.xpos, body.xmat.reshape(3, 3))

    def thing(self, name: str) -> SceneObject:
        """The thing of that name; the drawer and its handle belong to the cabinet. Raises WorldError if absent."""
        for thing in self.things:
            if name in named_points(thing) or name == thing.name:
                return thing
        present = ", ".join(sorted(self.positions()))
        raise WorldError(f"There is no '{name}' on the table. There are: {present}.")

    def drawer_opening(self) -> float:
        """How far the drawer is pulled out, metres."""
        return float(self.data.joint("drawer_joint").qpos[0])

    def drawer_is_open(self) -> bool | None:
        """True if the drawer is pulled out; None if there is no cabinet."""
        if not any(thing.kind == "cabinet" for thing in self.things):
            return None
        return self.drawer_opening() >= OPENED

    def phrasings(self) -> tuple[str, ...]:
        """All ways in which the present task's instruction can be put; empty without a task."""
        return phrasings(self.setup) if self.setup else ()

    def hole(self, shape: str) -> NDArray[np.floating]:
        """(3,) world centre of the hole for a shape in the sorter's lid."""
        return self.positions()[hole(shape)]
