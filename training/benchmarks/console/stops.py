"""Stop: from the click in the page to the world's halted motion, while the machine has more to do than it can.

A third of the presses fall into steps that are carried out, a third into driving by hand with a held key, and a third
into a plan that clap-mini is writing. Beside every fourth press Gradio's own events are pressed in a tab of theirs.
"""

from __future__ import annotations

import contextlib
import random
import time
from dataclasses import dataclass, field

from training.benchmarks.console.browser import NeverError, Tab
from training.benchmarks.console.gradio_events import Events

LOST_S = 10.0
AGAIN_MS, TRIES = 3000, 10
GRADIO_EVERY = 4
AT_REST = ("done", "failed", "awaiting approval")
INSTRUCTION = "put the red block in the red cup"


PARTS = ("the browser until the page's code runs", "the page and the way to the server", "the world until it halts")


@dataclass
class Stops:
    """Milliseconds from the click: to the halt, by what was under way and in PARTS; to the answer; Gradio's."""

    halted: dict[str, list[float]] = field(default_factory=dict)
    answered: list[float] = field(default_factory=list)
    ways: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    parts: dict[str, list[float]] = field(default_factory=dict)
    gradio: dict[str, list[float]] = field(default_factory=dict)

    @property
    def all_halted(self) -> list[float]:
        """Over all that was under way."""
        return [ms for times in self.halted.values() for ms in times]


class Presser:
    """Brings the arm (or the planner) under way again and again, and presses Stop at a random moment."""

    def __init__(self, tab: Tab, gradio: Events, clock_error: float, seed: int = 0):
        self.tab, self.gradio, self.clock_error = tab, gradio, clock_error
        self.random = random.Random(seed)
        self.seed = seed
        self.found = Stops()

    def run(self, presses: int) -> Stops:
        """Press so often. The page shows the simulated table with the scripted expert when it begins."""
        kinds = {
            "a step": (self._step, "Scripted"),
            "driving": (self._driving, "Scripted"),
            "a plan": (self._plan, "CLAP"),
        }
        for number, (kind, (begin, policy)) in enumerate(kinds.items()):
            self.tab.page.bring_to_front()
            self.tab.policy(policy)
            self._new_scene()
            share = presses * (number + 1) // len(kinds) - presses * number // len(kinds)
            for _ in range(share):
                delay = begin()
                self._press(kind, delay)
                if sum(map(len, self.found.halted.values())) % GRADIO_EVERY == 0:
                    self._press_gradio()
        return self.found

    def _new_scene(self) -> None:
        self.seed += 1
        self.tab.reset(self.seed % 1000)
        self.tab.send("speed", value=0.5)

    def _step(self) -> float:
        """A step of the expert's is under way."""
        while True:
            if not self.tab.can("run"):
                self._new_scene()
            self.tab.send("run")
            # A stop that also went the second way may arrive only now.
            with contextlib.suppress(NeverError):
                if self.tab.until_state("moving", *AT_REST, timeout_ms=AGAIN_MS) != "moving":
                    self._new_scene()
                    continue
                return self.random.uniform(0.0, 0.6)

    def _driving(self) -> float:
        """A key is held and the arm follows it."""
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                self.tab.drive(AGAIN_MS)
                break
            except NeverError:  # a stop that also went the second way arrived only now
                if last:
                    raise
        self.key = self.random.choice("asdwqe")
        self.tab.page.keyboard.down(self.key)
        return self.random.uniform(0.1, 0.7)

    def _plan(self) -> float:
        """CLAP's planner is writing."""
        if not self.tab.can("plan"):
            self._new_scene()
        self.tab.send("plan", instruction=INSTRUCTION)
        with contextlib.suppress(NeverError):
            self.tab.until_state("planning", "planned", "failed", timeout_ms=AGAIN_MS)
        return self.random.uniform(0.0, 0.3)

    def _press(self, kind: str, delay: float) -> None:
        tab, page = self.tab, self.tab.page
        page.mouse.move(*tab.centre("#c-stop"))
        tab.page.evaluate("() => { delete window.__clap.lastStop; }")
        tab.clear()
        time.sleep(delay)
        page.mouse.down()
        page.mouse.up()
        try:
            tab.until("window.__heard.halted.length && window.__clap.lastStop", 1000 * LOST_S)
        except NeverError:
            self.found.lost += 1
        else:
            clicked, handled = (moment - self.clock_error for moment in tab.heard("pressed")[0])
            halted, seconds = tab.heard("halted")[0]
            self.found.halted.setdefault(kind, []).append(1000 * (halted - clicked))
            parts = (handled - clicked, halted - seconds - handled, seconds)
            for part, took in zip(PARTS, parts, strict=True):
                self.found.parts.setdefault(part, []).append(1000 * took)
            last = page.evaluate("window.__clap.lastStop")
            self.found.answered.append(last["ms"])
            way = str(last["way"])
            self.found.ways[way] = self.found.ways.get(way, 0) + 1
        if kind == "driving":
            page.keyboard.up(self.key)
        tab.until("['stopped', 'failed'].includes(window.__clap.status.state) && !window.__clap.status.driving")

    def _press_gradio(self) -> None:
        for name in self.gradio.names:
            self.found.gradio.setdefault(name, []).append(self.gradio.press(name))
        self.tab.page.bring_to_front()
