"""What Stop would be as an event of Gradio's: `python -m training.benchmarks.console.gradio_events` serves two buttons.

One goes through Gradio's queue, the other past it; each only notes when its function is called.
"""

from __future__ import annotations

import time
from typing import Any

from training.benchmarks.console.browser import LOOK_MS, WAIT_MS

NAMES = {"through Gradio's queue": "queued", "a Gradio event, queue=False": "direct"}

CLICKS = """() => addEventListener("click", (event) => {
  window.__pressed = (performance.timeOrigin + event.timeStamp) / 1000;
}, { capture: true })"""


class Events:
    """The page of these buttons, in a tab of its own."""

    names = tuple(NAMES)

    def __init__(self, context: Any, url: str, clock_error: float):
        self._clock_error = clock_error
        self._page = context.new_page()
        self._page.goto(url)
        self._page.wait_for_selector("#queued", timeout=WAIT_MS)
        self._page.evaluate(CLICKS)

    def press(self, name: str) -> float:
        """Milliseconds from a click to the function that it calls."""
        page, element = self._page, NAMES[name]
        page.bring_to_front()
        box = page.locator(f"#{element}").bounding_box()
        answer = f"document.querySelector('#{element}-answer :is(textarea, input)').value"
        before = page.evaluate(answer)
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.up()
        page.wait_for_function(f"before => {answer} !== before", arg=before, polling=LOOK_MS, timeout=WAIT_MS)
        pressed = page.evaluate("window.__pressed") - self._clock_error
        return 1000 * (float(page.evaluate(answer)) - pressed)


def main() -> None:
    """Serve the two buttons until the process is ended."""
    import gradio as gr

    def called() -> str:
        return repr(time.time())

    with gr.Blocks(analytics_enabled=False) as page:
        for element in NAMES.values():
            button = gr.Button(element, elem_id=element)
            answer = gr.Textbox(elem_id=f"{element}-answer", show_label=False)
            button.click(called, outputs=answer, queue=element == "queued", show_progress="hidden")
    _, url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    print(url, flush=True)
    page.block_thread()


if __name__ == "__main__":
    main()
