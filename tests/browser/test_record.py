"""Recording on the page as a person does it, and what is in the set of demonstrations afterwards."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from demos.frames import HUMAN, POLICY, Outcome
from demos.store.episode import RecordedEpisode
from demos.store.folder import SetFolder
from demos.store.journal import Journal
from demos.store.store import DemonstrationStore
from tests.browser.by_hand import moved, position, rests, switch_on
from tests.browser.operator_page import OTHERS, SMALL, ConsolePage, looks
from tests.browser.visitors import violations
from tests.support.kinematic_station import eventually
from training.benchmarks.console.served import station

pytestmark = pytest.mark.browser

NUDGED = """() => window.__clap.status.prediction?.own && window.__clap.status.state === "awaiting approval"
  && !document.querySelector(".c-nudge-note").textContent.startsWith("Moved")"""
"""All clicks have been checked: those that came meanwhile are sent once the one before is."""

RIGHT_EDGES = "[...document.querySelectorAll('.c-bar > *')].map((node) => node.getBoundingClientRect().right)"
CAMERAS = ("front", "left_shoulder", "right_shoulder", "wrist")


class Recorder:
    """The record card as an operator uses it."""

    def __init__(self, console: ConsolePage):
        self.console, self.page = console, console.page

    def told(self) -> dict[str, object]:
        found: dict[str, object] = self.page.evaluate("window.__clap.recording")
        return found

    def take(self) -> dict[str, object]:
        found: dict[str, object] = self.page.evaluate("window.__clap.recording.take")
        return found

    def comes(self, state: str, timeout: int = 20_000) -> None:
        self.page.wait_for_function("state => window.__clap.recording?.state === state", arg=state, timeout=timeout)

    def open(self) -> None:
        self.page.click("#c-details [role=tab] >> text=Record")

    def begin(self, countdown: str = "0") -> None:
        self.page.select_option("#c-record-delay", countdown)
        self.page.click("#c-record-go")

    def frames(self, at_least: int) -> None:
        self.page.wait_for_function("n => window.__clap.recording.take?.frames >= n", arg=at_least)

    def say(self) -> str:
        return self.page.locator("#c-record-say").inner_text()

    def tidy(self) -> None:
        """Nothing is recorded, and nothing waits."""
        self.page.evaluate("document.dispatchEvent(new Event('clap-stop'))")
        if self.told()["state"] in ("recording", "ended"):
            self.page.evaluate("window.__clap.console.link.send({ type: 'record-discard' })")
        self.comes("idle")

    def latest(self) -> RecordedEpisode:
        """The episode that was kept last, as another program would read it."""
        with DemonstrationStore.open(str(self.told()["folder"]), read_only=True) as store:
            return store.read(store.episodes()[-1].id)


@pytest.fixture
def recorder(console: ConsolePage) -> Iterator[Recorder]:
    made = Recorder(console)
    made.tidy()
    made.open()
    yield made
    if console.page.locator("#c-drive").is_visible():  # in its place the next test needs the scene's form
        console.page.click("#c-drive-close")
    made.tidy()


def in_order(values: list[str]) -> list[str]:
    return [value for value, _ in itertools.groupby(values)]


def step(console: ConsolePage) -> None:
    """Predict a step as it is, and carry it out."""
    console.press_and_wait("predict", "awaiting approval")
    console.press_and_wait("approve", "planned")


def test_an_operator_drives_a_take_by_keys_and_keeps_it(recorder: Recorder) -> None:
    console, page = recorder.console, recorder.page
    console.reset(speed=1)
    page.fill("#c-record-operator", "Ann")
    page.fill("#c-record-before", "down and up")
    recorder.begin()
    recorder.comes("recording")
    assert page.locator("#c-rec").inner_text() == "REC 0:00"
    assert "first frame comes when the arm moves" in recorder.say()
    assert page.locator("#c-record-mark").is_disabled()
    switch_on(console)
    for key, by in (("f", -0.08), ("r", 0.04)):
        before = position(console)
        page.keyboard.down(key)
        moved(console, 2, before, by)
        page.keyboard.up(key)
        page.keyboard.press("m")
        rests(console)
    page.wait_for_function("() => window.__clap.recording.take.marked === 2")
    assert page.locator("#c-record-figures div:has(> dt:text-is('Moved')) dd").inner_text() == "by hand"
    console.screenshot("record-driving")
    page.keyboard.press("t")
    recorder.comes("ended")
    assert page.locator("[name=c-record-success]:checked").get_attribute("value") == "no", "as the world judges it"
    page.check("[name=c-record-success][value=unsure]")
    page.fill("#c-record-after", "nothing was grasped")
    console.screenshot("record-keep")
    page.click("#c-record-commit")
    recorder.comes("idle")
    assert recorder.say().startswith("The take is kept as episode")
    assert page.locator("#c-rec").is_hidden()
    episode = recorder.latest()
    labels = episode.record.labels
    assert (labels.source, labels.outcome, labels.info.operator) == (HUMAN, Outcome.UNKNOWN, "Ann")
    assert labels.info.notes == "down and up\nnothing was grasped"
    assert labels.info.task_key == "block_in_same_cup"
    assert len(labels.keyframes) >= 3
    assert set(episode.sources) == {HUMAN}
    assert len(episode) > 10 and np.ptp(episode.state[:, 2]) > 0.07


def test_a_mixed_take_holds_who_did_what_with_all_cameras_and_both_poses(recorder: Recorder) -> None:
    console, page = recorder.console, recorder.page
    console.reset(seed=1, speed=1)
    page.click(".c-chip >> nth=0")
    console.press_and_wait("plan", "planned")
    steps = [line["text"] for line in console.status("plan")]  # type: ignore[attr-defined]
    recorder.begin()
    recorder.comes("recording")
    step(console)
    assert recorder.take()["source"] == POLICY
    console.press_and_wait("predict", "awaiting approval")
    page.click("#c-details [role=tab] >> text=Correct")
    for _ in range(3):
        page.click("[data-nudge='z+']")
    page.wait_for_function(NUDGED)
    proposed = page.evaluate("window.__clap.status.prediction.action.position")
    console.press_and_wait("approve", "planned")
    page.click("#c-rec")
    assert page.locator("#c-record-end").is_visible()
    page.wait_for_function("() => window.__clap.recording.take.source === 'human'")
    console.screenshot("record-mixed")
    page.keyboard.press("t")
    recorder.comes("ended")
    page.click("#c-record-commit")
    recorder.comes("idle")
    episode = recorder.latest()
    assert episode.record.labels.source == "mixed"
    assert in_order(episode.sources) == [POLICY, HUMAN]
    assert in_order(episode.steps) == steps[:2]
    assert len(episode.keyframes) >= 2
    for number, source in ((0, POLICY), (len(episode) - 1, HUMAN)):
        frame = episode.frame(number)
        assert frame.source == source
        assert list(frame.plan) == steps
        assert frame.step in frame.subtask
        seen = frame.observation
        assert tuple(camera.name for camera in seen.frames) == CAMERAS
        for camera in seen.frames:
            assert camera.rgb.shape == (*camera.depth.shape, 3) and camera.rgb.std() > 5
            assert 0.1 < np.median(camera.depth[camera.depth > 0]) < 5
            assert camera.intrinsics[0, 0] > 50 and np.allclose(camera.intrinsics[2], (0, 0, 1))
            assert np.allclose(camera.cam2world[:3, :3] @ camera.cam2world[:3, :3].T, np.eye(3), atol=1e-5)
        assert seen.joint_positions.shape == seen.joint_velocities.shape == (7,)
    assert np.allclose(episode.action[-1, :3], proposed, atol=2e-3), "what was commanded is the nudged pose"
    assert np.linalg.norm(episode.state[-1, :3] - episode.action[-1, :3]) < 0.02, "and it was reached"


def test_the_countdown_is_cancelled_by_its_button_its_key_and_stop(recorder: Recorder) -> None:
    page = recorder.page
    for cancel in ("#c-record-cancel", "t", "Escape"):
        recorder.begin("3")
        assert page.locator("#c-record-number").inner_text() == "3"
        assert "begins in 3" in recorder.say()
        page.wait_for_function("() => document.getElementById('c-record-number').textContent === '2'")
        if cancel == "t":
            recorder.console.screenshot("record-countdown")
        page.click(cancel) if cancel.startswith("#") else page.keyboard.press(cancel)
        page.wait_for_selector("#c-record-go")
        recorder.console.obeyed()
        assert recorder.told()["state"] == "idle"
    assert page.locator("#c-record-number").is_hidden()


def test_a_discarded_take_goes_to_the_trash_and_says_so(recorder: Recorder) -> None:
    console, page = recorder.console, recorder.page
    kept = recorder.told()["episodes"]
    recorder.begin()
    recorder.comes("recording")
    page.click("#c-record-end")
    recorder.comes("ended")
    assert page.locator("#c-record-commit").is_disabled(), "it has no frame"
    page.click("#c-record-discard")
    recorder.comes("idle")
    recorder.begin()
    recorder.comes("recording")
    console.press_and_wait("home", "ready", "planned")
    recorder.frames(1)
    page.keyboard.press("t")
    recorder.comes("ended")
    page.click("#c-record-discard")
    recorder.comes("idle")
    assert recorder.say() == "The take is in the trash, from which it can be restored."
    assert recorder.told()["episodes"] == kept
    with DemonstrationStore.open(str(recorder.told()["folder"]), read_only=True) as store:
        assert store.trash()[0].is_take


@looks((SMALL, "light"))
def test_a_new_scene_while_recording_ends_the_take_which_waits_in_sight_of_every_panel(recorder: Recorder) -> None:
    console, page = recorder.console, recorder.page
    recorder.begin()
    recorder.comes("recording")
    console.press_and_wait("home", "ready", "planned")
    recorder.frames(1)
    page.click("#c-tab-evaluation")
    assert page.locator("#c-rec").is_visible()
    page.click("#c-tab-operate")
    console.press("reset")
    recorder.comes("ended")
    assert page.locator("#c-toasts").inner_text().startswith("Recording has ended. The scene was set up anew.")
    page.click("#c-tab-evaluation")
    assert page.locator("#c-rec").inner_text().endswith("waits")  # a small window leaves the rest out
    console.screenshot("record-waits")
    page.click("#c-rec")
    assert page.locator("#c-record-commit").is_visible()
    assert "set up anew" in recorder.say()


@looks(*OTHERS)
def test_the_card_is_clean_for_assistive_tools_and_fits_in_all_its_states(recorder: Recorder) -> None:
    console, page = recorder.console, recorder.page
    assert violations(console, "#c-record") == []
    console.screenshot("record-idle")
    recorder.begin()
    recorder.comes("recording")
    page.mouse.move(0, 0)
    console.press_and_wait("home", "ready", "planned")
    recorder.frames(1)
    assert violations(console, "#c-top") == [] and violations(console, "#c-record") == []
    console.screenshot("record-recording")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if page.viewport_size is not None and page.viewport_size["height"] == 900:
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    bar = page.evaluate(
        "[...document.querySelectorAll('.c-bar > *')].map((node) => node.getBoundingClientRect().right)"
    )
    assert max(bar) <= page.evaluate("innerWidth"), "Stop is not pushed out by the light"
    page.click("#c-record-end")
    recorder.comes("ended")
    page.click(".c-record-more summary")
    assert violations(console, "#c-record") == []
    console.screenshot("record-ended")
    page.click(".c-record-more summary")


def test_a_take_that_the_crash_of_its_world_cut_short_is_offered_and_kept(
    recorder: Recorder, started: dict[str, tuple[subprocess.Popen[str], str]]
) -> None:
    console, page = recorder.console, recorder.page
    kept = recorder.told()["episodes"]
    console.reset(speed=1)
    recorder.begin()
    recorder.comes("recording")
    switch_on(console)
    before = position(console)
    page.keyboard.down("f")
    moved(console, 2, before, -0.05)
    page.keyboard.up("f")
    rests(console)
    (journal,) = SetFolder(Path(str(recorder.told()["folder"]))).takes.glob("*.journal")
    assert eventually(lambda: len(Journal(journal)) == recorder.take()["frames"]), "what was driven is on the disk"
    frames = recorder.take()["frames"]
    os.kill(station(started["expert"][0].pid), signal.SIGKILL)
    page.wait_for_function("() => window.__clap.console.link.worldLost")
    page.wait_for_function("() => window.__clap.recording?.unfinished?.length === 1", timeout=90_000)
    assert "interrupted" in page.locator("#c-toasts").inner_text()
    left = page.locator("#c-record-left li")
    assert f"{frames} frames" in left.inner_text()
    console.screenshot("record-interrupted")
    left.get_by_role("button").click()
    recorder.comes("ended")
    page.check("[name=c-record-success][value=no]")
    page.click("#c-record-commit")
    recorder.comes("idle")
    assert recorder.told()["episodes"] == kept + 1  # type: ignore[operator]
    record = recorder.latest().record
    assert (record.length, record.labels.recovered, record.labels.outcome) == (frames, True, Outcome.FAILURE)
