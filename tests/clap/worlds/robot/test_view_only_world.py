"""A recording as a world of its own: it plays, the policy's path sees it, and nothing can be moved there."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from clap.episode.episode import Episode, EpisodeState
from clap.errors import WorldError
from clap.geometry.frames import TABLE_TOP, Pose
from clap.geometry.observation import fuse
from clap.policies.base import Policy
from clap.worlds.capabilities import Movable, Snapshotable, abilities_of, require
from clap.worlds.robot.calibration.storage import Calibration, save
from clap.worlds.robot.config import (
    ArmConfig,
    ArmKind,
    CalibrationConfig,
    CameraConfig,
    LoopbackConfig,
    Mount,
    RobotConfig,
    Source,
    load,
)
from clap.worlds.robot.errors import CalibrationError
from clap.worlds.robot.opening import open_world
from tests.support.kinematic_world import TouchPolicy
from tests.support.robot_cameras import record, tabletop_frame, wait_until


@pytest.fixture
def config(tmp_path) -> RobotConfig:
    """A recording of the tabletop that begins anew at its end, and where its camera stood."""
    record(tmp_path / "table.db3")
    pose = Pose.from_matrix(tabletop_frame().cam2world)
    position, quaternion = tuple(map(float, pose.position)), tuple(map(float, pose.quaternion))
    made = datetime.now(timezone.utc).isoformat()
    save(Calibration("sim1", Mount.FIXED, made, position, quaternion, 0.5, 0.05, 0.3), tmp_path)
    camera = CameraConfig("table", "sim1", Source.PLAYBACK, file=tmp_path / "table.db3", repeat=True)
    return RobotConfig(ArmConfig(kind=ArmKind.NONE), (camera,), CalibrationConfig(tmp_path))


def test_a_recording_is_seen_like_a_table_and_whatever_would_move_is_refused(config):
    world = open_world(config)
    try:
        wait_until(lambda: world.observe().frames)
        cloud = fuse(world.observe(), world.workspace)
        on_the_table = np.abs(cloud.points[:, 2] - TABLE_TOP) < 0.02
        assert len(cloud) > 20_000 and on_the_table.mean() > 0.3
        assert world.snapshot_renderer().observe(world.world_snapshot()).frames[0].name == "table"
        tool = world.state()[0]
        assert world.reachable(tool)
        assert isinstance(world, Snapshotable) and abilities_of(world) == frozenset()
        with pytest.raises(WorldError, match="no arm here: this world can only be looked at"):
            require(world, Movable)
    finally:
        world.close()


def test_in_an_episode_the_recording_plays_on_and_no_motion_is_accepted(config, monkeypatch):
    monkeypatch.setattr("clap.episode.world_session.OBSERVE_PERIOD_S", 0.2)

    def policy(world) -> Policy:
        return TouchPolicy(world)

    episode = Episode(lambda: open_world(config), {"touch": policy}, "touch")
    try:
        first = episode.wait(lambda now: now.state is EpisodeState.READY and now.scene is not None, 20).scene.seq
        assert episode.wait(lambda now: now.scene.seq > first + 1, 20).camera_fault is None
        assert episode.plan("touch the block")
        episode.wait(lambda now: now.state is EpisodeState.PLANNED, 20)
        assert episode.predict()
        assert episode.wait(lambda now: now.state is EpisodeState.AWAITING, 20).prediction is not None
        assert not episode.approve() and not episode.home() and not episode.drive(True) and not episode.run()
    finally:
        episode.close()


def test_without_a_calibration_the_world_does_not_open(config, tmp_path):
    (lost,) = tmp_path.glob("sim1_*.yaml")
    lost.unlink()
    with pytest.raises(CalibrationError, match="no calibration of camera table"):
        open_world(config)


def test_the_loopback_robot_that_comes_along_is_a_whole_configuration():
    config = load(Path("loopback"))
    assert config.loopback is not None and not config.arm.realtime and config.recordings is None


@pytest.mark.parametrize("source", [Source.DEVICE, Source.SOFTWARE])
def test_loopback_with_a_real_arm_or_a_real_camera_is_refused(source):
    camera = CameraConfig("front", "1", source)
    with pytest.raises(ValueError, match="realtime: false, and cameras of source: software"):
        RobotConfig(ArmConfig("x", realtime=source is Source.SOFTWARE), (camera,), loopback=LoopbackConfig())
