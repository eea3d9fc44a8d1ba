"""Top bar: name, panels, mode, policy, state, who operates, latencies, and Stop, which is always in sight."""

from __future__ import annotations

from ui.panels.operate.common import shell
from ui.panels.operate.panels import tabs
from ui.panels.operate.record import LIGHT

MARKUP = """
<a class="c-skip" href="#c-instruction-card">Skip to the instruction</a>
<header class="c-bar">
  <h1 class="c-logo">CLAP <span>console</span></h1>
  {tabs}
  <span class="c-pill" id="c-mode" title="Where the robot's motions happen">…</span>
  <span class="c-pill" id="c-policy-pill">…</span>
  <span class="c-pill c-state" id="c-state" role="status" aria-live="polite"><i></i><span>connecting</span></span>
  {light}
  <dl class="c-latencies" aria-label="Latest times">
    <div title="Round trip from this page to the console"><dt>link</dt><dd id="c-ms-link">–</dd></div>
    <div title="Fusing the cameras and drawing the three views"><dt>views</dt><dd id="c-ms-views">–</dd></div>
    <div title="The planner's text: plan, or step and keypoint"><dt>planner</dt><dd id="c-ms-planner">–</dd></div>
    <div title="The fine stage: the target pose"><dt>predictor</dt><dd id="c-ms-predictor">–</dd></div>
  </dl>
  <button type="button" class="c-pill c-lease" id="c-lease" aria-expanded="false" aria-controls="c-lease-panel"
    title="Who operates, and who watches"><i aria-hidden="true">●</i> <span>…</span></button>
  <button type="button" class="c-bar-button" id="c-open-drive" aria-pressed="false" aria-controls="c-drive"
    aria-label="Teleoperate" title="Teleoperate: move the arm by keys, pad or gamepad">Teleop</button>
  <button type="button" class="c-icon" id="c-open-settings" aria-label="Settings" title="Settings"
    ><svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 6h7m4 0h3M3 14h3m4 0h7"/><circle cx="12" cy="6" r="2"/>
    <circle cx="8" cy="14" r="2"/></svg></button>
  <button type="button" class="c-icon" id="c-open-help" aria-label="Keyboard shortcuts and tour"
    title="Keyboard shortcuts and tour (?)">?</button>
  <button type="button" class="c-icon" id="c-theme" aria-label="Dark or light" title="Dark or light">◐</button>
  <button type="button" id="c-stop" title="Stop all motion now. Keys: Esc anywhere, Space outside of text fields."
    ><b>■ STOP</b> <kbd>Esc</kbd></button>
</header>
<div class="c-progress" id="c-progress" role="progressbar" aria-label="Work under way" aria-valuemin="0"
  aria-valuemax="100" hidden><i></i><span></span></div>
<section class="c-lease-panel" id="c-lease-panel" aria-label="Who operates" hidden></section>
<div id="c-notices">
  <div class="c-watch" id="c-watch" role="status" hidden></div>
  <div class="c-banner c-recovery" id="c-recovery" role="alert" data-tone="bad" hidden></div>
  <div class="c-banner" id="c-banner" role="alert" hidden></div>
</div>
<div class="c-toasts" id="c-toasts" role="log" aria-live="assertive" aria-label="Requests and remarks"></div>
"""


def build() -> None:
    """Add the bar and, below it, the notices: who operates while one only watches, and the banner for failures."""
    shell(MARKUP.replace("{tabs}", tabs()).replace("{light}", LIGHT), "c-top")
