"""How often a page gets a fresh scene and the arm's pose while the arm moves, as the page itself counts."""

from __future__ import annotations

from dataclasses import dataclass

from training.benchmarks.console.browser import Tab

TASK = "block_in_same_cup"
AT_MOST_S = 90.0


@dataclass(frozen=True)
class Rates:
    """Per second of motion; ``mounts`` is how often the scene's canvas was made, ``points`` the fewest and the most."""

    scenes: float
    poses: float
    points: tuple[int, int]
    mounts: int
    seconds: float


def rates(tab: Tab, wanted_s: float, seed: int = 0) -> Rates:
    """Let the scripted expert carry instructions out at real time until the arm has moved for so long."""
    tab.policy("Scripted")
    scenes = poses = 0
    seconds = 0.0
    points: list[int] = []
    while seconds < wanted_s:
        tab.reset(seed, TASK)
        seed += 1
        tab.send("approve-each", value=False)
        tab.send("speed", value=1.0)
        tab.send("run")
        while True:
            if tab.until_state("moving", "done", "failed") != "moving":
                break
            tab.clear()
            begun = tab.page.evaluate("performance.now()")
            tab.until("window.__clap.status.state !== 'moving'")
            counts = tab.page.evaluate(
                "[performance.now(), __heard.scenes.length, __heard.poses.length, __heard.shown]"
            )
            seconds += (counts[0] - begun) / 1000
            scenes, poses, points = scenes + counts[1], poses + counts[2], points + counts[3]
    mounts = int(tab.page.evaluate("window.__clap.canvasMounts"))
    return Rates(scenes / seconds, poses / seconds, (min(points), max(points)), mounts, seconds)
