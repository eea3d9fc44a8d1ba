"""Top bar: name, mode, policy, state, latencies, and Stop, which is always in sight."""

from __future__ import annotations

from ui.cards.common import shell

MARKUP = """
<header class="c-bar">
  <h1 class="c-logo">CLAP <span>console</span></h1>
  <span class="c-pill" id="c-mode" title="Where the robot's motions happen">…</span>
  <span class="c-pill" id="c-policy-pill" title="The policy that plans and predicts">…</span>
  <span class="c-pill c-state" id="c-state" role="status" aria-live="polite"><i></i><span>connecting</span></span>
  <span class="c-grow"></span>
  <dl class="c-latencies" aria-label="Latest times">
    <div title="Fusing the cameras and drawing the three views"><dt>views</dt><dd id="c-ms-views">–</dd></div>
    <div title="The planner's text: plan, or step and keypoint"><dt>planner</dt><dd id="c-ms-planner">–</dd></div>
    <div title="The fine stage: the target pose"><dt>predictor</dt><dd id="c-ms-predictor">–</dd></div>
    <div title="Round trip from this page to the console"><dt>link</dt><dd id="c-ms-link">–</dd></div>
  </dl>
  <button type="button" class="c-icon" id="c-theme" aria-label="Dark or light" title="Dark or light">◐</button>
  <button type="button" id="c-stop" title="Stop all motion now. Keys: Esc anywhere, Space outside of text fields."
    ><b>■ STOP</b> <kbd>Esc</kbd></button>
</header>
<div class="c-banner" id="c-banner" role="alert" hidden></div>
"""


def build() -> None:
    """Add the bar and, below it, the banner that failures appear in."""
    shell(MARKUP, "c-top")
