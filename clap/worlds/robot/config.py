"""The configuration of one robot: arm, cameras, calibration, bounds, limits, policy and recordings, from one YAML file.

``example.yaml`` beside this file explains every key. Metres, degrees and seconds; the world frame is the project's:
x away from the robot, y to its left, z up, the table top at z = 0.752.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np

from clap.geometry.frames import TABLE_TOP, Pose, Workspace
from clap.worlds.robot.yaml_reader import read_yaml

Triple = tuple[float, float, float]

MOST_CAMERAS = 4


class ArmKind(str, Enum):
    """Which adapter drives the arm; with none the world is only looked at."""

    FRANKA = "franka"
    UR = "ur"
    NONE = "none"


@dataclass(frozen=True)
class ArmConfig:
    """``address`` of the arm's controller; ``base_position`` metres and ``base_yaw`` degrees: where its base stands.

    ``model`` and ``tool_length`` (metres from the flange to the tool centre point) are for arms of kind ``ur``.
    ``grasp_force`` N; ``realtime`` false is for an arm that is simulated on this computer.
    """

    address: str = ""
    kind: ArmKind = ArmKind.FRANKA
    base_position: Triple = (-0.309, 0.0, TABLE_TOP)
    base_yaw: float = 0.0
    model: str = "ur5e"
    tool_length: float = 0.1034
    grasp_force: float = 30.0
    realtime: bool = True

    def __post_init__(self) -> None:
        if (self.kind is not ArmKind.NONE) != bool(self.address):
            raise ValueError("address is needed, but for an arm of kind: none")
        if not 1 <= self.grasp_force <= 120:
            raise ValueError(f"grasp_force is from 1 to 120 N, not {self.grasp_force:g}")
        if not 0 <= self.tool_length <= 0.5:
            raise ValueError(f"tool_length is from 0 to 0.5 m, not {self.tool_length:g}")

    @property
    def base(self) -> Pose:
        """The world pose of the base."""
        half = math.radians(self.base_yaw) / 2
        return Pose(np.array(self.base_position), np.array([0, 0, math.sin(half), math.cos(half)]))


class Source(str, Enum):
    """Where a camera's frames come from: a device on USB, a recording, or librealsense's software device."""

    DEVICE = "device"
    PLAYBACK = "playback"
    SOFTWARE = "software"


class Mount(str, Enum):
    """What the camera is fixed to: the world (eye-to-hand), or the gripper (eye-in-hand)."""

    FIXED = "fixed"
    HAND = "hand"


@dataclass(frozen=True)
class FilterConfig:
    """librealsense's post-processing, in its recommended order; all off by default.

    ``decimation`` 1 (off) to 8 takes one of so many depth pixels; ``hole_filling`` invents depth where there is none,
    which is why points at the edges of things may be wrong with it.
    """

    decimation: int = 1
    spatial: bool = False
    temporal: bool = False
    hole_filling: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.decimation <= 8:
            raise ValueError(f"decimation is from 1 (off) to 8, not {self.decimation}")


@dataclass(frozen=True)
class CameraConfig:
    """One camera. ``frozen_after`` seconds without a new frame, or with the same one, count as frozen.

    ``file`` and ``repeat`` are for the source ``playback``, whose frames keep the size and rate of the recording.
    """

    name: str
    serial: str
    source: Source = Source.DEVICE
    mount: Mount = Mount.FIXED
    width: int = 640
    height: int = 360
    fps: int = 30
    filters: FilterConfig = field(default_factory=FilterConfig)
    frozen_after: float = 2.0
    file: Path | None = None
    repeat: bool = False

    def __post_init__(self) -> None:
        for key in ("name", "serial"):
            if not getattr(self, key).replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"{key} is made of letters, digits, - and _, not {getattr(self, key)!r}")
        if not (64 <= self.width <= 1920 and 64 <= self.height <= 1200 and 1 <= self.fps <= 90):
            raise ValueError(f"{self.width} x {self.height} at {self.fps} Hz is no mode of a RealSense camera")
        if not 0.2 <= self.frozen_after <= 60:
            raise ValueError(f"frozen_after is from 0.2 to 60 s, not {self.frozen_after:g}")
        if (self.file is not None) != (self.source is Source.PLAYBACK):
            raise ValueError("file is needed for source: playback, and only there")
        if self.repeat and self.source is not Source.PLAYBACK:
            raise ValueError("repeat is for source: playback")


DICTIONARIES = tuple(f"{k}X{k}_{size}" for k in (4, 5, 6, 7) for size in (50, 100, 250, 1000))
"""OpenCV's dictionaries of ArUco markers, without their prefix DICT_."""


@dataclass(frozen=True)
class BoardConfig:
    """The ChArUco board: ``columns`` x ``rows`` squares of ``square_mm`` with markers of ``marker_mm`` in them."""

    columns: int = 5
    rows: int = 7
    square_mm: float = 36.0
    marker_mm: float = 27.0
    dictionary: str = "4X4_50"

    def __post_init__(self) -> None:
        if not (3 <= self.columns <= 20 and 3 <= self.rows <= 20):
            raise ValueError(f"a board has 3 to 20 squares a side, not {self.columns} x {self.rows}")
        if self.dictionary not in DICTIONARIES:
            near = difflib.get_close_matches(self.dictionary, DICTIONARIES, 1)
            raise ValueError(f"there is no dictionary {self.dictionary}, but {near[0] if near else DICTIONARIES[0]}")
        markers, most = self.columns * self.rows // 2, int(self.dictionary.split("_")[1])
        if markers > most:
            raise ValueError(f"the board needs {markers} markers, and the dictionary {self.dictionary} has {most}")
        if not 0 < self.marker_mm < self.square_mm <= 500:
            raise ValueError(f"a marker ({self.marker_mm:g} mm) is smaller than its square ({self.square_mm:g} mm)")


