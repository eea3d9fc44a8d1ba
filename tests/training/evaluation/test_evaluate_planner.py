"""The planner on language that it has not seen: counted, with intervals, under the command that made it."""

from __future__ import annotations

import pytest

from clap.policies.checkpoint import open_checkpoint
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.text_format import parse_plan
from training.commands.evaluate_planner import REASON, Counted, main
from training.data.language_plans import SPLITS
from training.planner.evaluation import count_plans, evaluate_plans

REFUSES = "refuse : there is no such thing"


class Refusing:
    """Refuses whatever it is asked."""

    def plan(self, request):
        return parse_plan(REFUSES)


@pytest.mark.parametrize("split", SPLITS)
def test_a_planner_that_refuses_everything_is_right_about_nothing(split):
    assert count_plans(Refusing(), split, 6, seed=2) == (0, 6)


def test_a_row_has_counts_share_and_interval():
    assert Counted("plans", 17, 20).row() == "| plans | 17/20 = 85.0 % (64.0 to 94.8) |"


def test_the_command_writes_what_the_shipped_planner_answers(tmp_path, monkeypatch):
    out = tmp_path / "deep" / "planner.md"
    monkeypatch.setattr("sys.argv", ["evaluate_planner", "--plans", "4", "--seed", "7", "--out", str(out)])
    main()
    text, shipped = out.read_text("utf-8"), open_checkpoint(None)
    figures = evaluate_plans(CoarseTaskPlanner.load(shipped.planner), 4, seed=7)
    assert f"| {REASON} | {round(4 * figures['plans_impossible_reason'])}/4 =" in text
    assert f"refused | {round(4 * figures['plans_impossible_refused'])}/4 =" in text
    assert f"{shipped.name} {shipped.fingerprint()}" in text
    assert "`python -m training.evaluate_planner --plans 4 --seed 7`" in text


def test_a_checkpoint_that_is_not_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["evaluate_planner", "--checkpoint", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match="no checkpoint"):
        main()
