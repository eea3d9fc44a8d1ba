"""Hand-eye calibration on boards whose truth is known: rendered, detected, with 0.3 px of noise; and bad samples."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import yaml
from PIL import Image

from clap.geometry.frames import Pose, Workspace
from clap.worlds.robot.calibration.calibrate import calibrate
from clap.worlds.robot.calibration.charuco import Board
from clap.worlds.robot.calibration.hand_eye import HandEye, solve
from clap.worlds.robot.calibration.hand_eye_fit import Sample
from clap.worlds.robot.calibration.poses import suggest_poses
from clap.worlds.robot.calibration.quality import check_fit, check_samples, warnings
from clap.worlds.robot.calibration.samples import SampleIndex, add_sample, read_samples
from clap.worlds.robot.calibration.storage import Calibration, camera_poses, newest, save
from clap.worlds.robot.config import (
    ArmConfig,
    BoardConfig,
    CalibrationConfig,
    CameraConfig,
    Mount,
    RobotConfig,
)
from clap.worlds.robot.errors import CalibrationError, RobotConfigError
from tests.support.robot_boards import (
    HEIGHT,
    INTRINSICS,
    NOISE_PX,
    WIDTH,
    Rig,
    error_of,
    make_rig,
    project,
    projected_samples,
    render,
    shift,
    turn,
)

LARGEST_MM, LARGEST_DEGREES = 2.0, 0.2
BOARD = BoardConfig()


def judged(samples: list[Sample], mount: Mount, board: BoardConfig = BOARD) -> HandEye:
    """The fit, or the CalibrationError that the operator would see."""
    check_samples(samples, INTRINSICS, board)
    fit = solve(samples, INTRINSICS, mount)
    check_fit(fit, samples, INTRINSICS, board)
    return fit


@pytest.mark.parametrize("mount", Mount)
@pytest.mark.parametrize("seed", range(2))
def test_rendered_boards_give_the_camera_within_2_mm_and_a_fifth_of_a_degree(mount, seed):
    rig, board = make_rig(mount, seed, count=12), Board(BOARD)
    rng = np.random.default_rng(seed)
    samples, detection = [], []
    for k, tool in enumerate(rig.tools):
        view = board.find(render(board, rig.cam_t_board(tool), 100 * seed + k))
        assert view is not None
        points = board.corners[view.ids]
        detection.append(view.pixels - project(rig.cam_t_board(tool), points))
        noise = rng.normal(0, NOISE_PX, view.pixels.shape)
        samples.append(Sample(f"{k:03d}.png", tool, points, view.pixels + noise))
    # Half a pixel of shift would be the two conventions for a pixel's centre mixed up.
    assert np.abs(np.concatenate(detection).mean(0)).max() < 0.05
    fit = judged(samples, mount)
    millimetres, degrees = error_of(fit.camera, rig.camera)
    assert millimetres <= LARGEST_MM and degrees <= LARGEST_DEGREES
    assert max(error_of(fit.board, rig.board)) <= LARGEST_MM
    assert not warnings(fit)


@pytest.mark.parametrize("mount", Mount)
def test_many_seeds_stay_within_the_bounds_and_within_what_the_uncertainty_says(mount):
    ratios = []
    for seed in range(4):
        rig = make_rig(mount, 10 + seed)
        fit = judged(projected_samples(rig, Board(BOARD), seed), mount)
        millimetres, degrees = error_of(fit.camera, rig.camera)
        assert millimetres <= LARGEST_MM and degrees <= LARGEST_DEGREES
        ratios.append(millimetres / fit.uncertainty_mm)
    assert 0.3 < np.sqrt(np.mean(np.square(ratios))) < 2.0


@pytest.mark.parametrize("mount", Mount)
def test_an_arm_that_is_half_a_millimetre_off_is_not_trusted_more_than_the_image(mount):
    errors = []
    for seed in range(4):
        rig, rng = make_rig(mount, 50 + seed), np.random.default_rng(seed)
        samples = []
        for sample in projected_samples(rig, Board(BOARD), seed):
            off = turn(rng.normal(0, 0.05, 3)) @ shift(rng.normal(0, 0.0005, 3))
            samples.append(replace(sample, tool=Pose.from_matrix(sample.tool.matrix @ off)))
        fit = judged(samples, mount)
        errors.append(error_of(fit.camera, rig.camera))
        assert errors[-1][0] < 3 * fit.uncertainty_mm
    millimetres, degrees = np.sqrt(np.mean(np.square(errors), axis=0))
    # A fit of the pixels alone is off by 3 mm here.
    assert millimetres < 1.6 and degrees < 0.2


@pytest.mark.parametrize("mount", Mount)
def test_without_noise_the_camera_is_found_exactly(mount):
    rig = make_rig(mount, 3)
    fit = judged(projected_samples(rig, Board(BOARD), 0, noise=0.0), mount)
    assert max(error_of(fit.camera, rig.camera)) < 1e-3 and fit.rms_pixels < 1e-3
    assert all(r.millimetres < 1e-2 and r.degrees < 1e-2 for r in fit.residuals)


@pytest.mark.parametrize("mount", Mount)
def test_a_pose_that_was_recorded_wrongly_is_named_and_left_out(mount):
    rig = make_rig(mount, 5)
    samples = projected_samples(rig, Board(BOARD), 5)
    moved = samples[4].tool
    samples[4] = replace(samples[4], tool=Pose(moved.position + [0.02, 0, 0.01], moved.quaternion))
    fit = judged(samples, mount)
    assert [r.name for r in fit.residuals if r.outlier] == ["004.png"]
    assert fit.residuals[4].millimetres > 10
    assert any("004.png was left out" in said for said in warnings(fit))
    assert max(error_of(fit.camera, rig.camera)) <= LARGEST_MM


@pytest.mark.parametrize("mount", Mount)
@pytest.mark.parametrize("scale", [0.97, 1.03])
def test_a_board_of_another_size_than_was_stated_is_measured_by_the_arm(mount, scale):
    printed = replace(BOARD, square_mm=BOARD.square_mm * scale, marker_mm=BOARD.marker_mm * scale)
    rig = make_rig(mount, 6, config=printed)
    seen = projected_samples(rig, Board(printed), 6)
    stated = [replace(sample, points=Board(BOARD).corners) for sample in seen]
    with pytest.raises(CalibrationError, match=rf"squares measure {36 * scale:.1f} mm, not 36 mm") as caught:
        judged(stated, mount)
    assert "square_mm" in caught.value.next_move


def test_too_few_poses_are_said():
    samples = projected_samples(make_rig(Mount.FIXED, 7, count=5), Board(BOARD), 7)
    with pytest.raises(CalibrationError, match="found in 5 images; at least 8 are needed"):
        judged(samples, Mount.FIXED)


def test_the_same_pose_again_and_again_is_said():
    samples = projected_samples(make_rig(Mount.FIXED, 8, count=4), Board(BOARD), 8)
    with pytest.raises(CalibrationError, match="12 images were taken from only 4 different poses"):
        judged(samples * 3, Mount.FIXED)


@pytest.mark.parametrize("mount", Mount)
def test_turns_about_one_axis_only_are_said(mount):
    rig = make_rig(mount, 9)
    start = rig.tools[0].matrix
    angles = np.linspace(-30, 30, 12)
    tools = [Pose.from_matrix(start @ turn([0, 0, angle])) for angle in angles]
    tools = [Pose(pose.position + [0.004 * k, 0, 0.012 * (k % 3)], pose.quaternion) for k, pose in enumerate(tools)]
    samples = projected_samples(replace(rig, tools=tuple(tools)), Board(BOARD), 9)
    with pytest.raises(CalibrationError, match="too alike") as caught:
        judged(samples, mount)
    assert "tilted" in caught.value.next_move


@pytest.mark.parametrize("mount", Mount)
def test_the_wrong_mount_is_told_from_the_right_one(mount):
    samples = projected_samples(make_rig(mount, 2), Board(BOARD), 2)
    other = Mount.HAND if mount is Mount.FIXED else Mount.FIXED
    with pytest.raises(CalibrationError, match="contradict each other") as caught:
        judged(samples, other)
    assert f"mount: {mount.value}" in caught.value.next_move


def test_poses_that_belong_to_other_images_are_said():
    samples = projected_samples(make_rig(Mount.FIXED, 4), Board(BOARD), 4)
    shifted = [replace(a, tool=b.tool) for a, b in zip(samples, samples[1:] + samples[:1], strict=True)]
    with pytest.raises(CalibrationError, match="contradict each other"):
        judged(shifted, Mount.FIXED)


def test_suggested_poses_differ_and_stay_where_they_are_allowed():
    start = Pose(np.array([0.2, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0]))
    poses = suggest_poses(start, 0.3, Workspace(), reachable=lambda pose: pose.position[0] < 0.25)
    assert len(poses) == 15
    board = start.position + 0.3 * start.rotation[:, 2]
    for k, pose in enumerate(poses):
        assert bool(Workspace().contains(pose.position)) and pose.position[0] < 0.25
        # The board stays before the tool, at about its distance.
        assert np.linalg.norm(pose.position + 0.3 * pose.rotation[:, 2] - board) < 0.13
        assert all(np.degrees(pose.distance(other)[1]) > 5 for other in poses[:k])
    assert suggest_poses(start, 0.3, Workspace(), reachable=lambda pose: False) == ()


# Through files, as the command does it.


def written_samples(folder, rig: Rig, board: Board, serial: str = "0123") -> SampleIndex:
    index = SampleIndex(serial, rig.mount, (INTRINSICS[0, 0], INTRINSICS[1, 1]), (INTRINSICS[0, 2], INTRINSICS[1, 2]))
    for k, tool in enumerate(rig.tools):
        image = render(board, rig.cam_t_board(tool), k)
        index = add_sample(folder, index, np.stack([image] * 3, -1), tool, np.zeros(7))
    return index


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder of rendered samples, and the rig that they are from."""
    folder = tmp_path_factory.mktemp("samples")
    rig = make_rig(Mount.HAND, 1, count=10)
    written_samples(folder, rig, Board(BOARD))
    return folder, rig


