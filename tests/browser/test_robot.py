"""The console on a robot that is served on this machine: frames through librealsense, motion through libfranka."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from websockets.sync.client import connect

pytest.importorskip("franky", reason="franky-control drives a Franka; it is part of requirements-robot.txt")
pytest.importorskip("pyrealsense2", reason="librealsense is part of requirements-robot.txt")

from tests.browser.operator_page import LET_GO, ConsolePage, sync_api
from tests.browser.served_console import serving
from tests.browser.visitors import operator

pytestmark = pytest.mark.browser

LOOPBACK = ("--world", "robot", "--config", "loopback", "--dead-man", "3")
COUNT_GHOSTS = """() => {
  const { scene } = window.__clap;
  const preview = scene.preview;
  window.__ghosts = 0;
  scene.preview = function (pose) {
    window.__ghosts += Number(pose !== null);
    return preview.call(this, pose);
  };
}"""
OVERTAKE = """() => {
  const { console, scene, status } = window.__clap;
  const poses = [status.gripper, status.gripper];
  console.tell("motion-preview", { poses, seconds: 600, clear: true, sentence: "A long way." });
  const shown = [];
  for (const changes of [{ state: "predicting", busy: true, can: {} }, {}, { prediction: null, can: {} }]) {
    console.tell("status", { ...status, ...changes });
    shown.push(scene.previewed !== null);
  }
  console.tell("status", status);
  return shown;
}"""
TRIES = 8
"""Predictions of one step, and steps of one instruction: on a busy machine a step's frames may be too old once it is
there, and its motion may be halted."""


@pytest.fixture(scope="module")
def console(chromium: sync_api.Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsolePage]:
    recordings = str(tmp_path_factory.mktemp("recordings"))
    with serving("clap", *LOOPBACK, recordings=recordings) as (_, url), operator(chromium, url) as page:
        yield page


@pytest.fixture
def robot(console: ConsolePage) -> ConsolePage:
    """The page operates and nothing holds the arm, whatever became of the test before."""
    console.operate()
    if console.status("arm_fault") is not None:
        console.recover("Resume")
    return console


def predict(page: ConsolePage) -> None:
    """Predict a step, again where the frames had grown too old."""
    for _ in range(TRIES):
        verb = "redo" if page.page.locator("#c-do-redo").is_enabled() else "predict"
        if page.press_and_wait(verb, "awaiting approval", "failed") == "awaiting approval":
            decision = page.page.evaluate("window.__clap.status.verdict.decision")
            if decision != "refuse":
                return
    raise AssertionError(f"no step could be predicted: {page.status('failure')} {page.status('verdict')}")


def approve(page: ConsolePage) -> str:
    """Approve the step. A machine so busy that the page is not heard from halts the arm: that is put right as told."""
    state = page.press_and_wait("approve", "planned", "done", "failed", "stopped", timeout=90_000)
    if state == "stopped":
        assert "page was lost" in str(page.status("failure"))
        page.recover("Resume")
    return state


def test_what_a_robot_cannot_do_is_not_offered_and_every_step_waits_for_approval(robot: ConsolePage) -> None:
    page = robot.page
    assert "LOOPBACK" in page.locator("#c-mode").inner_text()
    for hidden in ("#c-task", "#c-seed", "#c-do-reset", "#c-do-undo", "#c-recovery"):
        assert not page.locator(hidden).is_visible(), hidden
    for offered in ("#c-policy", "#c-do-approve", "#c-do-home", "#c-open-drive"):
        assert page.locator(offered).is_visible(), offered
    assert page.locator("#c-approve-each").is_checked()
    assert page.locator("#c-speed").get_attribute("max") == "1"
    assert page.locator("#c-chips button").count() == 1, "the served scene's own instruction"


def test_a_step_is_previewed_before_the_arm_makes_it(robot: ConsolePage) -> None:
    page = robot.page
    assert page.locator("#c-do-preview").is_disabled()
    page.click("#c-chips button")
    assert robot.press_and_wait("plan", "planned", "failed") == "planned", robot.status("failure")
    predict(robot)
    page.evaluate(COUNT_GHOSTS)
    with robot.toasting("In the preview the arm gets there"):
        robot.press("preview")
    robot.screenshot("robot-preview")
    page.wait_for_function("() => window.__ghosts > 1 && window.__clap.scene.previewed === null")
    assert robot.status("state") == "awaiting approval"


def test_a_preview_goes_on_past_a_status_that_it_overtook_until_another_step_waits(robot: ConsolePage) -> None:
    """Answers are sent before the statuses that wait: one that says "predicting" may come after the preview."""
    assert robot.status("state") == "awaiting approval"
    assert robot.page.evaluate(OVERTAKE) == [True, True, False]


def test_the_picture_is_alive_while_nothing_is_done(robot: ConsolePage) -> None:
    scenes = robot.page.evaluate("window.__clap.scenes")
    robot.page.wait_for_function("before => window.__clap.scenes >= before + 2", arg=scenes)
    assert robot.status("state") == "awaiting approval"


def test_clap_puts_the_block_into_its_cup_step_by_step_and_the_served_physics_says_so(robot: ConsolePage) -> None:
    page = robot.page
    page.click("#c-chips button")
    assert robot.press_and_wait("plan", "planned", "failed") == "planned", robot.status("failure")
    robot.tell("record-begin", operator="", notes="")
    page.wait_for_function("() => window.__clap.recording.state === 'recording'")
    for _ in range(TRIES):
        predict(robot)
        robot.screenshot("robot-awaiting")
        state = approve(robot)
        assert state != "failed", robot.status("failure")
        if state == "done":
            break
    assert (robot.status("state"), robot.status("success")) == ("done", True)
    robot.screenshot("robot-done")
    robot.tell("record-end")
    robot.tell("record-commit", success=True, notes="")
    page.wait_for_function("() => window.__clap.recording.note.startsWith('The take is kept')")


class Colleague:
    """A second console, as far as the server sees one: it is heard from until it loses the line."""

    def __init__(self, host: str):
        headers = {"origin": f"http://{host}"}
        asked = Request(f"http://{host}/clap/session", headers=headers, method="POST")
        with urlopen(asked) as answer:
            token = json.load(answer)["token"]
        # What it is sent it does not always read: it may not be given up for that.
        self.link = connect(f"ws://{host}/clap/ws", additional_headers=headers, ping_interval=None)
        self.send("open", token=token)
        self._gone = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)
        self._heart.start()

    def _beat(self) -> None:
        while not self._gone.wait(0.25):
            self.send("ping", t=0)

    def send(self, kind: str, **fields: object) -> None:
        self.link.send(json.dumps({"type": kind, **fields}))

    def hears(self, kind: str) -> dict[str, object]:
        """The next message of this kind."""
        while True:
            data = self.link.recv(10)
            if isinstance(data, str) and (message := json.loads(data))["type"] == kind:
                return dict(message)

    def lose_the_line(self) -> None:
        self._gone.set()
        self._heart.join()
        self.link.socket.shutdown(socket.SHUT_RDWR)


def test_a_second_console_only_watches_and_the_arm_halts_when_the_one_that_operates_is_gone(robot: ConsolePage) -> None:
    page, other = robot.page, Colleague(robot.host)
    other.send("home")
    assert "operate" in str(other.hears("refused")["sentence"])
    page.evaluate(LET_GO)
    page.wait_for_function("() => !window.__clap.lease.mine")
    other.send("lease", action="take", to=None)
    page.evaluate("window.__clap.poses = 0")
    other.send("speed", value=0.1)  # the way home then takes longer than the silence that halts it
    other.send("home")
    page.wait_for_function("() => window.__clap.status.state === 'moving' && window.__clap.poses > 3")
    other.lose_the_line()
    robot.wait_for_arm_fault("protective stop")
    assert robot.status("state") == "stopped"
    assert "page was lost" in str(robot.status("failure"))
    robot.operate()
    robot.recover("Resume")
    robot.at_speed(1)


def test_stop_puts_the_arm_into_a_protective_state_until_a_person_resumes(robot: ConsolePage) -> None:
    page = robot.page
    with robot.passing("moving"):
        robot.press("home")
    page.keyboard.press("Escape")
    robot.wait_for_arm_fault("protective stop")
    assert robot.status("state") == "stopped"
    assert "Make sure that nobody is in reach" in page.locator("#c-recovery").inner_text()
    assert not page.locator("#c-banner").is_visible(), "said once"
    assert page.locator("#c-do-home").is_disabled()
    robot.screenshot("robot-protective")
    robot.recover("Resume")
    assert not page.locator("#c-recovery").is_visible()
    assert robot.press_and_wait("home", "ready", "planned", timeout=90_000)


def test_stop_reaches_an_arm_that_the_station_is_not_moving(robot: ConsolePage) -> None:
    """It goes from the server into the arm's own memory, whatever the station does."""
    robot.page.keyboard.press("Escape")
    robot.wait_for_arm_fault("protective stop")
    robot.recover("Resume")
