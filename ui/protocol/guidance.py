"""The sentence that says what happens now, or what the operator does next: a pure function."""

from __future__ import annotations

from clap.episode.preconditions import objection, waits
from clap.episode.snapshot import EpisodeSnapshot, EpisodeState
from clap.rollout.safety import Decision
from clap.rollout.self_correction import WHAT_IT_DOES
from clap.worlds.capabilities import Ability

State = EpisodeState


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
    if snapshot.arm_fault is not None:
        return snapshot.arm_fault.next_move
    if state is State.FAILED and snapshot.correction is not None:
        return f"{WHAT_IT_DOES[snapshot.correction.recovery_action]} Press Approve for that, or do otherwise."
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
    if waits(snapshot):
        return _about_prediction(snapshot)
    can_predict = objection("predict", snapshot) is None
    if state is State.STOPPED and snapshot.failure is not None:
        return snapshot.failure.next_move
    if state is State.STOPPED:
        return "Stopped. " + (
            "Press Predict to go on, or Home." if can_predict else f"Press Home{' or Reset scene' if sets_up else ''}."
        )
    if can_predict:
        return "Press Predict to see the next step, or Run all."
    if objection("run", snapshot) is None:
        return "Type an instruction and press Plan, or press Run all for the scene's own."
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


def _human(snapshot: EpisodeSnapshot) -> bool:
    return snapshot.prediction is not None and snapshot.prediction.source.startswith("human")
