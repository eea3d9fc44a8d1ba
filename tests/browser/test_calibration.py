"""The Calibration panel on a served robot whose gripper holds a board: the software camera is where the scene has
it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("franky", reason="franky-control drives a Franka; it is part of requirements-robot.txt")
pytest.importorskip("pyrealsense2", reason="librealsense is part of requirements-robot.txt")

import mujoco

from clap.geometry.frames import Pose
from clap.worlds.robot.config import LOOPBACK, CameraConfig, Source
from clap.worlds.tabletop.scene import SINGLE_CAMERA, Lighting, table_spec
from clap.worlds.teleoperation import turned
from tests.browser.operator_page import LET_GO, SCREEN, SHOTS, SMALL, ConsolePage, sync_api
from tests.browser.served_console import serving
from tests.browser.visitors import operator
from tests.support.robot_boards import error_of

pytestmark = pytest.mark.browser

TILTS = ((18, 0, 0), (18, 0, 18), (0, 18, 18), (-18, 18, 0), (-18, 0, 0), (-15, -18, 12), (0, -18, -12))
"""Degrees about the gripper's own axes, each a short way from the one before."""

DRIVE_TO = """async ({ position, quaternion }) => {
  const far = () => {
    const now = window.__clap.pose;
    const metres = Math.hypot(...now.position.map((value, k) => value - position[k]));
    const alike = Math.abs(now.quaternion.reduce((sum, value, k) => sum + value * quaternion[k], 0));
    return metres > 0.015 || alike < Math.cos(0.03);
  };
  const until = performance.now() + 60000;
  while (far() && performance.now() < until) {
    window.__clap.console.link.send({ type: "jog-target", position, quaternion });
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
}"""

AT_REST = "() => window.__clap.board?.ready && document.getElementById('c-calibrate-sample').disabled === false"


class Panel:
    """The Calibration panel, as an operator uses it."""

    def __init__(self, console: ConsolePage, folder: Path):
        self.console, self.page, self.folder = console, console.page, folder

    def told(self, expression: str) -> object:
        return self.page.evaluate(f"() => window.__clap.calibration.{expression}")

    def drive_to(self, pose: Pose) -> None:
        numbers = {"position": pose.position.tolist(), "quaternion": pose.quaternion.tolist()}
        self.page.evaluate(DRIVE_TO, numbers)

    def take(self) -> None:
        before = self.told("samples.length")
        self.page.wait_for_function(AT_REST, timeout=60_000)
        self.page.click("#c-calibrate-sample")
        self.page.wait_for_function(
            "before => window.__clap.calibration.samples.length > before", arg=before, timeout=60_000
        )

    def text(self, part: str) -> str:
        return self.page.locator(f"#c-calibration-{part}").inner_text()


@pytest.fixture(scope="module")
def panel(chromium: sync_api.Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    folder = tmp_path_factory.mktemp("robot")
    shipped = LOOPBACK.read_text("utf-8")
    assert "board: false" in shipped
    config = folder / "robot.yaml"
    config.write_text(shipped.replace("board: false", "board: true ") + "\ncalibration:\n  folder: calibration\n")
    options = ("--world", "robot", "--config", str(config), "--dead-man", "8")
    with serving("clap", *options) as (_, url), operator(chromium, url) as page:
        page.page.click("#c-tab-calibration")
        yield Panel(page, folder / "calibration")


def true_pose() -> np.ndarray:
    """(4, 4) where the simulated table has its camera, in the project's convention."""
    model = table_spec(Lighting()).compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    pose = np.eye(4)
    pose[:3, :3] = data.camera(SINGLE_CAMERA).xmat.reshape(3, 3) @ np.diag([1.0, -1.0, -1.0])
    pose[:3, 3] = data.camera(SINGLE_CAMERA).xpos
    return pose


def test_the_board_is_seen_live_and_samples_are_needed_first(panel: Panel) -> None:
    panel.page.wait_for_function("() => window.__clap.board?.sentence.includes('corners are seen')")
    assert panel.page.locator(".c-calibration-picture img").is_visible()
    assert "There are no samples yet." in panel.text("words")
    assert (
        panel.page.locator("#c-calibrate-solve").is_disabled() and panel.page.locator("#c-calibrate-save").is_disabled()
    )
    assert "fix the board to the gripper" in panel.text("about")
    assert panel.page.locator("#c-stop").is_visible()
    panel.console.screenshot("calibration-first")


def test_a_camera_is_calibrated_to_two_millimetres_and_the_file_is_dated(panel: Panel) -> None:
    page = panel.page
    page.evaluate("() => window.__clap.console.link.send({ type: 'drive', on: true })")
    page.wait_for_function("() => window.__clap.status.driving")
    home = page.evaluate("() => window.__clap.pose")
    begin = Pose(np.array([0.1, 0.0, 1.1]), np.array(home["quaternion"]))
    panel.drive_to(begin)
    panel.take()
    assert "at least 8 are needed" in panel.text("words")
    page.wait_for_function("() => window.__clap.board?.target")
    assert "Next, about:" in panel.text("next")
    for degrees in TILTS:
        panel.drive_to(Pose.from_rotation(begin.position, begin.rotation @ turned(np.radians(degrees))))
        panel.take()
    page.evaluate("() => window.__clap.console.link.send({ type: 'drive', on: false })")
    page.wait_for_function("() => !window.__clap.status.driving")
    assert "8 samples that differ enough" in panel.text("words")
    page.click("#c-calibrate-solve")
    page.wait_for_function("() => window.__clap.calibration.result")
    assert page.locator("#c-calibration-result").is_visible()
    for look in ((SCREEN, "dark"), (SMALL, "light"), (SCREEN, "light"), (SMALL, "dark")):
        if SHOTS is not None:
            panel.console.look(look)
            panel.console.screenshot("calibration-result")
    assert not list(panel.folder.glob("*.yaml")), "saved by the button alone"
    page.wait_for_function("() => !window.__clap.status.busy")
    page.click("#c-calibrate-save")
    page.wait_for_function("() => window.__clap.calibration.result.saved")
    (saved,) = panel.folder.glob("*.yaml")
    assert str(saved) in panel.text("result")
    panel.console.screenshot("calibration-saved")

    from clap.worlds.robot.calibration.storage import newest

    found = newest(panel.folder, CameraConfig("d435i", "loopback", Source.SOFTWARE))
    millimetres, degrees = error_of(found.matrix, true_pose())
    print(f"from the truth: {millimetres:.2f} mm, {degrees:.3f} degrees")
    assert millimetres < 2 and degrees < 0.2
    assert "Calibrated" in panel.text("in-use")


def test_a_sample_can_be_removed_and_who_only_watches_changes_nothing(panel: Panel) -> None:
    page = panel.page
    page.locator(".c-calibration-remove").nth(2).click()
    page.wait_for_function("() => window.__clap.calibration.samples.length === 7")
    assert "7 images; at least 8 are needed" in panel.text("words")
    assert not page.locator("#c-calibration-result").is_visible(), "it was made from the samples before"
    page.evaluate(LET_GO)
    page.wait_for_function("() => !window.__clap.lease.mine")
    assert (
        page.locator("#c-calibrate-clear").is_disabled() and page.locator(".c-calibration-remove").first.is_disabled()
    )
    with panel.console.toasting("Not possible now."):
        panel.console.tell("calibrate-clear", camera="d435i")
    assert panel.told("samples.length") == 7