def test_a_folder_of_samples_gives_a_dated_file_that_is_read_again(recorded, tmp_path):
    folder, rig = recorded
    now = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)
    index = read_samples(folder)
    assert np.allclose(index.intrinsics, INTRINSICS) and len(index.samples) == 10
    report = calibrate(folder, index, BOARD, now)
    assert max(error_of(report.calibration.matrix, rig.camera)) <= LARGEST_MM and not report.without_board
    path = save(report.calibration, tmp_path)
    assert path.name == "0123_20261122-120000.yaml"
    camera = CameraConfig("wrist", "0123", mount=Mount.HAND)
    assert newest(tmp_path, camera) == report.calibration
    config = RobotConfig(ArmConfig("x"), (camera,), CalibrationConfig(tmp_path))
    assert np.allclose(camera_poses(config)["0123"], report.calibration.matrix)


def test_files_are_never_overwritten_and_the_newest_counts(tmp_path):
    camera = CameraConfig("front", "0123")
    made = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)

    def calibration(when: datetime, x: float) -> Calibration:
        return Calibration("0123", Mount.FIXED, when.isoformat(), (x, 0, 0), (0, 0, 0, 1), 0.5, 0.05, 0.3)

    paths = [save(calibration(made, 1), tmp_path), save(calibration(made, 2), tmp_path)]
    assert [path.name for path in paths] == ["0123_20260131-120000.yaml", "0123_20260131-120000-2.yaml"]
    save(calibration(made + timedelta(days=1), 3), tmp_path)
    save(calibration(made - timedelta(days=1), 4), tmp_path)
    found = newest(tmp_path, camera)
    assert found.position == (3, 0, 0)
    config = CalibrationConfig(max_age_days=30)
    assert found.age_warning(config, made + timedelta(days=20)) is None
    old = found.age_warning(config, made + timedelta(days=41))
    assert old is not None and "40 days old" in old and "0123" in old
    ahead = found.age_warning(config, made - timedelta(days=9))
    assert ahead is not None and "clock" in ahead


