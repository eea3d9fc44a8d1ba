"""What an episode accepts in which state: each objection is a sentence for the operator, None if there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clap.episode.commands import EpisodeRun
from clap.episode.events import Refused
from clap.episode.snapshot import EpisodeSnapshot, EpisodeState
from clap.rollout.safety import Decision
from clap.worlds.base import Ability

Objection = Callable[[], "str | None"]

_WAITING = (EpisodeState.AWAITING, EpisodeState.PAUSED)


def none_at_all() -> str | None:
    """The objection that is never made."""
    return None


class Gate:
    """Accepts commands and hands them to the worker, or refuses them. Any thread may call it."""

    def __init__(self, run: EpisodeRun):
        self._worker, self._run = run.worker, run
        self._board = run.worker.board

    @property
    def _snapshot(self) -> EpisodeSnapshot:
        return self._board.snapshot

    def command(
        self,
        busy: EpisodeState,
        work: Callable[[], None],
        objection: Objection = none_at_all,
        keep: bool = False,
        running: bool | None = None,
    ) -> bool:
        """Accept a command and enter its busy state, or refuse it.

        ``keep`` leaves the pending prediction, and with it a run that waits for approval; otherwise both end.
        """
        turns = self._run.turns
        with self._board.lock:
            moves = busy.in_motion or bool(running)
            sentence = self._not_now() or (self._cannot_move() if moves else None) or objection()
            if sentence is not None:
                return self.refuse(sentence)
            if running is None:
                running = keep and turns.running and self._snapshot.state is EpisodeState.AWAITING
            turns.running, turns.pause = running, False
            dropped: dict[str, Any] = {"prediction": None, "verdict": None, "own": None, "correction": None}
            self._board.update(state=busy, failure=None, **({} if keep else dropped))
            self._worker.submit(work)
            return True

    def refuse(self, sentence: str) -> bool:
        """Tell why a command is not accepted; False."""
        self._board.post(Refused, sentence=sentence)
        self._worker.wake()
        return False

    def _not_now(self) -> str | None:
        snapshot = self._snapshot
        if self._worker.closed:
            return "The episode is closed."
        if snapshot.state.busy:
            return f"The episode is {snapshot.state.value}. Wait until that is done, or press stop."
        if not self._run.stage.is_open:
            return f"There is no world to act in. {snapshot.failure.sentence if snapshot.failure else ''}".strip()
        return None

    def _cannot_move(self) -> str | None:
        """Against all motion."""
        snapshot = self._snapshot
        if Ability.MOVE not in snapshot.abilities:
            return "There is no arm here: this world can only be looked at."
        if snapshot.trouble is not None:
            return f"{snapshot.trouble.sentence} {snapshot.trouble.next_move}"
        return None

    def cannot_recover(self) -> str | None:
        """Against clearing what holds the arm."""
        return None if self._snapshot.trouble is not None else "Nothing holds the arm."

    def cannot_set_up(self) -> str | None:
        """Against setting a scene up."""
        if Ability.SET_UP in self._snapshot.abilities:
            return None
        return "This table is set by hand. Put things on it, and say what to do."

    def cannot_rehearse(self) -> str | None:
        """Against showing the pending step in the arm's twin."""
        if Ability.REHEARSE not in self._snapshot.abilities:
            return "This world has no twin of its arm."
        return None if self.waits() else "No step is predicted: press Predict first."

    def no_scene(self) -> str | None:
        """Against acting on an empty table."""
        if self._run.stage.tasks and not self._snapshot.task:
            return "There is no scene yet. Choose a task and reset first."
        return None

    def cannot_act(self) -> str | None:
        """Against what needs a policy and a scene."""
        if self._snapshot.policy not in self._run.loaded:
            return "No policy is loaded. Choose another one."
        return self.no_scene()

    def cannot_predict(self) -> str | None:
        """Against what needs an instruction under way."""
        rollout = self._run.turns.rollout
        if rollout is None:
            return self.cannot_act() or "There is no plan yet. Give an instruction first."
        if rollout.complete:
            return "The instruction is finished. Give another one, or reset."
        return self.cannot_act()

    def cannot_approve(self) -> str | None:
        """Against carrying out what waits."""
        snapshot = self._snapshot
        if snapshot.correction is not None:
            return None
        if not self.waits() or snapshot.verdict is None:
            return "There is no prediction to approve. Predict first."
        if snapshot.verdict.decision is Decision.REFUSE:
            return f"This prediction cannot be approved. {snapshot.verdict.sentence} Predict again, or skip the step."
        return None

    def cannot_skip(self) -> str | None:
        """Against counting a step as done."""
        objection = self.cannot_predict()
        if (
            objection is None
            and self._snapshot.prediction is None
            and self._run.turns.present.state.task.next_step is None
        ):
            return "There is no step to skip. Plan first."
        return objection

    def cannot_look_again(self) -> str | None:
        """Against a keypoint of the operator's."""
        if not self.waits():
            return "There is no prediction whose keypoint could be moved. Predict first."
        if not self._snapshot.has_fine_stage:
            name = self._snapshot.policy
            return f"The policy “{name}” has no fine stage that could look around another keypoint. Set the target."
        return self.cannot_predict()

    def cannot_revert(self) -> str | None:
        """Against going back to the policy's own prediction."""
        if not self.waits() or self._snapshot.own is None:
            return "There is no correction of the prediction to take back."
        return self.cannot_predict()

    def cannot_undo(self) -> str | None:
        """Against going back a step."""
        if self._snapshot.undo:
            return None
        return "There is no step to undo."

    def waits(self) -> bool:
        """True while a prediction waits for the operator."""
        return self._snapshot.state in _WAITING and self._snapshot.prediction is not None
