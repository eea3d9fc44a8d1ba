"""``python -m clap.worlds.robot``: what each part's test finds, and what it says to do; printing and calibrating."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from clap.geometry.frames import Pose, Workspace
from clap.robots.fr3 import HOME_JOINTS
from clap.worlds.robot import check
from clap.worlds.robot.__main__ import main
from clap.worlds.robot.calibration.charuco import Board
from clap.worlds.robot.calibration.samples import SampleIndex, add_sample
from clap.worlds.robot.calibration.storage import Calibration, newest, save
from clap.worlds.robot.cameras.software_camera import SoftwareCamera
from clap.worlds.robot.check import inspect
from clap.worlds.robot.config import (
    ArmConfig,
    ArmKind,
    BoardConfig,
    BoundsConfig,
    CalibrationConfig,
    CameraConfig,
    KeepOutBox,
    LimitsConfig,
    Mount,
    RobotConfig,
    Source,
)
from tests.support.robot_boards import INTRINSICS, error_of, make_rig, render
from tests.support.robot_cameras import fed_camera, record, tabletop_frame

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def short_watch(monkeypatch):
    monkeypatch.setattr(check, "WATCH_S", 0.4)


@pytest.fixture
def config(tmp_path):
    """A robot with one camera, well calibrated to where the tabletop's camera stands."""
    truth = Pose.from_matrix(tabletop_frame().cam2world)
    made = datetime.now(timezone.utc) - timedelta(days=3)
    save(calibration(made, truth), tmp_path)
    return RobotConfig(
        ArmConfig(kind=ArmKind.NONE),
        (CameraConfig("front", "sim1", Source.SOFTWARE, frozen_after=0.4),),
        CalibrationConfig(tmp_path),
    )


def calibration(made: datetime, pose: Pose) -> Calibration:
    x, y, z = map(float, pose.position)
    a, b, c, d = map(float, pose.quaternion)
    return Calibration("sim1", Mount.FIXED, made.isoformat(), (x, y, z), (a, b, c, d), 0.5, 0.05, 0.3)


def found(config: RobotConfig, software: dict[str, SoftwareCamera] | None = None) -> dict[str, list[check.Finding]]:
    parts: dict[str, list[check.Finding]] = {}
    for finding in inspect(config, software):
        parts.setdefault(finding.part, []).append(finding)
        assert finding.ok or finding.next_move, "what is not well says what to do"
    return parts


def test_a_robot_that_is_well_passes_part_by_part(config):
    with fed_camera() as fed:
        parts = found(config, {"sim1": fed.camera})
    assert list(parts) == ["arm", "calibration", "cameras", "bounds"]
    assert "3 days old" in parts["calibration"][0].sentence
    assert "640 x 360" in parts["cameras"][0].sentence and "depth in 9" in parts["cameras"][0].sentence
    assert "of the workspace is in its view" in parts["bounds"][0].sentence
    # On a busy machine the rate may be low, which is a warning.
    assert all(finding.ok or finding.is_warning for part in parts.values() for finding in part)


def test_what_is_missing_is_said_and_the_other_parts_are_still_tested(config, tmp_path):
    config = replace(config, calibration=CalibrationConfig(tmp_path / "none"))
    parts = found(config)
    assert not parts["calibration"][0].ok and "(calibration not usable)" in parts["calibration"][0].sentence
    assert "calibrate" in parts["calibration"][0].next_move
    assert not parts["cameras"][0].ok and "(camera not plugged in)" in parts["cameras"][0].sentence
    assert "bounds" not in parts


def test_an_old_calibration_is_a_warning(config, tmp_path):
    old = replace(config, calibration=replace(config.calibration, max_age_days=2))
    finding = found(old)["calibration"][0]
    assert finding.is_warning and "3 days old" in finding.sentence and "overlay" in finding.next_move


def test_a_dark_camera_fails(config):
    with fed_camera() as fed:
        fed.dark.set()
        finding = found(config, {"sim1": fed.camera})["cameras"][0]
    assert not finding.ok and "(depth all zero)" in finding.sentence and "lenses" in finding.next_move


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (BoundsConfig(Workspace((2.0, 2.0, 0.7), (3.0, 3.0, 1.7))), "None of the"),
        (BoundsConfig(Workspace((0.0, 0.0, 1.1), (0.9, 0.9, 2.0))), "% of its pixels lie in the workspace"),
    ],
)
def test_bounds_that_the_camera_does_not_see_fail(config, bounds, said):
    config = replace(config, bounds=bounds, limits=LimitsConfig(lowest_height=1.2))
    with fed_camera() as fed:
        finding = found(config, {"sim1": fed.camera})["bounds"][-1]
    assert not finding.ok and not finding.is_warning and said in finding.sentence
    assert "bounds" in finding.next_move


