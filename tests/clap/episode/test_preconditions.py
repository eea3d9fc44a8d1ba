"""The table of preconditions, written out situation by situation."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from clap.episode.preconditions import VERBS, preconditions
from clap.episode.snapshot import EpisodeSnapshot, EpisodeState, InstructionProgress
from clap.errors import Failure
from clap.policies.base import PlanRequest, PredictRequest
from clap.policies.prediction import Prediction
from clap.rollout.refusals import RefusedInstructionError
from clap.rollout.safety import Check, Decision, Verdict
from clap.rollout.self_correction import Correction, RecoveryAction
from clap.rollout.task_plan import PlanStep
from clap.worlds.capabilities import Ability
from tests.support.kinematic_world import STEPS, KinematicWorld, TouchPolicy

State = EpisodeState
EVERYTHING = frozenset(Ability)
REAL_ARM = frozenset({Ability.MOVE, Ability.CALIBRATE})
ONLY_CAMERAS = frozenset({Ability.CALIBRATE})
HELD = Failure("protective stop", "The arm was stopped.", "Press Resume.")
BROKEN = Failure("world error", "It broke.", "Mend it.")
NOT_UNDERSTOOD = Failure.of(RefusedInstructionError("nothing can be put there"))
CORRECTION = Correction("lost on the way", RecoveryAction.RETRY, "It was lost.")

HEADER = """
    reset policy plan plan-with predict redo approve run skip edit-plan replan keypoint target revert preview undo
    home drive recover pause drive-end speed approve-each
