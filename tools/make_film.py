"""Films the console for the README: ``python -m tools.make_film [TARGET]`` (needs requirements-dev.txt and Chromium).

The real page in a headless browser: an instruction that no demonstration was recorded of is typed, planned, and carried
out step by step, each approved. Pictures are taken as fast as the machine draws them and shown at a pace of their own,
so that the film is as long on a slow machine as on a fast one.
"""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from training.benchmarks.console.browser import Tab, chromium
from training.benchmarks.console.served import console

ROOT = Path(__file__).resolve().parents[1]
SCREEN = {"width": 1280, "height": 800}
CAPTION_PX = 44
TASK, SEED = "block_in_other_cup", 20_003
HALF_SPEED = 0
"""The speed slider's stop while filming: the slower the arm, the more pictures of its way."""

POINTED_MS, MOTION_MS, DRAWN_MS = 250, 1000, 1500
"""How long a pressed button is pointed out and a motion lasts in the film; how long the page may take to draw."""

POINT = """selector => {
  const box = document.querySelector(selector).getBoundingClientRect();
  const ring = document.createElement("div");
  ring.id = "film-ring";
  ring.style.cssText = `position:fixed;z-index:9999;pointer-events:none;border:3px solid #facc15;border-radius:10px;
    left:${box.left - 5}px;top:${box.top - 5}px;width:${box.width + 4}px;height:${box.height + 4}px`;
  document.body.append(ring);
}"""
UNPOINT = "() => document.querySelector('#film-ring')?.remove()"


@dataclass(frozen=True)
class Picture:
    """One picture of the film and for how long it is shown, milliseconds."""

    image: Image.Image
    shown_ms: int


class Camera:
    """Takes pictures of a page, with a caption below."""

    def __init__(self, page: Any):
        self._page = page
        self._font = ImageFont.load_default(size=24)
        self.caption = ""
        self.pictures: list[Picture] = []

    def take(self, shown_ms: int) -> None:
        """One picture."""
        self._add(self._page.screenshot(), shown_ms)

    def take_while(self, condition: str, shown_ms: int) -> None:
        """Pictures as long as a condition in JavaScript holds, for so long together."""
        drawn: list[bytes] = []
        while self._page.evaluate(condition):
            drawn.append(self._page.screenshot())
        for picture in drawn:
            self._add(picture, shown_ms // len(drawn))

    def _add(self, png: bytes, shown_ms: int) -> None:
        shot = Image.open(io.BytesIO(png)).convert("RGB")
        framed = Image.new("RGB", (shot.width, shot.height + CAPTION_PX), "#0b1220")
        framed.paste(shot)
        draw = ImageDraw.Draw(framed)
        draw.text((20, shot.height + CAPTION_PX / 2), self.caption, fill="#f8fafc", font=self._font, anchor="lm")
        self.pictures.append(Picture(framed, shown_ms))

    def save(self, target: Path) -> None:
        """Write the film as an animated WebP that repeats."""
        first, *others = (picture.image for picture in self.pictures)
        durations = [picture.shown_ms for picture in self.pictures]
        first.save(
            target,
            save_all=True,
            append_images=others,
            duration=durations,
            loop=0,
            quality=70,
            method=6,
            kmin=9,
            kmax=25,
        )


class Operator:
    """Does on the page what the film shows."""

    def __init__(self, tab: Tab, camera: Camera):
        self._tab, self._camera = tab, camera

    def say(self, instruction: str) -> None:
        """Type the instruction."""
        self._camera.caption = "Say what is to be done"
        self._camera.take(600)
        field = "#c-instruction textarea, #c-instruction input"
        for end in range(4, len(instruction) + 4, 4):
            self._tab.page.fill(field, instruction[:end])
            self._camera.take(110)

    def press(self, verb: str, *until: str, shown_ms: int = 300) -> None:
        """Press a verb's button, shown with a ring, and film until the console is in one of these states."""
        page = self._tab.page
        page.evaluate(POINT, f"#c-do-{verb}")
        self._camera.take(POINTED_MS)
        page.evaluate(UNPOINT)
        before = page.evaluate("window.__clap.status.seq")
        page.click(f"#c-do-{verb}")
        arrived = f"window.__clap.status.seq > {before} && {list(until)}.includes(window.__clap.status.state)"
        self._camera.take_while(f"!({arrived})", shown_ms)
        page.wait_for_timeout(DRAWN_MS)

    def step(self, shown_ms: int) -> str:
        """Predict a step, look at it, and approve it; the state after it."""
        self._camera.caption = "The policy shows where it will act: objects, keypoint, pose and the checks they pass"
        self.press("predict", "awaiting approval")
        self._camera.take(shown_ms)
        self._camera.caption = "You approve, and it moves"
        self.press("approve", "planned", "done", "failed", shown_ms=MOTION_MS)
        self._camera.take(150)
        return self._tab.state()


def film(target: Path) -> None:
    """Make the film. Raises SystemExit if the run does not end well: what is shown has to be what happens."""
    with console("--policy", "clap") as (url, _), chromium() as browser:
        context = browser.new_context(viewport=SCREEN, color_scheme="dark")
        tab = Tab(context, url)
        tab.reset(SEED, TASK)
        tab.page.locator("#c-speed").fill(str(HALF_SPEED))
        instruction = str(tab.page.evaluate("window.__clap.status.instruction"))
        camera = Camera(tab.page)
        operator = Operator(tab, camera)
        tab.page.wait_for_timeout(2 * DRAWN_MS)
        operator.say(instruction)
        operator.press("plan", "planned")
        camera.caption = "It answers with a plan"
        camera.take(1300)
        states = [operator.step(1800)]
        while states[-1] == "planned":
            states.append(operator.step(500))
        if states[-1] != "done":
            raise SystemExit(f"The run ended {states[-1]} after {len(states)} steps: no film.")
        camera.caption = "Done: the last step was checked, and nothing is left to do"
        camera.take(1900)
    camera.save(target)
    seconds = sum(picture.shown_ms for picture in camera.pictures) / 1000
    sys.stdout.write(f"{target}: {len(camera.pictures)} pictures, {seconds:.1f} s, {target.stat().st_size:,d} bytes\n")


def main() -> None:
    """Read the options and make the film."""
    parser = argparse.ArgumentParser(prog="python -m tools.make_film", description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, nargs="?", default=ROOT / "docs" / "console.webp")
    film(parser.parse_args().target)


if __name__ == "__main__":
    main()
