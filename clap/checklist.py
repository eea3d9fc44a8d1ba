"""The plan as a checklist: which steps of which sub-task are done, skipped, current or still to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from clap.episode_state import PlanStep
from clap.prediction import Plan, PlanStatus


@dataclass
class Checklist:
    """Collects the sub-tasks' plans as round one gives them, and the marks on their steps.

    Round one only ever shows the current sub-task (paper, section 4.1); the operator sees the earlier ones too.
    """

    _plans: list[tuple[str, ...]] = field(default_factory=list)
    _marks: list[dict[int, str]] = field(default_factory=list)

    def show(self, plan: Plan) -> None:
        """Take a plan in: a new sub-task if its steps differ from the current ones."""
        if plan.status is PlanStatus.STEPS and (not self._plans or plan.steps != self._plans[-1]):
            self._plans.append(plan.steps)
            self._marks.append({})

    def mark(self, step: str, status: str) -> None:
        """Mark a step of the current sub-task "done" or "skipped"; earlier unmarked steps were passed over."""
        if not self._plans or step not in self._plans[-1]:
            return
        index = self._plans[-1].index(step)
        marks = self._marks[-1]
        for earlier in range(index):
            marks.setdefault(earlier, "skipped")
        marks[index] = status

    def set_back(self) -> None:
        """Forget the marks of the current sub-task: it begins again."""
        if self._marks:
            self._marks[-1].clear()

    def lines(self, predicted: str | None = None, complete: bool = False) -> tuple[PlanStep, ...]:
        """All steps so far. The current one is the ``predicted`` one, else the first that has no mark."""
        out = []
        for subtask, (steps, marks) in enumerate(zip(self._plans, self._marks, strict=True)):
            present = subtask == len(self._plans) - 1 and not complete
            current = self._current(steps, marks, predicted) if present else None
            for index, text in enumerate(steps):
                status = "current" if index == current else marks.get(index, "todo" if present else "skipped")
                out.append(PlanStep(text, status, subtask))
        return tuple(out)

    @staticmethod
    def _current(steps: tuple[str, ...], marks: dict[int, str], predicted: str | None) -> int | None:
        if predicted in steps:
            return steps.index(predicted)
        return next((index for index in range(len(steps)) if index not in marks), None)
