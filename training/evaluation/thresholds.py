"""From where on a decision counts as wrong."""

from __future__ import annotations

CLOSE_PX = 8.0
"""A pixel counts as right when it is this close in all three views (3.6 cm; see training.planner.evaluation)."""

OFF_MM, OFF_DEGREES = 20.0, 20.0
"""An action counts as off from here on: beyond it the fingers, 8 cm apart, miss a 4.4 cm block or push it away."""
