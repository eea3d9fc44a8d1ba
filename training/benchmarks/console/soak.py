"""A day's use in short: what an operator does, again and again, and what the programs come to need for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from training.benchmarks.console import served
from training.benchmarks.console.browser import NeverError, Tab
from training.benchmarks.console.teleoperation import drive

SAMPLE_S = 30.0
TASKS = ("block_in_same_cup", "open_drawer", "block_in_closed_drawer")
DRIVE_S = 4.0
STEPS_TO_DO = (
    "window.__clap.status.plan.filter((line) => ['current', 'todo'].includes(line.status)).map((line) => line.text)"
)


@dataclass(frozen=True)
class Sample:
    """What is in use at one moment, after so many seconds; memory in MiB."""

    seconds: float
    server_mib: float
    station_mib: float
    heap_mib: float
    threads: tuple[int, int]
    descriptors: tuple[int, int]
    sockets: tuple[int, int]


@dataclass
class Soak:
    """``rounds`` of use, and the samples taken meanwhile; ``failures`` say what did not go as scripted."""

    rounds: int
    samples: list[Sample]
    failures: list[str]

    def growth(self, name: str, from_s: float) -> float:
        """How much more of a thing is in use at the end than at ``from_s``, as a share; medians of five samples."""
        values = [getattr(sample, name) for sample in self.samples if sample.seconds >= from_s]
        first, last = sorted(values[:5]), sorted(values[-5:])
        return float(last[len(last) // 2] / first[len(first) // 2] - 1)

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "rounds": self.rounds,
            "failures": self.failures,
            "samples": [asdict(sample) for sample in self.samples],
        }


class Operator:
    """Uses the page as a person would, in one order of things after the other."""

    def __init__(self, context: Any, url: str, server: int):
        self._context, self._url = context, url
        self._server, self._station = server, served.station(server)
        self._tab = Tab(context, url)
        self._devtools = context.new_cdp_session(self._tab.page)
        self._devtools.send("Performance.enable")

    def use(self, minutes: float, told: Callable[[Sample], None] = lambda sample: None) -> Soak:
        """Use it for so long; every half minute, between two things, a sample is taken while only one tab is open."""
        soak, begun = Soak(0, [], []), time.monotonic()
        while time.monotonic() - begun < 60 * minutes:
            for thing in self.round(soak.rounds):
                try:
                    thing()
                except NeverError as error:
                    soak.failures.append(f"{thing.__name__} of round {soak.rounds}: {error}")
                    self._tab.send("stop")
                seconds = time.monotonic() - begun
                if not soak.samples or seconds - soak.samples[-1].seconds >= SAMPLE_S:
                    soak.samples.append(self.sample(seconds))
                    told(soak.samples[-1])
            soak.rounds += 1
        soak.samples.append(self.sample(time.monotonic() - begun))
        return soak

    def round(self, number: int) -> Iterator[Callable[[], None]]:
        """The things that are done one after the other; ``number`` chooses task and seed."""
        tab = self._tab

        def reset() -> None:
            tab.policy("Scripted")
            tab.reset(number % 50, TASKS[number % len(TASKS)])
            tab.send("speed", value=4.0)

        def plan_and_approve() -> None:
            tab.send("approve-each", value=True)
            tab.do("plan", instruction=tab.page.evaluate("window.__clap.status.instruction"))
            tab.do("predict")
            if tab.can("approve"):
                tab.do("approve")

        def undo() -> None:
            if tab.can("undo"):
                tab.do("undo")

        def edit() -> None:
            if tab.can("edit-plan"):
                tab.do("edit-plan", steps=tab.page.evaluate(STEPS_TO_DO))

        def run_all() -> None:
            tab.send("approve-each", value=False)
            if tab.can("run"):
                tab.run()

        def drive_and_stop() -> None:
            drive(tab, DRIVE_S)
            tab.drive()
            tab.page.keyboard.down("r")
            tab.page.click("#c-stop")
            tab.page.keyboard.up("r")
            tab.until("window.__clap.status.state === 'stopped'")

        def ask_clap() -> None:
            tab.policy("CLAP")
            tab.reset(number % 50, TASKS[number % len(TASKS)])
            tab.do("plan", instruction=tab.page.evaluate("window.__clap.status.instruction"))
            if tab.can("predict"):
                tab.do("predict")

        def tabs() -> None:
            more = [Tab(self._context, self._url) for _ in range(2)]
            for one in more:
                one.page.click("#c-open-help")
                one.page.close()
            tab.page.bring_to_front()

        yield from (reset, plan_and_approve, undo, edit, run_all, drive_and_stop, ask_clap, tabs)

    def sample(self, seconds: float) -> Sample:
        """What is in use now."""
        self._devtools.send("HeapProfiler.collectGarbage")
        metrics = {one["name"]: one["value"] for one in self._devtools.send("Performance.getMetrics")["metrics"]}
        both = (self._server, self._station)
        opened = [served.descriptors(pid) for pid in both]
        return Sample(
            seconds,
            served.resident_mib(self._server),
            served.resident_mib(self._station),
            metrics["JSHeapUsedSize"] / 2**20,
            (served.threads(both[0]), served.threads(both[1])),
            (opened[0][0], opened[1][0]),
            (opened[0][1], opened[1][1]),
        )
