"""What the robot sees: the three canonical views with what the policy found in them, and the live 3D scene."""

from __future__ import annotations

from ui.panels.operate.common import shell

MARKUP = """
<section class="c-scene" aria-label="Live 3D scene">
  <div class="c-scene-title"><b>Scene</b> <span id="c-cloud">waiting for the first picture …</span></div>
  <div class="c-scene-tools" id="c-scene-tools"></div>
  <ul class="c-legend">
    <li><i class="c-now"></i>gripper now</li>
    <li><i class="c-ghost"></i>proposed pose</li>
    <li><i class="c-key"></i>keypoint</li>
    <li><i class="c-amber"></i>found objects</li>
    <li><i class="c-yours"></i>yours</li>
  </ul>
  <p class="c-stale" id="c-stale" hidden></p>
</section>
"""


def build() -> None:
    """Add both: static/scene/views.js fills the views from the table of view axes, static/scene/scene.js draws the
    scene."""
    shell('<section class="c-views" aria-label="Three views"></section>', "c-views")
    shell(MARKUP, "c-scene")