def test_boxes_and_heights_outside_the_workspace_are_said(config):
    box = KeepOutBox("shelf", (5.0, 0.0, 0.0), (6.0, 1.0, 1.0))
    config = replace(config, bounds=BoundsConfig(keep_out=(box,)), limits=LimitsConfig(lowest_height=0.1))
    warning, failure = found(config)["bounds"]
    assert warning.is_warning and "'shelf' lies outside" in warning.sentence
    assert not failure.is_warning and "lowest height 0.1 m lies outside" in failure.sentence


# As a command, from files.


def write_config(folder: Path, camera: dict[str, object], **more: object) -> Path:
    path = folder / "robot.yaml"
    content = {"arm": {"kind": "none"}, "cameras": [{"name": "front", **camera}], **more}
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


def test_the_check_plays_a_recording_and_prints_what_to_do(tmp_path, capsys):
    record(tmp_path / "scene.db3", 40)
    path = write_config(tmp_path, {"serial": "sim1", "source": "playback", "file": "scene.db3", "repeat": True})
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    assert "FAILED   calibration  There is no calibration of camera front (sim1)" in out
    assert "-> Calibrate the camera, on the page's Calibration panel or by python -m clap.worlds.robot sample" in out
    assert "ok       cameras      front (sim1): 640 x 360" in out
    assert "1 failed." in out
    save(
        calibration(datetime.now(timezone.utc), Pose.from_matrix(tabletop_frame().cam2world)), tmp_path / "calibration"
    )
    assert main(["check", str(path)]) == 0
    assert "All parts that were tested are well." in capsys.readouterr().out


def test_a_wrong_file_ends_with_a_sentence(tmp_path):
    path = tmp_path / "robot.yaml"
    path.write_text("arm: {adress: x}", "utf-8")
    command = [sys.executable, "-m", "clap.worlds.robot", "check", str(path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 1 and "did you mean address?" in ran.stderr and "Traceback" not in ran.stderr


def test_the_board_is_printed_once(tmp_path, capsys):
    path = write_config(tmp_path, {"serial": "1"}, calibration={"board": {"columns": 4, "rows": 5}})
    target = tmp_path / "board.pdf"
    assert main(["print-board", str(path), str(target)]) == 0
    assert target.read_bytes().startswith(b"%PDF") and "210 x 297 mm" in capsys.readouterr().out
    assert main(["print-board", str(path), str(target)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["print-board", str(path), str(tmp_path / "board.jpg")]) == 1
    assert ".pdf or .png" in capsys.readouterr().err


def test_calibrating_from_a_folder_writes_the_file_and_the_pictures(tmp_path, capsys):
    rig, board, samples = make_rig(Mount.FIXED, 4, count=9), Board(BoardConfig()), tmp_path / "samples"
    focal, center = (INTRINSICS[0, 0], INTRINSICS[1, 1]), (INTRINSICS[0, 2], INTRINSICS[1, 2])
    index = SampleIndex("0123", Mount.FIXED, focal, center)
    for k, tool in enumerate(rig.tools):
        image = np.stack([render(board, rig.cam_t_board(tool), k)] * 3, -1)
        index = add_sample(samples, index, image, tool, HOME_JOINTS)
    path = write_config(tmp_path, {"serial": "0123"})
    assert main(["calibrate", str(path), str(samples), "--pictures", str(tmp_path / "pictures")]) == 0
    out = capsys.readouterr().out
    assert "000.png" in out and " px, certain to " in out and "9 pictures" in out
    camera = CameraConfig("front", "0123")
    assert max(error_of(newest(tmp_path / "calibration", camera).matrix, rig.camera)) < 2
    picture = np.asarray(Image.open(tmp_path / "pictures" / "000.png"))
    assert picture.shape == (360, 640, 3) and (picture[..., 0] != picture[..., 2]).any()
    other = write_config(tmp_path, {"serial": "0123", "mount": "hand"})
    assert main(["calibrate", str(other), str(samples)]) == 1
    assert "mount: hand for this camera" in capsys.readouterr().err
    assert main(["calibrate", str(path), str(tmp_path / "absent")]) == 1
    assert "cannot be read" in capsys.readouterr().err