"""
COLUMNS = HEADER.split()

SENTENCES = {
    "closed": "The episode is closed.",
    "starts": "The episode is starting. Wait until that is done, or press stop.",
    "plans": "The episode is planning. Wait until that is done, or press stop.",
    "predicts": "The episode is predicting. Wait until that is done, or press stop.",
    "moves": "The episode is moving. Wait until that is done, or press stop.",
    "drives": "The episode is driving. Wait until that is done, or press stop.",
    "recovers": "The episode is recovering. Wait until that is done, or press stop.",
    "world": "There is no world to act in. It broke.",
    "arm": "There is no arm here: this world can only be looked at.",
    "held": "The arm was stopped. Press Resume.",
    "by-hand": "This table is set by hand. Put things on it, and say what to do.",
    "policy": "No policy is loaded. Choose another one.",
    "scene": "There is no scene yet. Choose a task and reset first.",
    "plan": "There is no plan yet. Give an instruction first.",
    "over": "The instruction is finished. Give another one, or reset.",
    "waits": "A step is predicted already: approve it, or press Redo.",
    "nothing": "No step is predicted: press Predict first.",
    "no-yes": "There is no prediction to approve. Predict first.",
    "refused": "This prediction cannot be approved. It is below the table. Predict again, or skip the step.",
    "no-step": "There is no step to skip. Plan first.",
    "no-point": "There is no prediction whose keypoint could be moved. Predict first.",
    "no-fine": "The policy “touch” has no fine stage that could look around another keypoint. Set the target.",
    "as-is": "There is no correction of the prediction to take back.",
    "unseen": "This world cannot preview a motion.",
    "no-undo": "There is no step to undo.",
    "free": "Nothing holds the arm.",
    "rests": "Nothing is under way that could be paused.",
    "hands-off": "The arm is not being driven.",
}

# In each situation the objections in the order of the columns, "-" where the verb is accepted; "19*x" is x 19 times.
TABLE: dict[str, str] = {
    # nothing can be done, or nothing yet
    "closed": "23*closed",
    "starting": "19*starts rests hands-off - -",
    "no world": "19*world rests hands-off - -",
    "no policy": "- - policy - policy policy no-yes policy policy policy policy no-point policy as-is nothing no-undo "
    "- - free rests hands-off - -",
    "no scene": "- - scene scene scene scene no-yes scene scene scene scene no-point scene as-is nothing no-undo "
    "scene scene free rests hands-off - -",
    "fresh scene": "- - - - plan plan no-yes - plan plan plan no-point plan as-is nothing no-undo "
    "- - free rests hands-off - -",
    "stopped before an instruction": "- - - - plan plan no-yes - plan plan plan no-point plan as-is nothing no-undo "
    "- - free rests hands-off - -",
    "a table set by hand": "by-hand - - - plan plan no-yes plan plan plan plan no-point plan as-is unseen no-undo "
    "- - free rests hands-off - -",
    "only cameras": "by-hand - - - plan plan arm arm plan plan plan no-point plan as-is unseen no-undo "
    "arm arm free rests hands-off - -",
    # busy
    "planning": "19*plans rests hands-off - -",
    "planning in a run": "19*plans - hands-off - -",
    "predicting": "19*predicts rests hands-off - -",
    "predicting in a run": "19*predicts - hands-off - -",
    "moving": "19*moves - hands-off - -",
    "moving in a run": "19*moves - hands-off - -",
    "driving": "19*drives rests - - -",
    "recovering": "19*recovers rests hands-off - -",
    # a plan, and no prediction that waits
    "planned": "- - - - - nothing no-yes - - - - no-point - as-is nothing no-undo - - free rests hands-off - -",
    "a step done": "- - - - - nothing no-yes - - - - no-point - as-is nothing - - - free rests hands-off - -",
    "paused between steps": "- - - - - nothing no-yes - - - - no-point - as-is nothing - - - free rests hands-off - -",
    "stopped while planned": "- - - - - nothing no-yes - - - - no-point - as-is nothing no-undo "
    "- - free rests hands-off - -",
    "stopped with a prediction": "- - - - - nothing no-yes - - - - no-point - as-is nothing no-undo "
    "- - free rests hands-off - -",
    "a motion failed": "- - - - - nothing no-yes - - - - no-point - as-is nothing - - - free rests hands-off - -",
    "a correction is proposed": "- - - - - nothing - - - - - no-point - as-is nothing - - - free rests hands-off - -",
    "the plan failed": "- - - - - nothing no-yes - no-step - - no-point - as-is nothing no-undo "
    "- - free rests hands-off - -",
    "the instruction was refused": "- - - - - nothing no-yes - no-step - - no-point - as-is nothing no-undo "
    "- - free rests hands-off - -",
    "the next part has no plan": "- - - - - nothing no-yes - no-step - - no-point - as-is nothing - "
    "- - free rests hands-off - -",
    "held while planned": "- - - - - nothing held held - - - no-point - as-is nothing no-undo "
    "held held - rests hands-off - -",
    "a real arm, planned": "by-hand - - - - nothing no-yes - - - - no-point - as-is unseen no-undo "
    "- - free rests hands-off - -",
    "only cameras, planned": "by-hand - - - - nothing arm arm - - - no-point - as-is unseen no-undo "
    "arm arm free rests hands-off - -",
    # a prediction waits
    "predicted": "- - - - waits - - - - - - - - as-is - no-undo - - free rests hands-off - -",
    "predicted, to be asked about": "- - - - waits - - - - - - - - as-is - no-undo - - free rests hands-off - -",
    "predicted, refused": "- - - - waits - refused - - - - - - as-is - no-undo - - free rests hands-off - -",
    "predicted, corrected": "- - - - waits - - - - - - - - - - no-undo - - free rests hands-off - -",
    "predicted, no fine stage": "- - - - waits - - - - - - no-fine - as-is - no-undo - - free rests hands-off - -",
    "predicted in a run": "- - - - waits - - - - - - - - as-is - no-undo - - free - hands-off - -",
    "paused at a prediction": "- - - - waits - - - - - - - - as-is - no-undo - - free rests hands-off - -",
    "held while predicted": "- - - - waits - held held - - - - - as-is - no-undo held held - rests hands-off - -",
    "a real arm, predicted": "by-hand - - - waits - - - - - - - - as-is unseen no-undo - - free rests hands-off - -",
    "only cameras, predicted": "by-hand - - - waits - arm arm - - - - - as-is unseen no-undo "
    "arm arm free rests hands-off - -",
    # the end
    "done": "- - - - over over no-yes over over over over no-point over as-is nothing - - - free rests hands-off - -",
    "done and home again": "- - - - over over no-yes over over over over no-point over as-is nothing - "
    "- - free rests hands-off - -",
    "done on a real arm, and home again": "by-hand - - - over over no-yes over over over over no-point over as-is "
    "unseen no-undo - - free rests hands-off - -",
}


def expected(situation: str) -> dict[str, str | None]:
    """By verb: the sentence, or None."""
    cells: list[str] = []
    for cell in TABLE[situation].split():
        times, star, name = cell.partition("*")
        cells += [name] * int(times) if star else [cell]
    return {verb: SENTENCES.get(cell) for verb, cell in zip(COLUMNS, cells, strict=True)}


@cache
def prediction() -> Prediction:
    world = KinematicWorld()
    policy = TouchPolicy(world)
    return policy.predict(PredictRequest(world.observe(), policy.plan(PlanRequest("touch", "")), STEPS[0]))


def verdict(decision: Decision) -> Verdict:
    return Verdict(decision, (Check("pose", decision is not Decision.REFUSE, decision, "It is below the table."),))


NOW, OVER = InstructionProgress.UNDER_WAY, InstructionProgress.COMPLETE
PLAN = (PlanStep(STEPS[0], "current"), PlanStep(STEPS[1], "todo"))
BEHIND = (PlanStep(STEPS[0], "done"), PlanStep(STEPS[1], "done"))
ALLOW, ASK, REFUSE = Decision

Facts = dict[str, Any]
EMPTY: Facts = {"task": "", "instruction": ""}
BY_HAND: Facts = {"abilities": REAL_ARM, "task": ""}
LOOKING: Facts = {"abilities": ONLY_CAMERAS, "task": ""}
FAILED: Facts = {"state": State.FAILED, "failure": BROKEN}
PLANNED: Facts = {"state": State.PLANNED, "progress": NOW, "plan": PLAN}
PREDICTED: Facts = PLANNED | {"state": State.AWAITING, "prediction": ALLOW}
DONE: Facts = {"state": State.DONE, "progress": OVER, "plan": BEHIND, "success": True, "undo": 2}

SITUATIONS: dict[str, Facts] = {
    "closed": {"state": State.READY, "closed": True},
    "starting": EMPTY | {"state": State.STARTING, "has_world": False, "policy_loaded": False},
    "no world": EMPTY | FAILED | {"has_world": False, "policy_loaded": False},
    "no policy": FAILED | {"policy_loaded": False},
    "no scene": EMPTY | FAILED,
    "fresh scene": {"state": State.READY},
    "stopped before an instruction": {"state": State.STOPPED},
    "a table set by hand": EMPTY | BY_HAND | {"state": State.READY},
    "only cameras": EMPTY | LOOKING | {"state": State.READY},
    "planning": {"state": State.PLANNING, "progress": NOW},
    "planning in a run": {"state": State.PLANNING, "progress": NOW, "running": True},
    "predicting": PLANNED | {"state": State.PREDICTING},
    "predicting in a run": PLANNED | {"state": State.PREDICTING, "running": True},
    "moving": PREDICTED | {"state": State.MOVING},
    "moving in a run": PREDICTED | {"state": State.MOVING, "running": True},
    "driving": PLANNED | {"state": State.DRIVING},
    "recovering": PLANNED | {"state": State.RECOVERING, "arm_fault": HELD},
    "planned": PLANNED,
    "a step done": PLANNED | {"undo": 1},
    "paused between steps": PLANNED | {"state": State.PAUSED, "undo": 1},
    "stopped while planned": PLANNED | {"state": State.STOPPED},
    "stopped with a prediction": PREDICTED | {"state": State.STOPPED, "own": True},
    "a motion failed": PREDICTED | FAILED | {"undo": 1},
    "a correction is proposed": PREDICTED | FAILED | {"undo": 1, "correction": CORRECTION},
    "the plan failed": FAILED | {"progress": NOW},
    "the instruction was refused": {"state": State.FAILED, "progress": NOW, "failure": NOT_UNDERSTOOD},
    "the next part has no plan": FAILED | {"progress": NOW, "plan": BEHIND, "undo": 2},
    "held while planned": PLANNED | {"arm_fault": HELD},
    "a real arm, planned": PLANNED | BY_HAND,
    "only cameras, planned": PLANNED | LOOKING,
    "predicted": PREDICTED,
    "predicted, to be asked about": PREDICTED | {"prediction": ASK},
    "predicted, refused": PREDICTED | {"prediction": REFUSE},
    "predicted, corrected": PREDICTED | {"own": True},
    "predicted, no fine stage": PREDICTED | {"has_fine_action": False},
    "predicted in a run": PREDICTED | {"prediction": ASK, "running": True},
    "paused at a prediction": PREDICTED | {"state": State.PAUSED},
    "held while predicted": PREDICTED | {"arm_fault": HELD},
    "a real arm, predicted": PREDICTED | BY_HAND,
    "only cameras, predicted": PREDICTED | LOOKING,
    "done": DONE,
    "done and home again": DONE | {"state": State.READY},
    "done on a real arm, and home again": DONE | BY_HAND | {"state": State.READY, "success": None, "undo": 0},
}


def snapshot_of(situation: str) -> EpisodeSnapshot:
    facts: Facts = {
        "has_world": True,
        "abilities": EVERYTHING,
        "policy": "touch",
        "policy_loaded": True,
        "has_fine_action": True,
        "task": "touch",
        "instruction": "touch the block",
        **SITUATIONS[situation],
    }
    decision = facts.pop("prediction", None)
    if decision is not None:
        facts |= {"prediction": prediction(), "verdict": verdict(decision)}
    return EpisodeSnapshot(**{**facts, "own": prediction() if facts.pop("own", False) else None})


def test_the_table_is_of_all_states_and_all_verbs() -> None:
    assert SITUATIONS.keys() == TABLE.keys()
    assert {one["state"] for one in SITUATIONS.values()} == set(State)
    assert sorted(COLUMNS) == sorted(VERBS)
    cells = {cell for row in TABLE.values() for cell in row.replace("*", " ").split() if not cell.isdigit()}
    assert cells == SENTENCES.keys() | {"-"}


@pytest.mark.parametrize("situation", TABLE)
def test_what_is_accepted_and_why_not(situation: str) -> None:
    assert preconditions(snapshot_of(situation)) == expected(situation)
