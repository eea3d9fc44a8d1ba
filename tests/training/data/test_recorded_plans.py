"""What a demonstration's plan is learned with: other things may stand on the table, but a drawer stays as it was."""

from __future__ import annotations

from clap.worlds.tabletop.phrasing import OPEN_DRAWER_STEPS, pick_and_place_steps
from training.retraining.recorded_plans import _among_others

STACK = (pick_and_place_steps("red block", "green block"),)


def test_other_things_stand_among_those_of_the_plan() -> None:
    report = _among_others(STACK, ("red block", "green block"), ("blue cup", "triangle", "open drawer"))
    assert report == ("red block", "green block", "blue cup", "triangle", "open drawer")


def test_a_drawer_that_the_plan_speaks_of_stays_as_it_was_seen() -> None:
    closed = (OPEN_DRAWER_STEPS, pick_and_place_steps("red block", "drawer"))
    report = _among_others(closed, ("red block", "closed drawer"), ("blue cup", "open drawer"))
    assert report == ("red block", "blue cup", "closed drawer")
