"""What a recorded demonstration shows: which step was carried out from where, and how it ended.

A step is a run of frames with one step text. It ends at the last keyframe among them, whose reached pose and opening
of the gripper are the action; a step without a keyframe is left out, so that taking a keyframe away in the review
takes the step away. Where a step was carried out again, the earlier attempts are left out: what had to be repeated
was not right. The memory is the step before it in the plan, not the one before it in time.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.errors import ClapError
from clap.geometry.frames import Pose
from clap.geometry.observation import OPEN_FROM
from clap.policies.base import INITIAL_STEP
from clap.policies.planner.text_format import MAX_STEPS, STEP_GRAMMAR, normalise
from clap.worlds.base import Action
from demos.frames import Outcome
from demos.store.episode import RecordedEpisode
from training.data.step_kinds import ends_in_contact

WINDOW, MOMENT_S = 5, 0.1
"""m of the paper's section 5.1: so many moments after a keyframe are learned from, and seconds between two."""


class SkippedEpisodeError(ClapError):
    """A demonstration cannot be learned from; the sentence says why."""

    name = "demonstration left out"
    default_next_move = "Correct it in the review, or choose other episodes."


@dataclass(frozen=True)
class RecordedStep:
    """One step of an episode.

    ``plan``: the steps of its sub-task; ``index`` the step's place in it; ``last_step`` the memory; ``seen_at`` the
    frames from which it may be asked for, the first at the keyframe before it; ``action`` what was reached at its own
    keyframe ``ends_at``; ``contact`` True if it takes something, lets go, or pulls.
    """

    subtask: int
    plan: tuple[str, ...]
    index: int
    last_step: str
    seen_at: tuple[int, ...]
    ends_at: int
    action: Action
    contact: bool

    @property
    def step(self) -> str:
        """The step's text."""
        return self.plan[self.index]


@dataclass(frozen=True)
class _Run:
    """Frames ``first`` to ``last`` with one step text and one sub-task text."""

    first: int
    last: int
    step: str
    subtask: str


def recorded_steps(episode: RecordedEpisode) -> list[RecordedStep]:
    """The steps of an episode, in their order. Raises LeftOutError with the reason why it cannot be learned from."""
    if episode.record.labels.outcome is not Outcome.SUCCESS:
        raise SkippedEpisodeError("it did not end in success; only demonstrations that did are learned from")
    runs = [run for run in _runs(episode) if run.step]
    if not runs:
        raise SkippedEpisodeError("its frames carry no step text; write the steps in the review")
    plans = _plans(runs)
    _check_texts(plans)
    found: list[RecordedStep] = []
    for number, (run, (subtask, plan)) in enumerate(zip(runs, plans, strict=True)):
        repeated = any(later.step == run.step and plans[k][0] == subtask for k, later in enumerate(runs) if k > number)
        keyframes = [int(number) for number in episode.keyframes if run.first <= number <= run.last]
        if repeated or not keyframes:
            continue
        keyframe = keyframes[-1]
        index = plan.index(run.step)
        last_step = plan[index - 1] if index else next((p[-1] for s, p in reversed(plans) if s == subtask - 1), "")
        found.append(
            RecordedStep(
                subtask, plan, index, last_step or INITIAL_STEP, _seen_at(episode, run), keyframe,
                _action(episode, keyframe), _touches(episode, run, keyframe),
            )
        )  # fmt: skip
    if not found:
        raise SkippedEpisodeError("none of its steps ends with a keyframe; mark the keyframes in the review")
    return found


def subtask_plans(steps: Sequence[RecordedStep]) -> tuple[tuple[str, ...], ...]:
    """The plans of the sub-tasks that the steps belong to, in their order."""
    return tuple({step.subtask: step.plan for step in steps}.values())


def _runs(episode: RecordedEpisode) -> list[_Run]:
    texts = [(normalise(step), subtask) for step, subtask in zip(episode.steps, episode.subtasks, strict=True)]
    runs, first = [], 0
    for (step, subtask), frames in itertools.groupby(texts):
        length = len(list(frames))
        runs.append(_Run(first, first + length - 1, step, subtask))
        first += length
    return runs


def _plans(runs: Sequence[_Run]) -> list[tuple[int, tuple[str, ...]]]:
    """For each run the number of its sub-task and that sub-task's plan.

    The plan is the recorded text of the sub-task if it names the step, else (a step text written in the review) the
    step texts of the frames with that sub-task text, in their order. A plan that the operator changed on the way is
    one sub-task: it names what has been done already.
    """
    numbers: list[int] = []
    plans: dict[int, tuple[str, ...]] = {}
    done: set[str] = set()
    for subtask, members in itertools.groupby(runs, key=lambda run: run.subtask):
        steps = [run.step for run in members]
        plan = tuple(filter(None, map(normalise, subtask.split(";"))))
        if not set(steps) <= set(plan):
            plan = tuple(dict.fromkeys(steps))
        goes_on = bool(plans) and done <= set(plan)
        number = len(plans) - 1 if goes_on else len(plans)
        done = done | set(steps) if goes_on else set(steps)
        plans[number] = plan
        numbers += [number] * len(steps)
    return [(number, plans[number]) for number in numbers]


def _check_texts(plans: Sequence[tuple[int, tuple[str, ...]]]) -> None:
    """Raises LeftOutError for a text that the planner's answers cannot hold."""
    for _, plan in plans:
        if len(plan) > MAX_STEPS:
            raise SkippedEpisodeError(f"a part of its plan has {len(plan)} steps; at most {MAX_STEPS} are possible")
        for step in plan:
            if not re.fullmatch(STEP_GRAMMAR, step):
                raise SkippedEpisodeError(f'the step “{step[:80]}” does not read like "the robot grasps the red block"')


def _seen_at(episode: RecordedEpisode, run: _Run) -> tuple[int, ...]:
    """The frame at the keyframe before (the first of all where there is none), and the first moments after it."""
    pace = max(1, round(MOMENT_S * episode.fps))
    start = max(0, run.first - 1)
    moments = range(start + pace, min(start + pace * WINDOW, run.last) + 1, pace)
    # Once more than half of the way is done, what is seen is the next keyframe rather than this one.
    middle = (run.first + run.last) / 2
    return (start, *(moment for moment in moments if moment < middle))


def _action(episode: RecordedEpisode, keyframe: int) -> Action:
    state: NDArray[np.floating] = episode.state[keyframe]
    return Action(Pose(state[:3], state[3:7] / np.linalg.norm(state[3:7])), bool(state[7] > OPEN_FROM))


def _touches(episode: RecordedEpisode, run: _Run, keyframe: int) -> bool:
    before, after = episode.state[max(0, run.first - 1), 7] > OPEN_FROM, episode.state[keyframe, 7] > OPEN_FROM
    return bool(before != after) or ends_in_contact(run.step)