def test_a_calibration_that_does_not_fit_is_refused(tmp_path):
    camera = CameraConfig("front", "0123")
    with pytest.raises(CalibrationError, match=r"no calibration of camera front \(0123\)"):
        newest(tmp_path, camera)
    made = datetime.now(timezone.utc).isoformat()
    save(Calibration("0123", Mount.HAND, made, (0, 0, 0), (0, 0, 0, 1), 1, 1, 1), tmp_path)
    with pytest.raises(CalibrationError, match=r"mount: fixed, but its calibration of .* is for mount: hand"):
        newest(tmp_path, camera)
    (tmp_path / "0123_broken.yaml").write_text("serial: '0123'\nmount: fixed\n", "utf-8")
    with pytest.raises(RobotConfigError, match="the key made is missing"):
        newest(tmp_path, camera)


def test_another_board_than_the_configured_one_is_said(recorded):
    folder, _ = recorded
    index = read_samples(folder)
    with pytest.raises(CalibrationError, match=r"board of 5 x 7 squares was not found .* nor markers of 7X7_250"):
        calibrate(folder, index, replace(BOARD, dictionary="7X7_250"))
    with pytest.raises(CalibrationError, match=r"not found .* another number of squares|do not lie as on a board"):
        calibrate(folder, index, replace(BOARD, columns=7, rows=5))


