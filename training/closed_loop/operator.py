"""An operator of the real page, who records takes by correcting the policy: every pose is the operator's own.

What a person would see on the screen, where the thing is and how to take it, the scripted expert says for the same
scene in a world of its own. All else goes the page's way: the scene's form, the instruction, Predict, a corrected
target, Approve, the record card.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clap.worlds.tabletop.keyframes import keyframe
from clap.worlds.tabletop.world import TabletopWorld
from clap.worlds.world import Action
from training.benchmarks.console.served import served

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE_MS = 120_000
OWN = "() => window.__clap.status.prediction?.own && window.__clap.status.state === 'awaiting approval'"
SEND = "message => window.__clap.console.link.send(message)"


class TakeFailedError(Exception):
    """A take did not reach its goal; the text says where."""


def shown_steps(world: TabletopWorld, task: str, seed: int, variation: int) -> Iterator[tuple[str, Action]]:
    """The steps of a scene with the expert's action for each, as they come to be in this world."""
    world.reset(task, seed, variation)
    for subtask in world.goal or ():
        for index, step in enumerate(subtask.steps):
            action = keyframe(world, subtask, index)
            yield step, action
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
        page.click("#c-details [role=tab] >> text=Record")
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
        page.select_option("#c-record-delay", "0")
        page.click("#c-record-go")
        self._comes("recording")
        try:
            for step, action in shown_steps(world, task, seed, variation):
                self._correct(step, action)
        except TakeFailedError:
            page.evaluate(SEND, {"type": "record-discard"})
            self._comes("idle")
            raise
        page.keyboard.press("t")
        self._comes("ended")
        succeeded = page.locator("[name=c-record-success]:checked").get_attribute("value") == "yes"
        if not succeeded:
            page.evaluate(SEND, {"type": "record-discard"})
            self._comes("idle")
            raise TakeFailedError("the goal did not hold at its end")
        page.click("#c-record-commit")
        self._comes("idle")

    def _correct(self, step: str, action: Action) -> None:
        """Let the policy predict, put the pose right, and carry it out."""
        page = self._page
        plan = page.evaluate("window.__clap.status.plan.filter((line) => line.status === 'current')[0]?.text")
        if plan != step:
            raise TakeFailedError(f"the policy would now do “{plan}”, not “{step}”")
        if page.evaluate("window.__clap.status.can.predict"):
            self._press("#c-do-predict")
        page.evaluate(
            SEND,
            {
                "type": "target",
                "position": [float(value) for value in action.pose.position],
                "quaternion": [float(value) for value in action.pose.quaternion],
                "gripper_open": action.gripper_open,
            },
        )
        page.wait_for_function(OWN)
        self._press("#c-do-approve")

    def _press(self, button: str) -> None:
        """Press a button and wait until what it sets off is over."""
        page = self._page
        before = page.evaluate("window.__clap.status.seq")
        page.click(button)
        page.wait_for_function("before => window.__clap.status.seq > before && !window.__clap.status.busy", arg=before)

    def _comes(self, state: str) -> None:
        self._page.wait_for_function("state => window.__clap.recording?.state === state", arg=state)
