"""Steps as the operator writes them: read, completed, or refused by name."""

from __future__ import annotations

import pytest

from clap.errors import InvalidInstructionError
from clap.policies.planner.step_text import read_step, read_steps
from clap.policies.planner.text_format import MAX_STEP_WORDS, MAX_STEPS

WORDS = frozenset(["the", "robot", "moves", "above", "grasps", "red", "block", "cup"])


@pytest.mark.parametrize(
    "written",
    [
        "the robot moves above the red block",
        "Moves above the red block.",
        "  robot moves above the  RED block!",
        "the robot moves above the red blocks",
    ],
)
def test_a_step_is_read_however_it_is_written(written):
    assert read_step(written, WORDS) == "the robot moves above the red block"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "is empty"),
        ("the robot", "is empty"),
        ("the robot " + "moves " * (MAX_STEP_WORDS + 1), "1 to 16"),
        ("moves 3 blocks", "“3”.*without numbers"),
        ("grasp the red block", r'"grasp" \(did you mean grasps'),
        ("moves above the tea pot", '"tea".*"pot"'),
    ],
)
def test_what_cannot_be_read_is_said(written, said):
    with pytest.raises(InvalidInstructionError, match=said):
        read_step(written, WORDS)


def test_a_planner_that_spells_reads_any_word():
    assert read_step("polishes the tea pot", ()) == "the robot polishes the tea pot"


def test_the_step_that_is_wrong_is_named_and_a_plan_has_limits():
    with pytest.raises(InvalidInstructionError, match="Step 2 is empty"):
        read_steps(["moves above the cup", ""], WORDS)
    for count in (0, MAX_STEPS + 1):
        with pytest.raises(InvalidInstructionError, match=f"1 to {MAX_STEPS} steps"):
            read_steps(["moves"] * count, WORDS)
