"""An operator of the real page, who records takes by correcting the policy: every pose is the operator's own.

What a person would see on the screen, where the thing is and how to take it, the scripted expert says for the same
scene in a world of its own. All else goes the page's way: the scene's form, the instruction, the steps written where
the policy would do something else or refuses, Predict, the nudge buttons, Approve, the record card.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from clap.policies.expert_keyframes import keyframe
from clap.worlds.base import Action
from clap.worlds.tabletop.world import TabletopWorld
from training.benchmarks.console.served import served

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE_MS = 120_000
NUDGES = (("2 cm", 20, 15), ("5 mm", 5, 5), ("1 mm", 1, 1))
"""The nudge panel's steps: label, millimetres, degrees of yaw."""
LINES = "#c-plan-steps .c-editable"
CHECKED = """() => window.__clap.status.prediction?.own && window.__clap.status.state === 'awaiting approval'
  && !document.querySelector('.c-nudge-note').textContent.startsWith('Moved')"""
SEND = "message => window.__clap.console.link.send(message)"


class TakeFailedError(Exception):
    """A take did not reach its goal; the text says where."""


def shown_steps(world: TabletopWorld, task: str, seed: int, variation: int) -> Iterator[tuple[tuple[str, ...], Action]]:
    """A scene as it comes to be in this world: the steps left of the sub-task, and the expert's next action."""
    world.reset(task, seed, variation)
    for subtask in world.goal or ():
        for index in range(len(subtask.steps)):
            action = keyframe(world, subtask, index)
            yield subtask.steps[index:], action
            world.execute(action)


def record_takes(
    checkpoint: Path, recordings: Path, task: str, variation: int, seeds: range, retraining: Path
) -> Iterator[str]:
    """Record one take for each seed into the set ``recordings``; yields a sentence for each."""
    from playwright.sync_api import sync_playwright

    world = TabletopWorld()
    options = ("--checkpoint", str(checkpoint), "--recordings", str(recordings), "--retraining", str(retraining))
    with (
        served("app.py", "--port", "0", "--dead-man", "30", "--policy", "clap", *options) as (url, _),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script("localStorage.setItem('clap-tour', 'seen')")
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        page.wait_for_function("() => window.__clap?.scenes > 0 && window.__clap.status")
        operator = _Operator(page)
        for seed in seeds:
            try:
                operator.take(world, task, variation, seed)
                yield f"seed {seed}: kept"
            except TakeFailedError as error:
                yield f"seed {seed}: thrown away, {error}"
        browser.close()


class _Operator:
    """At one page."""

    def __init__(self, page: Any):
        self._page = page
        page.wait_for_function("() => window.__clap.lease?.mine")
        self._comes("idle")
        self._open("Record")
        page.fill("#c-record-operator", "closed loop")

    def take(self, world: TabletopWorld, task: str, variation: int, seed: int) -> None:
        """Record a scene from its beginning to its goal."""
        page = self._page
        page.select_option("#c-task", task)
        page.fill("#c-seed", str(seed))
        page.select_option("#c-variation", str(variation))
        page.locator("#c-speed").fill("1")
        self._press("#c-do-reset")
        page.click(".c-chip >> nth=0")
        self._press("#c-do-plan")
        self._open("Record")
        page.select_option("#c-record-delay", "0")
        page.click("#c-record-go")
        self._comes("recording")
        self._open("Correct")
        try:
            for steps, action in shown_steps(world, task, seed, variation):
                self._correct(steps, action)
        except TakeFailedError:
            page.evaluate(SEND, {"type": "record-discard"})
            self._comes("idle")
            raise
        self._open("Record")
        page.click("#c-record-end")
        self._comes("ended")
        succeeded = page.locator("[name=c-record-success]:checked").get_attribute("value") == "yes"
        if not succeeded:
            page.evaluate(SEND, {"type": "record-discard"})
            self._comes("idle")
            raise TakeFailedError("the goal did not hold at its end")
        page.click("#c-record-commit")
        self._comes("idle")

    def _correct(self, steps: tuple[str, ...], action: Action) -> None:
        """Let the policy predict the first of the steps to come, put the pose right, and carry it out."""
        page = self._page
        plan = page.evaluate("window.__clap.status.plan.filter((line) => line.status === 'current')[0]?.text")
        if plan != steps[0]:
            self._write(steps)
        if page.evaluate("window.__clap.status.preconditions.predict === null"):
            self._press("#c-do-predict")
        self._nudge(action)
        self._press("#c-do-approve")

    def _write(self, steps: tuple[str, ...]) -> None:
        """Write the steps to come into the plan."""
        page = self._page
        while page.locator(LINES).count():
            page.locator(LINES).first.focus()
            page.keyboard.press("Delete")
        for step in steps:
            page.click("#c-plan-add")
            page.keyboard.type(step.removeprefix("the robot "))
            page.keyboard.press("Enter")
        self._press("#c-plan-use")

    def _nudge(self, action: Action) -> None:
        """Move the target to a pose by the buttons of the page, to the millimetre and the degree."""
        page = self._page
        grip = page.locator(f"[data-gripper={'open' if action.gripper_open else 'closed'}]")
        moved = grip.get_attribute("aria-pressed") == "false"
        if moved:
            grip.click()
        rotation = action.pose.rotation
        yaw = math.degrees(math.atan2(rotation[1, 0], rotation[0, 0]))
        wanted = {**dict(zip("xyz", 1000 * np.asarray(action.pose.position), strict=True)), "yaw": yaw}
        for label, millimetres, degrees in NUDGES:
            page.click(f"#c-nudge button:text-is('{label}')")
            for axis, value in wanted.items():
                away = value - self._shown(axis)
                away = (away + 180) % 360 - 180 if axis == "yaw" else away
                for _ in range(round(abs(away) / (degrees if axis == "yaw" else millimetres))):
                    page.click(f"[data-nudge='{axis}{'+' if away > 0 else '-'}']")
                    moved = True
        if moved:
            page.wait_for_function(CHECKED)

    def _shown(self, axis: str) -> float:
        """What the nudge panel shows of the target: millimetres, degrees."""
        text = self._page.locator(f"#c-nudge output[aria-label='{axis}']").inner_text().replace("\u2212", "-")
        return float(text.rstrip("\u00b0 m")) * (1 if axis == "yaw" else 1000)

    def _press(self, button: str) -> None:
        """Press a button and wait until what it sets off is over."""
        page = self._page
        before = page.evaluate("window.__clap.status.seq")
        page.click(button)
        page.wait_for_function("before => window.__clap.status.seq > before && !window.__clap.status.busy", arg=before)

    def _open(self, tab: str) -> None:
        self._page.click(f"#c-details [role=tab] >> text={tab}")

    def _comes(self, state: str) -> None:
        self._page.wait_for_function("state => window.__clap.recording?.state === state", arg=state)
