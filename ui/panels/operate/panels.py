"""The panels beside Operate: each fills the page below the top bar, and static/common/panels.js shows one at a time."""

from __future__ import annotations

from ui.panels.operate.common import shell

PANELS = {
    "operate": "Operate",
    "demonstrations": "Demonstrations",
    "evaluation": "Evaluation",
    "training": "Training",
    "calibration": "Calibration",
}
ONLY_SOME_WORLDS = ("calibration",)
"""Panels that the page offers once its world says that it can do what they are for."""

PANEL = """
<section class="c-panel" id="c-{name}" role="tabpanel" aria-labelledby="c-tab-{name}" tabindex="0" hidden>
  <div class="c-panel-inner" id="c-{name}-body" aria-busy="true"><p class="c-dim" role="status">Loading …</p></div>
</section>
"""


def tabs() -> str:
    """The markup of the tabs in the top bar. Operate's panel is the page's main row itself."""
    buttons = (
        f'<button type="button" role="tab" id="c-tab-{name}" data-panel="{name}" aria-selected="false" '
        f'aria-controls="{"c-main" if name == "operate" else f"c-{name}"}" tabindex="-1"'
        f"{' hidden' * (name in ONLY_SOME_WORLDS)}>{title}</button>"
        for name, title in PANELS.items()
    )
    return f'<div class="c-panel-tabs" id="c-panels" role="tablist" aria-label="Panels">{"".join(buttons)}</div>'


def build() -> None:
    """Add the panels, empty; their own scripts fill them when they are opened."""
    shell("".join(PANEL.format(name=name) for name in PANELS if name != "operate"), "c-panel-shells")
