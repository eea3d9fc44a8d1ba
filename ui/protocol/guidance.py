"""What the operator can do in each state, and the sentence that says what to do now. Pure functions."""

from __future__ import annotations

from clap.episode.snapshot import EpisodeSnapshot, EpisodeState
from clap.rollout.refusals import RefusedInstructionError
from clap.rollout.safety import Decision
from clap.rollout.self_correction import WHAT_IT_DOES
from clap.worlds.capabilities import Ability

State = EpisodeState

MOTIONS = frozenset({"approve", "run", "home", "drive"})


def possible(snapshot: EpisodeSnapshot) -> frozenset[str]:
    """The verbs that the episode would accept now. Stop is always possible and not listed."""
    verbs = {"speed", "approve-each"}
    if snapshot.state is State.DRIVING:
        return frozenset(verbs | {"drive"})
    if snapshot.state is State.MOVING or (snapshot.running and snapshot.state.busy):
        return frozenset(verbs | {"pause"})
    if snapshot.state.busy:
        return frozenset(verbs)
    verbs |= {"policy"}
    if snapshot.trouble is not None:
        verbs |= {"recover"}
    if Ability.RESET in snapshot.abilities:
        verbs |= {"reset"}
        if not snapshot.task:
            return frozenset(verbs)
    verbs |= {"plan", "home", "drive"}
    if snapshot.undo:
        verbs.add("undo")
    if _under_way(snapshot):
        verbs |= {"run", "skip", "edit-plan", "replan", "target", "redo" if _pending(snapshot) else "predict"}
    elif _refused(snapshot):
        verbs.add("edit-plan")  # what the policy has no plan for, it can be shown
    if _pending(snapshot):
        verbs |= {"keypoint"} if snapshot.has_fine_stage else set()
        verbs |= {"revert"} if snapshot.own is not None else set()
        verbs |= {"rehearse"} if Ability.PREVIEW in snapshot.abilities else set()
    if snapshot.correction is not None or (_pending(snapshot) and _decision(snapshot) is not Decision.REFUSE):
        verbs.add("approve")
    if Ability.MOVE not in snapshot.abilities or snapshot.trouble is not None:
        verbs -= MOTIONS
    return frozenset(verbs)


def hint(snapshot: EpisodeSnapshot) -> str:
    """What happens now, or what the operator does next, in one sentence."""
    state = snapshot.state
    if state.busy and snapshot.running and state is not State.MOVING:
        return "Running all steps. Pause rests after the next one, Esc stops at once."
    if state.busy:
        return {
            State.STARTING: "Setting up …",
            State.PLANNING: "Planning …",
            State.PREDICTING: "Looking and predicting the next step …",
            State.MOVING: "The arm is moving. Esc stops it at once.",
            State.RECOVERING: "Clearing what held the arm. It does not move by that.",
            State.DRIVING: "You drive the arm. Let go of everything and it stands still; Esc stops it at once.",
        }[state]
    if snapshot.trouble is not None:
        return snapshot.trouble.next_move
    if state is State.FAILED and snapshot.correction is not None:
        return f"{WHAT_IT_DOES[snapshot.correction.remedy]} Press Approve for that, or do otherwise."
    if state is State.FAILED:
        failure = snapshot.failure
        return failure.next_move if failure else "Look at the log, then try again."
    sets_up = Ability.RESET in snapshot.abilities
    if sets_up and not snapshot.task:
        return "Choose a task and press Reset scene."
    if state is State.DONE:
        anew = "reset the scene" if sets_up else "set the table anew"
        if snapshot.success:
            return f"Done: the goal is reached. Give another instruction, or {anew}."
        if snapshot.success is None:
            return f"Done. Give another instruction, or {anew}."
        return f"Finished, but the goal is not reached. Try again, or {anew}."
    if _pending(snapshot):
        return _about_prediction(snapshot)
    if state is State.STOPPED and snapshot.failure is not None:
        return snapshot.failure.next_move
    if state is State.STOPPED:
        return "Stopped. " + (
            "Press Predict to go on, or Home."
            if _under_way(snapshot)
            else f"Press Home{' or Reset scene' if sets_up else ''}."
        )
    if _under_way(snapshot):
        return "Press Predict to see the next step, or Run all."
    return "Type an instruction and press Plan."


def _about_prediction(snapshot: EpisodeSnapshot) -> str:
    decision = _decision(snapshot)
    if decision is Decision.REFUSE:
        if _human(snapshot):
            return "Your correction is refused and will not be carried out: change it, or press Redo."
        return "This step is refused and will not be carried out: correct it, press Redo, or Skip."
    if decision is Decision.ASK:
        return "Something is unusual: read the note on the step, then approve it, or press Redo."
    if _human(snapshot):
        return "Check your correction in the scene, then press Approve & run step."
    return "Check the blue pose in the scene, then press Approve & run step."


def _decision(snapshot: EpisodeSnapshot) -> Decision | None:
    return None if snapshot.verdict is None else snapshot.verdict.decision


def _pending(snapshot: EpisodeSnapshot) -> bool:
    return snapshot.state in (State.AWAITING, State.PAUSED) and snapshot.prediction is not None


def _human(snapshot: EpisodeSnapshot) -> bool:
    return snapshot.prediction is not None and snapshot.prediction.source.startswith("human")


def _refused(snapshot: EpisodeSnapshot) -> bool:
    failure = snapshot.failure
    return snapshot.state is State.FAILED and failure is not None and failure.name == RefusedInstructionError.name


def _under_way(snapshot: EpisodeSnapshot) -> bool:
    """True if an instruction has a plan and is not finished."""
    return bool(snapshot.plan) and snapshot.state is not State.DONE and snapshot.success is None