def test_images_without_the_board_are_named_and_do_no_harm(recorded, tmp_path):
    folder, rig = recorded
    index = read_samples(folder)
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    blank = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    index = add_sample(tmp_path, index, blank, rig.tools[0])
    report = calibrate(tmp_path, index, BOARD)
    assert report.without_board == ("010.png",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": "../x.png"}, "name of a .png file in this folder"),
        ({"quaternion": [0, 0, 0, 2]}, "quaternion is a unit quaternion"),
        ({"position": [0, 0]}, "expected a list of 3 values"),
    ],
)
def test_a_malformed_index_is_refused(recorded, tmp_path, change, said):
    content = yaml.safe_load((recorded[0] / "samples.yaml").read_text("utf-8"))
    content["samples"][0].update(change)
    (tmp_path / "samples.yaml").write_text(yaml.safe_dump(content), "utf-8")
    with pytest.raises(RobotConfigError, match=said):
        read_samples(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + b"x" * 50, None])
def test_an_image_that_cannot_be_read_is_named(recorded, tmp_path, content):
    folder, _ = recorded
    index = read_samples(folder)
    if content is not None:
        (tmp_path / "000.png").write_bytes(content)
    with pytest.raises(CalibrationError, match=r"000\.png cannot be read"):
        calibrate(tmp_path, index, BOARD)


def test_the_printed_board_has_its_true_size_and_is_found(tmp_path):
    board = Board(BOARD)
    path = tmp_path / "board.png"
    assert board.save_printable(path) == (210, 297)
    page = Image.open(path)
    per_mm = page.info["dpi"][0] / 25.4
    assert page.width / per_mm == pytest.approx(210, abs=0.1) and page.height / per_mm == pytest.approx(297, abs=0.1)
    small = np.asarray(page.resize((page.width // 3, page.height // 3), Image.Resampling.BOX))
    view = board.find(small)
    assert view is not None and len(view.ids) == 24
    columns = view.pixels[np.argsort(view.ids)].reshape(6, 4, 2)
    assert 3 * np.diff(columns[..., 0], axis=1) / per_mm == pytest.approx(36, abs=0.1)
    with pytest.raises(FileExistsError):
        board.save_printable(path)
    with pytest.raises(ValueError, match=r"\.pdf or \.png"):
        board.save_printable(tmp_path / "board.jpg")
    with pytest.raises(ValueError, match="fits no page"):
        Board(replace(BOARD, square_mm=200, marker_mm=150)).save_printable(tmp_path / "large.png")


def test_the_pdf_has_the_pages_size(tmp_path):
    path = tmp_path / "board.pdf"
    Board(BOARD).save_printable(path)
    text = path.read_bytes().decode("latin-1")
    box = text[text.index("/MediaBox") :].split("[")[1].split("]")[0].split()
    points = [float(number) for number in box]
    assert points[2] / 72 * 25.4 == pytest.approx(210, abs=0.1) and points[3] / 72 * 25.4 == pytest.approx(297, abs=0.1)
