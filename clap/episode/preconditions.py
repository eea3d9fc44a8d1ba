"""What an episode accepts now, and why not what it refuses: the one table that verbs, pages and tests go by.

Stop is always possible, and jogs are answered one by one: neither is in the table.
"""

from __future__ import annotations

from collections.abc import Callable

from clap.episode.snapshot import EpisodeSnapshot, EpisodeState, InstructionProgress
from clap.rollout.safety import Decision
from clap.worlds.capabilities import Ability

Preconditions = dict[str, "str | None"]
"""By verb: why not now, as a sentence for the operator; None if it is accepted."""

Objection = Callable[[EpisodeSnapshot], "str | None"]

_WAITING = (EpisodeState.AWAITING, EpisodeState.PAUSED)


def preconditions(snapshot: EpisodeSnapshot) -> Preconditions:
    """Why each verb is not possible now; None for what is accepted.

    "drive" begins to drive by hand, "drive-end" ends it; "plan-with" is ``Episode.plan_with``.
    """
    return {verb: objection(verb, snapshot) for verb in VERBS}


def objection(verb: str, snapshot: EpisodeSnapshot) -> str | None:
    """The table's entry of one verb. Raises KeyError for what is no verb."""
    if snapshot.closed:
        return "The episode is closed."
    checks = _AT_ANY_TIME[verb] if verb in _AT_ANY_TIME else (_busy, _no_world, *_AT_REST[verb])
    return next((sentence for check in checks if (sentence := check(snapshot)) is not None), None)


def waits(snapshot: EpisodeSnapshot) -> bool:
    """True while a prediction waits for the operator."""
    return snapshot.state in _WAITING and snapshot.prediction is not None


# Objections: each is a sentence for the operator, None if it is not made


def _busy(snapshot: EpisodeSnapshot) -> str | None:
    if snapshot.state.busy:
        return f"The episode is {snapshot.state.value}. Wait until that is done, or press stop."
    return None


def _no_world(snapshot: EpisodeSnapshot) -> str | None:
    if snapshot.has_world:
        return None
    return f"There is no world to act in. {snapshot.failure.sentence if snapshot.failure else ''}".strip()


def _cannot_move(snapshot: EpisodeSnapshot) -> str | None:
    if Ability.MOVE not in snapshot.abilities:
        return "There is no arm here: this world can only be looked at."
    if snapshot.arm_fault is not None:
        return f"{snapshot.arm_fault.sentence} {snapshot.arm_fault.next_move}"
    return None


def _cannot_set_up(snapshot: EpisodeSnapshot) -> str | None:
    if Ability.RESET in snapshot.abilities:
        return None
    return "This table is set by hand. Put things on it, and say what to do."


def _no_policy(snapshot: EpisodeSnapshot) -> str | None:
    return None if snapshot.policy_loaded else "No policy is loaded. Choose another one."


def _no_scene(snapshot: EpisodeSnapshot) -> str | None:
    if Ability.RESET in snapshot.abilities and not snapshot.task:
        return "There is no scene yet. Choose a task and reset first."
    return None


def _no_plan(snapshot: EpisodeSnapshot) -> str | None:
    if snapshot.progress is InstructionProgress.NONE:
        return "There is no plan yet. Give an instruction first."
    if snapshot.progress is InstructionProgress.COMPLETE:
        return "The instruction is finished. Give another one, or reset."
    return None


def _nothing_to_run(snapshot: EpisodeSnapshot) -> str | None:
    """A fresh scene comes with an instruction of its own, which a run begins with."""
    fresh = snapshot.progress is InstructionProgress.NONE and snapshot.instruction
    return None if fresh else _no_plan(snapshot)


def _predicted(snapshot: EpisodeSnapshot) -> str | None:
    """What waits may hold the operator's corrections: only Redo throws it away."""
    return "A step is predicted already: approve it, or press Redo." if waits(snapshot) else None


def _not_predicted(snapshot: EpisodeSnapshot) -> str | None:
    return None if waits(snapshot) else "No step is predicted: press Predict first."


def _nothing_to_approve(snapshot: EpisodeSnapshot) -> str | None:
    if snapshot.correction is not None:
        return None
    if not waits(snapshot) or snapshot.verdict is None:
        return "There is no prediction to approve. Predict first."
    if snapshot.verdict.decision is Decision.REFUSE:
        return f"This prediction cannot be approved. {snapshot.verdict.sentence} Predict again, or skip the step."
    return None


def _nothing_to_skip(snapshot: EpisodeSnapshot) -> str | None:
    to_come = any(step.status in ("current", "todo") for step in snapshot.plan)
    return None if to_come or snapshot.prediction is not None else "There is no step to skip. Plan first."


def _no_keypoint(snapshot: EpisodeSnapshot) -> str | None:
    if not waits(snapshot):
        return "There is no prediction whose keypoint could be moved. Predict first."
    if not snapshot.has_fine_action:
        name = snapshot.policy
        return f"The policy “{name}” has no fine stage that could look around another keypoint. Set the target."
    return None


def _not_corrected(snapshot: EpisodeSnapshot) -> str | None:
    if waits(snapshot) and snapshot.own is not None:
        return None
    return "There is no correction of the prediction to take back."


def _no_preview(snapshot: EpisodeSnapshot) -> str | None:
    return None if Ability.PREVIEW in snapshot.abilities else "This world cannot preview a motion."


def _nothing_to_undo(snapshot: EpisodeSnapshot) -> str | None:
    return None if snapshot.undo else "There is no step to undo."


def _nothing_to_recover(snapshot: EpisodeSnapshot) -> str | None:
    return None if snapshot.arm_fault is not None else "Nothing holds the arm."


def _nothing_to_pause(snapshot: EpisodeSnapshot) -> str | None:
    """A run that waits for approval can be paused too: it then ends there."""
    state = snapshot.state
    running = snapshot.running and (state.busy or state is EpisodeState.AWAITING)
    return None if running or state is EpisodeState.MOVING else "Nothing is under way that could be paused."


def _not_driving(snapshot: EpisodeSnapshot) -> str | None:
    return None if snapshot.state is EpisodeState.DRIVING else "The arm is not being driven."


# The table: what may object to each verb, in this order

_ACT = (_no_policy, _no_scene, _no_plan)

_AT_REST: dict[str, tuple[Objection, ...]] = {
    "reset": (_cannot_set_up,),
    "policy": (),
    "plan": (_no_policy, _no_scene),
    "plan-with": (_no_scene,),
    "predict": (*_ACT, _predicted),
    "redo": (*_ACT, _not_predicted),
    "approve": (_cannot_move, _nothing_to_approve),
    "run": (_cannot_move, _no_policy, _no_scene, _nothing_to_run),
    "skip": (*_ACT, _nothing_to_skip),
    "edit-plan": _ACT,
    "replan": _ACT,
    "keypoint": (_no_keypoint, *_ACT),
    "target": _ACT,
    "revert": (_not_corrected, *_ACT),
    "preview": (_no_preview, _not_predicted),
    "undo": (_nothing_to_undo,),
    "home": (_cannot_move, _no_scene),
    "drive": (_cannot_move, _no_scene),
    "recover": (_nothing_to_recover,),
}

_AT_ANY_TIME: dict[str, tuple[Objection, ...]] = {
    "pause": (_nothing_to_pause,),
    "drive-end": (_not_driving,),
    "speed": (),
    "approve-each": (),
}

VERBS = (*_AT_REST, *_AT_ANY_TIME)
