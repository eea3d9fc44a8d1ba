"""A camera calibrated through librealsense while its world is in use: looks, samples, the fit, the saved file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from clap.geometry.frames import Pose, Workspace
from clap.worlds.robot.calibration.bench import CalibrationBench
from clap.worlds.robot.calibration.calibrate import calibrate
from clap.worlds.robot.calibration.overlay import ROBOT_COLOR
from clap.worlds.robot.calibration.samples import read_samples
from clap.worlds.robot.calibration.sampling import Sampler, in_words
from clap.worlds.robot.calibration.storage import age_warnings, newest, save
from clap.worlds.robot.config import BoardConfig
from clap.worlds.robot.errors import CalibrationError
from tests.support.calibration_cell import CAMERA, Cell
from tests.support.robot_boards import error_of

DOWN = np.array([1.0, 0.0, 0.0, 0.0])


@pytest.fixture
def cell(tmp_path):
    made = Cell(tmp_path)
    yield made
    made.close()


def test_a_camera_without_a_calibration_gets_one_that_is_seen_by_at_once(cell, tmp_path):
    bench = cell.bench
    with pytest.raises(CalibrationError, match=r"front \(sim1\) has no calibration"):
        cell.cameras.frames(cell.tools[0])
    assert bench.in_use("front")[1]
    with pytest.raises(CalibrationError, match="no samples yet"):
        bench.solve("front")
    for k in range(9):
        cell.stand(k)
        assert "of 24 corners" in bench.take("front")
        lacks = bench.quality("front")
        assert (lacks is None) == (k >= 7), lacks
    assert "8 are needed" in str(_lacking(bench, 2))
    for k in (0, 1):
        cell.stand(k)
        bench.take("front")
    with pytest.raises(CalibrationError, match="Press Calibrate first"):
        bench.save("front")
    report = bench.solve("front")
    assert max(error_of(report.calibration.matrix, cell.rig.camera)) < 2
    assert error_of(report.calibration.matrix, cell.rig.camera)[1] < 0.2
    (folder,) = (tmp_path / "samples").iterdir()
    again = calibrate(folder, read_samples(folder), BoardConfig()).calibration
    assert error_of(again.matrix, report.calibration.matrix) < (0.01, 0.01), "what is on the disk says the same"
    path = Path(bench.save("front"))
    assert newest(tmp_path, CAMERA) == report.calibration and path.parent == tmp_path
    (frame,) = cell.cameras.frames(cell.tools[0])
    assert np.allclose(frame.cam2world, report.calibration.matrix)
    assert not bench.in_use("front")[1]
    bench.take("front")
    assert len(bench.samples("front")) == 1, "after a calibration was saved, another one begins"


def _lacking(bench: CalibrationBench, count: int) -> CalibrationError | None:
    """What is lacking after so many samples were removed, and that they are gone."""
    names = list(bench.samples("front"))
    for name in names[:count]:
        bench.remove("front", name)
    assert list(bench.samples("front")) == names[count:]
    with pytest.raises(CalibrationError, match="no sample"):
        bench.remove("front", names[0])
    return bench.quality("front")


def test_a_look_says_why_no_sample_can_be_taken(cell):
    live_view = cell.bench.live_view("front")
    assert not live_view.ready and "The board is not seen" in live_view.sentence
    with pytest.raises(CalibrationError, match="out of view"):
        cell.bench.take("front")
    cell.stand(0)
    live_view = cell.bench.live_view("front")
    assert live_view.ready and live_view.corners == 24 and live_view.target is None
    assert (live_view.picture != cell.pictures[0]).any(), "the corners are ringed"
    cell.arm.speed = 0.2
    assert "the arm moves" in cell.bench.live_view("front").sentence
    with pytest.raises(CalibrationError, match="The arm moves"):
        cell.bench.take("front")
    cell.arm.speed = 0.0
    cell.bench.take("front")
    live_view = cell.bench.live_view("front")
    assert Workspace().contains(live_view.target.position) and "about" in live_view.way and not live_view.near
    cell.arm.tool = live_view.target
    assert cell.bench.live_view("front").near
    few = cell.pictures[0].copy()
    few[:, 200:] = 90
    few[:, :40] = 90
    cell.show(few)
    assert not cell.bench.live_view("front").ready


def test_the_robots_model_and_the_bounds_are_drawn_by_the_calibration_in_use(cell):
    cell.cameras.place("sim1", cell.rig.camera)
    still = cell.bench.live_view("front").picture
    cell.arm.speed = 0.2
    moving = cell.bench.live_view("front").picture
    blue = ROBOT_COLOR[2] - ROBOT_COLOR[0]
    assert (moving != cell.nothing).any(), "the workspace is drawn"
    changed = (still.astype(int) - moving).reshape(-1, 3)
    assert 0 < (changed[:, 2] - changed[:, 0] > blue / 8).mean() < 0.9, "the model is, while the arm stands still"


def test_the_way_to_the_next_pose_is_said_along_the_hands_own_axes():
    start = Pose(np.array([0.2, 0.0, 1.0]), DOWN)
    assert in_words(start, replace(start, position=np.array([0.25, 0.0, 1.0]))).startswith("+5 cm along x, +0 cm")


def test_samples_of_two_days_do_not_mix(cell, tmp_path):
    (tmp_path / "old.png").touch()
    with pytest.raises(CalibrationError, match="is not empty"):
        Sampler(cell.cameras.camera("front"), BoardConfig(), cell.arm.state, tmp_path, Workspace())
    with pytest.raises(CalibrationError, match="There is no camera 'back'"):
        cell.bench.live_view("back")


def test_an_old_calibration_is_warned_of(cell, tmp_path):
    now = datetime.now(timezone.utc)
    for k in range(9):
        cell.stand(k)
        cell.bench.take("front")
    made = cell.bench.solve("front").calibration
    save(replace(made, made=(now - timedelta(days=40)).isoformat(timespec="seconds")), tmp_path)
    assert "40 days old" in age_warnings(cell.config, now)
    assert cell.bench.in_use("front") == (age_warnings(cell.config, now), True)
    save(made, tmp_path)
    assert age_warnings(cell.config, now) == ""
