"""Who stands beside a run: is asked before the arm moves, and told what happens. The base class is nobody."""

from __future__ import annotations

from collections.abc import Iterator

from clap.policies.base import OnText
from clap.policies.prediction import Plan
from clap.rollout.decided import Decided
from clap.rollout.self_correction import Correction
from clap.rollout.state import RolloutState
from clap.worlds.base import UNWATCHED, MotionContext, MotionReport


class Operator:
    """Asked and told by ``Rollout.advance``, in the order of the methods below; nobody lets everything happen.

    What a method raises ends the turn; a stop that was pressed does so.
    """

    @property
    def motion(self) -> MotionContext:
        """How motions are watched, halted and paced from now on."""
        return UNWATCHED

    # What is asked

    @property
    def absent(self) -> bool:
        """True while the arm may move without asking first, where no verdict is to ask: run after run, and recovery
        actions."""
        return True

    def approves(self, decided: Decided) -> bool:
        """A step was predicted. True: carry it out, unless its verdict is to refuse it; False: it waits."""
        return True

    def proposed(self, correction: Correction) -> None:
        """A failure has this recovery action, which waits for a yes, because somebody is there to be asked."""

    # What is told

    def writer(self, round_name: str) -> OnText | None:
        """Receives what the planner writes in this round ("look", "plan" or "reason")."""
        return None

    def planning(self) -> None:
        """Round one is about to be asked, and before it a look may be taken."""

    def looked(self, state: RolloutState) -> None:
        """Round zero answered."""

    def planned(self, plan: Plan, state: RolloutState) -> None:
        """There is a plan, or nothing left to do."""

    def predicting(self) -> None:
        """Round two is about to be asked."""

    def moving(self, decided: Decided) -> None:
        """What was approved has been judged again, with this verdict."""

    def executing(self, decided: Decided, state: RolloutState) -> None:
        """The arm is about to move; ``state`` is that before the step."""

    def moved(self, decided: Decided, report: MotionReport) -> None:
        """The motion of a step ended, in whatever way."""

    def step_done(self, step: str, source: str, state: RolloutState) -> None:
        """A step counts as done; ``source`` is that of its prediction, "" where a correction completed it."""

    def watch(self, reports: Iterator[MotionReport]) -> None:
        """Motions beside those of steps, made one by one as the reports are asked for."""
        for _ in reports:
            pass

    def correcting(self, correction: Correction) -> None:
        """A correction is about to be made."""

    def set_back(self, state: RolloutState) -> None:
        """The run is set back as the correction says; its motions follow."""