@dataclass(frozen=True)
class CalibrationConfig:
    """``folder`` of the dated files; from ``max_age_days`` on a warning asks for a new calibration."""

    folder: Path = Path("calibration")
    max_age_days: float = 30.0
    board: BoardConfig = field(default_factory=BoardConfig)

    def __post_init__(self) -> None:
        if self.max_age_days <= 0:
            raise ValueError(f"max_age_days is more than 0, not {self.max_age_days:g}")


@dataclass(frozen=True)
class KeepOutBox:
    """A box, world metres, that the tool must not enter."""

    name: str
    low: Triple
    high: Triple

    def __post_init__(self) -> None:
        if not all(a < b for a, b in zip(self.low, self.high, strict=True)):
            raise ValueError(f"the box needs low < high on every axis, got low={self.low} high={self.high}")


@dataclass(frozen=True)
class BoundsConfig:
    """``workspace``: the box that the policy sees and acts in; ``keep_out``: boxes that the tool must not enter."""

    workspace: Workspace = field(default_factory=Workspace)
    keep_out: tuple[KeepOutBox, ...] = ()

    def __post_init__(self) -> None:
        edges = [high - low for low, high in zip(self.workspace.low, self.workspace.high, strict=True)]
        if not all(0.2 <= edge <= 3 for edge in edges):
            raise ValueError(f"the workspace's edges are from 0.2 to 3 m, not {[round(edge, 3) for edge in edges]} m")
        names = [box.name for box in self.keep_out]
        if len(set(names)) != len(names):
            raise ValueError(f"two keep-out boxes have the same name: {', '.join(names)}")


@dataclass(frozen=True)
class LimitsConfig:
    """``tool_speed`` m/s at most, ``longest_step`` of one action and ``lowest_height`` of the tool, world metres.
    ``oldest_frame``: seconds after which a prediction is not carried out any more, but has to be made anew."""

    tool_speed: float = 0.1
    longest_step: float = 0.8
    lowest_height: float = TABLE_TOP
    oldest_frame: float = 10.0

    def __post_init__(self) -> None:
        if not 2 <= self.oldest_frame <= 60:
            raise ValueError(f"oldest_frame is from 2 to 60 s, not {self.oldest_frame:g}")
        if not 0 < self.tool_speed <= 0.25:
            raise ValueError(f"tool_speed is from 0 to 0.25 m/s, not {self.tool_speed:g}")
        if not 0 < self.longest_step <= 2:
            raise ValueError(f"longest_step is from 0 to 2 m, not {self.longest_step:g}")


@dataclass(frozen=True)
class PolicyConfig:
    """``checkpoint``: folder of a CLAP checkpoint (None: the shipped clap-mini); the planner's server, if any."""

    checkpoint: Path | None = None
    planner_url: str | None = None
    planner_model: str | None = None


@dataclass(frozen=True)
class LoopbackConfig:
    """A scene of the simulated table, served on this computer in the place of an arm and cameras.

    ``board``: the gripper holds the calibration board, so that the cameras can be calibrated.
    """

    task: str = "block_in_same_cup"
    seed: int = 0
    board: bool = False


@dataclass(frozen=True)
class RobotConfig:
    """One robot. ``recordings``: the folder of its demonstrations, None to record nothing. ``loopback``: what is served
    in its place, None for a real one."""

    arm: ArmConfig
    cameras: tuple[CameraConfig, ...]
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    bounds: BoundsConfig = field(default_factory=BoundsConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    recordings: Path | None = Path("recordings")
    loopback: LoopbackConfig | None = None

    def __post_init__(self) -> None:
        served = {camera.source for camera in self.cameras} == {Source.SOFTWARE} and not self.arm.realtime
        if self.loopback is not None and not (served and self.arm.kind is ArmKind.FRANKA):
            raise ValueError(
                "loopback needs an arm of kind: franka with realtime: false, and cameras of source: software"
            )
        if self.loopback is not None and self.loopback.board and any(c.mount is Mount.HAND for c in self.cameras):
            raise ValueError("loopback.board is on the gripper: it needs cameras of mount: fixed")
        if not 1 <= len(self.cameras) <= MOST_CAMERAS:
            raise ValueError(f"a robot has 1 to {MOST_CAMERAS} cameras, not {len(self.cameras)}")
        for key in ("name", "serial"):
            values = [getattr(camera, key) for camera in self.cameras]
            if len(set(values)) != len(values):
                raise ValueError(f"two cameras have the same {key}: {', '.join(values)}")

    def camera(self, serial: str) -> CameraConfig | None:
        """The camera with this serial number, or None."""
        return next((camera for camera in self.cameras if camera.serial == serial), None)


LOOPBACK = Path(__file__).with_name("loopback.yaml")
"""The configuration that comes along under the name ``loopback``."""


def load(path: Path) -> RobotConfig:
    """Read and check the file; ``loopback`` is the one that comes along.

    Raises RobotConfigError, which says which key, what was expected and what to do.
    """
    return read_yaml(LOOPBACK if str(path) == "loopback" else path, RobotConfig)
