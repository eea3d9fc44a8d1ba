"""The plan of an instruction as far as it is known: sub-tasks, their steps, which of them are done, and whose they are.

The one place that holds the plan: what the policy is given, what the operator sees and which step comes next are read
from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clap.policies.base import INITIAL_STEP
from clap.policies.prediction import Plan, PlanStatus

BY_POLICY, BY_HUMAN = "policy", "human"

DONE, SKIPPED = "done", "skipped"
"""Marks of steps that lie behind."""


@dataclass(frozen=True)
class PlanStep:
    """A line of the checklist. ``status`` is "done", "current", "todo" or "skipped"; sub-tasks count from 0.

    ``by``: "policy", or "human" for a step that the operator wrote.
    """

    text: str
    status: str
    subtask: int = 0
    by: str = BY_POLICY


@dataclass(frozen=True)
class _Line:
    """A step, who wrote it, and its mark: DONE, SKIPPED, or "" while it is to come."""

    text: str
    by: str = BY_POLICY
    mark: str = ""


@dataclass(frozen=True)
class _Subtask:
    """A sub-task: its lines, the last step ``before`` it, and the policy's answer that the lines come from.

    ``answer`` is None where the operator wrote the steps. ``cut``: the lines to come were dropped, the answer is asked
    for anew.
    """

    lines: tuple[_Line, ...]
    before: str
    answer: Plan | None = None
    cut: bool = False

    @property
    def behind(self) -> tuple[_Line, ...]:
        return tuple(line for line in self.lines if line.mark)

    @property
    def next_index(self) -> int | None:
        return next((index for index, line in enumerate(self.lines) if not line.mark), None)

    @property
    def plan(self) -> Plan:
        """The sub-task as a plan, as the policy is given it."""
        if self.answer is not None:
            return self.answer
        steps = tuple(line.text for line in self.lines)
        return Plan(PlanStatus.STEPS, steps, raw=" ; ".join(steps), by=BY_HUMAN)

    def find(self, step: str) -> int | None:
        """The line of a step; of several with the same text, the first that is to come."""
        places = [index for index, line in enumerate(self.lines) if line.text == step]
        return next((index for index in places if not self.lines[index].mark), places[0] if places else None)


@dataclass(frozen=True)
class TaskPlan:
    """Sub-tasks as round one gives them or the operator writes them; never changed in place.

    Round one only ever shows the current sub-task (paper, section 4.1); the operator sees the earlier ones too.
    ``due``: round one has to be asked (again). ``complete``: it answered that nothing is left to do.
    """

    subtasks: tuple[_Subtask, ...] = ()
    due: bool = True
    complete: Plan | None = None

    # What follows from it

    @property
    def current(self) -> Plan | None:
        """The plan that is followed now; None while round one has to be asked."""
        if self.due:
            return None
        return self.complete or self.subtasks[-1].plan

    @property
    def before(self) -> str:
        """The last step before the current sub-task."""
        return self.subtasks[-1].before if self.subtasks else INITIAL_STEP

    @property
    def next_step(self) -> str | None:
        """The first step of the current sub-task that is to come."""
        index = self.subtasks[-1].next_index if self.subtasks else None
        return None if index is None else self.subtasks[-1].lines[index].text

    @property
    def operator_step(self) -> str | None:
        """The next step as the operator wants it; None while the policy's own plan is followed, or is to be asked."""
        return self.next_step if self.subtasks and self.subtasks[-1].answer is None else None

    def lines(self, predicted: str | None = None) -> tuple[PlanStep, ...]:
        """All steps so far. The current one is the ``predicted`` one, else the first that has no mark."""
        out = []
        for number, subtask in enumerate(self.subtasks):
            present = number == len(self.subtasks) - 1 and self.complete is None
            found = None if predicted is None else subtask.find(predicted)
            current = (subtask.next_index if found is None else found) if present else None
            for index, line in enumerate(subtask.lines):
                status = "current" if index == current else line.mark or ("todo" if present else SKIPPED)
                out.append(PlanStep(line.text, status, number, line.by))
        return tuple(out)

    # What becomes of it

    def answered(self, plan: Plan, last_step: str) -> TaskPlan:
        """Round one answered: a new sub-task, unless the steps are those of the current one.

        What the operator wrote or cut is gone on with, if what is done there belongs to the plan.
        """
        if plan.status is PlanStatus.COMPLETE:
            return replace(self, due=False, complete=plan)
        last = self.subtasks[-1] if self.subtasks else None
        same = last is not None and last.answer is not None and last.answer.steps == plan.steps
        if last is not None and same and not last.cut:
            return self._with(replace(last, answer=plan))
        lines = tuple(map(_Line, plan.steps))
        open_end = last is not None and (last.cut or last.answer is None)
        if last is None or not open_end or not {line.text for line in last.lines} <= set(plan.steps):
            return TaskPlan((*self.subtasks, _Subtask(lines, last_step, plan)), due=False)
        marks = {line.text: line for line in last.lines}
        before = last.before if same else last_step
        return self._with(_Subtask(tuple(marks.get(line.text, line) for line in lines), before, plan))

    def follow_operator(self) -> TaskPlan:
        """Go on with the operator's steps without asking round one."""
        return replace(self, due=False)

    def edit(self, steps: Sequence[str], last_step: str) -> TaskPlan:
        """The operator's steps in place of those of the current sub-task that are to come."""
        last = self.subtasks[-1] if self.subtasks else _Subtask((), last_step)
        unmarked = {line.text: line for line in last.lines if not line.mark}
        lines = tuple(unmarked.get(step, _Line(step, BY_HUMAN)) for step in steps)
        return self._with(_Subtask((*last.behind, *lines), last.before))

    def cut(self) -> TaskPlan:
        """Without the steps that are to come: round one has to be asked from here."""
        if not self.subtasks:
            return replace(self, due=True)
        last = self.subtasks[-1]
        return self._with(replace(last, lines=last.behind, cut=True), due=True)

    def mark(self, step: str, mark: str) -> TaskPlan:
        """A step of the current sub-task is DONE or SKIPPED; earlier unmarked steps were passed over.

        A step that is not in the operator's plan stands for the one that was wanted.
        """
        last = self.subtasks[-1] if self.subtasks else None
        index = None if last is None else last.find(step)
        if last is not None and index is None and last.answer is None:
            index = last.next_index
        if last is None or index is None:
            return replace(self, due=True)
        passed = tuple(line if line.mark else replace(line, mark=SKIPPED) for line in last.lines[:index])
        lines = (*passed, replace(last.lines[index], mark=mark), *last.lines[index + 1 :])
        return self._with(replace(last, lines=lines), due=True)

    def set_back(self) -> TaskPlan:
        """Forget the marks of the current sub-task: it begins again."""
        if not self.subtasks:
            return replace(self, due=True)
        last = self.subtasks[-1]
        return self._with(replace(last, lines=tuple(replace(line, mark="") for line in last.lines)), due=True)

    def _with(self, subtask: _Subtask, due: bool = False) -> TaskPlan:
        """With another last sub-task."""
        return TaskPlan((*self.subtasks[:-1], subtask), due)
