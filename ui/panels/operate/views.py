"""The three canonical views with what the policy found in them."""

from __future__ import annotations

from ui.panels.operate.common import shell


def build() -> None:
    """Add the row of views; static/scene/views.js fills it from the table of view axes."""
    shell('<section class="c-views" aria-label="Three views"></section>', "c-views")
