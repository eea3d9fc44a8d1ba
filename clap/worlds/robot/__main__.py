"""``python -m clap.worlds.robot COMMAND``: test a robot's configuration, and calibrate its cameras.

python -m clap.worlds.robot check my_robot.yaml
python -m clap.worlds.robot home-gripper my_robot.yaml
python -m clap.worlds.robot print-board my_robot.yaml board.pdf
python -m clap.worlds.robot sample my_robot.yaml CAMERA SAMPLES
python -m clap.worlds.robot calibrate my_robot.yaml SAMPLES [--pictures FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from clap.errors import ClapError
from clap.program_name import program_name
from clap.worlds.robot.config import RobotConfig, load
from clap.worlds.robot.errors import CalibrationError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if all is well, 1 with a sentence if not."""
    given = _parser().parse_args(arguments)
    try:
        config = load(given.config)
        if given.command == "check":
            return _check(config)
        if given.command == "home-gripper":
            _home_gripper(config)
        elif given.command == "print-board":
            _print_board(config, given.target)
        elif given.command == "sample":
            _sample(config, given.camera, given.samples)
        else:
            _calibrate(config, given.samples, given.pictures)
    except ClapError as error:
        print(error, file=sys.stderr)
        return 1
    except ImportError as error:
        print(
            f"The package {error.name} is missing. Install it: pip install -r requirements-robot.txt", file=sys.stderr
        )
        return 1
    return 0


def _check(config: RobotConfig) -> int:
    from clap.worlds.robot.check import inspect

    failed = 0
    for finding in inspect(config):
        word = "ok" if finding.ok else "warning" if finding.is_warning else "FAILED"
        print(f"{word:8s} {finding.part:12s} {finding.sentence}", flush=True)
        if finding.next_move:
            print(f"{'':8s} {'':12s} -> {finding.next_move}", flush=True)
        failed += word == "FAILED"
    print(f"{failed} failed." if failed else "All parts that were tested are well.")
    return 1 if failed else 0


def _home_gripper(config: RobotConfig) -> None:
    """Needed once after the gripper's power was off. The arm stands still."""
    from clap.worlds.robot.arm.client import ArmClient
    from clap.worlds.robot.opening import arm_options

    arm = ArmClient(config.arm.kind.value, arm_options(config))
    try:
        arm.wait()
        motion = arm.home_gripper()
        while not motion.over.wait(0.1):
            arm.beat()
        if motion.failure is not None:
            raise motion.failure
        print(f"The gripper has found its ends: it opens to {1000 * arm.state().widest:.0f} mm.")
    finally:
        arm.close()


def _print_board(config: RobotConfig, target: Path) -> None:
    from clap.worlds.robot.calibration.charuco import Board

    try:
        width, height = Board(config.calibration.board).save_printable(target)
    except FileExistsError as error:
        raise CalibrationError(f"{target} is there already.", "Name a new file.") from error
    except (OSError, ValueError) as error:
        raise CalibrationError(f"The board cannot be written: {error}.", "Name a .pdf or .png file.") from error
    print(f"{target}: a page of {width} x {height} mm. Print it at 100 %, glue it onto something flat and stiff,")
    print("then measure the line under it (100 mm) and the squares, and correct square_mm if they differ.")


def _sample(config: RobotConfig, name: str, folder: Path) -> None:
    """One sample for every line that comes in, until they end."""
    from clap.worlds.robot.arm.client import ArmClient
    from clap.worlds.robot.calibration.sampling import Sampler, in_words
    from clap.worlds.robot.cameras.realsense import RealSenseCamera
    from clap.worlds.robot.cameras.realsense_device import Devices
    from clap.worlds.robot.opening import arm_options

    chosen = next((camera for camera in config.cameras if camera.name == name), None)
    if chosen is None:
        names = ", ".join(camera.name for camera in config.cameras)
        raise CalibrationError(f"There is no camera {name}.", f"There are: {names}.")
    arm = ArmClient(config.arm.kind.value, arm_options(config))
    camera = RealSenseCamera(chosen, Devices())
    try:
        arm.wait()
        sampler = Sampler(camera, config.calibration.board, arm.state, folder, config.bounds.workspace)
        print(
            "Guide the gripper so that the camera sees the whole board straight on, let go, press Enter. Ctrl+D ends."
        )
        taken = 0
        for _ in sys.stdin:
            try:
                image, corners = sampler.take()
            except ClapError as error:
                print(error)
                continue
            taken += 1
            print(f"{image}: {corners} corners of the board.")
            if sampler.suggestion is not None:
                print(f"Next, about: {in_words(arm.state().tool, sampler.suggestion)}.")
        print(f"{taken} samples. Now: python -m clap.worlds.robot calibrate CONFIG {folder}")
    finally:
        camera.close()
        arm.close()


def _calibrate(config: RobotConfig, folder: Path, pictures: Path | None) -> None:
    from clap.worlds.robot.calibration.calibrate import calibrate
    from clap.worlds.robot.calibration.overlay import save_pictures
    from clap.worlds.robot.calibration.samples import read_samples
    from clap.worlds.robot.calibration.storage import save

    index = read_samples(folder)
    camera = config.camera(index.serial)
    if camera is None or camera.mount is not index.mount:
        has = "no camera with this serial number" if camera is None else f"mount: {camera.mount.value} for this camera"
        raise CalibrationError(
            f"The samples are of camera {index.serial} with mount: {index.mount.value}; the configuration has {has}.",
            "Correct the configuration, or name the samples of one of its cameras.",
        )
    report = calibrate(folder, index, config.calibration.board)
    found = report.calibration
    for residual in found.residuals:
        out = "  left out" if residual.outlier else ""
        numbers = f"{residual.pixels:6.2f} px {residual.millimetres:6.2f} mm {residual.degrees:6.3f} degrees"
        print(f"{residual.name}  {numbers}{out}")
    if report.without_board:
        print(f"The board was not found in {', '.join(report.without_board)}.")
    for warning in report.warnings:
        print(f"warning  {warning}")
    path = save(found, config.calibration.folder)
    print(
        f"{path}: {found.rms_pixels:.2f} px, certain to {found.uncertainty_mm:.1f} mm and "
        f"{found.uncertainty_degrees:.2f} degrees."
    )
    if pictures is not None:
        count = save_pictures(pictures, folder, index, found, config)
        print(f"{pictures}: {count} pictures with the robot's model and the bounds drawn over them.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program_name(), description="A real robot, from the shell.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="test each part in turn, and say what to do about each failure")
    homing = commands.add_parser("home-gripper", help="let the gripper find its ends, once after its power was off")
    board = commands.add_parser("print-board", help="write the ChArUco board to be printed, as .pdf or .png")
    sampling = commands.add_parser("sample", help="take the samples of a camera's calibration, pose by pose")
    calibration = commands.add_parser("calibrate", help="find out where a camera is, from recorded samples")
    for command in (check, homing, board, sampling, calibration):
        command.add_argument("config", type=Path, metavar="CONFIG", help="the robot's YAML file")
    board.add_argument("target", type=Path, metavar="FILE")
    sampling.add_argument("camera", metavar="CAMERA", help="its name in the configuration")
    sampling.add_argument("samples", type=Path, metavar="SAMPLES", help="a new folder")
    calibration.add_argument("samples", type=Path, metavar="SAMPLES", help="folder with samples.yaml and images")
    calibration.add_argument(
        "--pictures",
        type=Path,
        metavar="FOLDER",
        help="also draw the robot's model over samples whose joints are known",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
