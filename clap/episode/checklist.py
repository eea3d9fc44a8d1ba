"""The plan as a checklist: which steps of which sub-task are done, skipped, current or still to do, and whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clap.episode.snapshot import PlanStep
from clap.policies.prediction import Plan, PlanStatus
from clap.rollout.operator_plan import BY_HUMAN, BY_POLICY


@dataclass(frozen=True)
class _Line:
    """A step, who wrote it, and its mark: "done", "skipped", or "" while it is to come."""

    text: str
    by: str = BY_POLICY
    mark: str = ""


@dataclass(frozen=True)
class _Part:
    """A sub-task: its lines, and the policy's plan that they come from (empty for the operator's)."""

    lines: tuple[_Line, ...]
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checklist:
    """Collects the sub-tasks' plans as round one gives them, and the marks on their steps; never changed in place.

    Round one only ever shows the current sub-task (paper, section 4.1); the operator sees the earlier ones too.
    """

    parts: tuple[_Part, ...] = ()

    def show(self, plan: Plan) -> Checklist:
        """Take a plan of the policy in: a new sub-task if its steps differ from the current ones.

        After ``cut`` it goes on with the current sub-task if what is done there belongs to the plan.
        """
        if plan.status is not PlanStatus.STEPS or plan.by == BY_HUMAN:
            return self
        if self.parts and plan.steps == self.parts[-1].asked:
            return self
        lines = tuple(map(_Line, plan.steps))
        last = self.parts[-1] if self.parts else None
        if last is None or last.asked or not {line.text for line in last.lines} <= set(plan.steps):
            return Checklist((*self.parts, _Part(lines, plan.steps)))
        marks = {line.text: line for line in last.lines}
        return self._with(_Part(tuple(marks.get(line.text, line) for line in lines), plan.steps))

    def edit(self, steps: Sequence[str]) -> Checklist:
        """The operator's steps in place of those of the current sub-task that are to come."""
        last = self.parts[-1] if self.parts else _Part(())
        before = {line.text: line for line in last.lines if not line.mark}
        lines = tuple(before.get(step, _Line(step, BY_HUMAN)) for step in steps)
        return self._with(_Part((*_behind(last), *lines)))

    def cut(self) -> Checklist:
        """Without the steps that are to come."""
        return self._with(_Part(_behind(self.parts[-1]))) if self.parts else self

    def mark(self, step: str, status: str) -> Checklist:
        """Mark a step of the current sub-task "done" or "skipped"; earlier unmarked steps were passed over.

        Of several lines with the same text, the first that is to come is meant.
        """
        if not self.parts:
            return self
        last = self.parts[-1]
        index = self._find(last, step)
        if index is None:
            return self
        passed = tuple(line if line.mark else replace(line, mark="skipped") for line in last.lines[:index])
        lines = (*passed, replace(last.lines[index], mark=status), *last.lines[index + 1 :])
        return self._with(replace(last, lines=lines))

    def set_back(self) -> Checklist:
        """Forget the marks of the current sub-task: it begins again."""
        if not self.parts:
            return self
        return self._with(replace(self.parts[-1], lines=tuple(replace(line, mark="") for line in self.parts[-1].lines)))

    def done(self) -> tuple[str, ...]:
        """The steps of the current sub-task that lie behind."""
        return tuple(line.text for line in _behind(self.parts[-1])) if self.parts else ()

    def current(self) -> str | None:
        """The first step of the current sub-task that is to come."""
        return next((line.text for line in self.parts[-1].lines if not line.mark), None) if self.parts else None

    def lines(self, predicted: str | None = None, complete: bool = False) -> tuple[PlanStep, ...]:
        """All steps so far. The current one is the ``predicted`` one, else the first that has no mark."""
        out = []
        for subtask, part in enumerate(self.parts):
            present = subtask == len(self.parts) - 1 and not complete
            current = self._current(part, predicted) if present else None
            for index, line in enumerate(part.lines):
                status = "current" if index == current else line.mark or ("todo" if present else "skipped")
                out.append(PlanStep(line.text, status, subtask, line.by))
        return tuple(out)

    def _with(self, part: _Part) -> Checklist:
        """With another last part; one without lines goes."""
        return Checklist((*self.parts[:-1], *((part,) if part.lines else ())))

    def _current(self, part: _Part, predicted: str | None) -> int | None:
        found = None if predicted is None else self._find(part, predicted)
        if found is not None:
            return found
        return next((index for index, line in enumerate(part.lines) if not line.mark), None)

    @staticmethod
    def _find(part: _Part, step: str) -> int | None:
        places = [index for index, line in enumerate(part.lines) if line.text == step]
        return next((index for index in places if not part.lines[index].mark), places[0] if places else None)


def _behind(part: _Part) -> tuple[_Line, ...]:
    return tuple(line for line in part.lines if line.mark)
