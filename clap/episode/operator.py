"""The verbs with which an operator takes part: writing steps, correcting predictions, going back, driving."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from clap.episode.command_gate import CommandGate
from clap.episode.commands import EpisodeRun
from clap.episode.event_bus import Board
from clap.episode.preconditions import waits
from clap.episode.snapshot import EpisodeState
from clap.errors import InvalidInstructionError
from clap.geometry.frames import Array, Pose
from clap.policies.planner.step_text import read_steps
from clap.worlds.teleoperation import Jog, JogFeed, OnJog


class OperatorVerbs:
    """A part of ``Episode``; its verbs follow the same rules."""

    def __init__(self, board: Board, run: EpisodeRun, on_jog: OnJog):
        self._gate = CommandGate(run)
        self._operator_board, self._hand = board, run.by_hand
        self._operator_run, self._on_jog = run, on_jog
        self._feed: JogFeed | None = None

    def edit_plan(self, steps: Sequence[str]) -> bool:
        """Put these steps in place of those of the present part that are not done; a pending prediction is dropped.

        Free text: "the robot" is put in front where it is missing, and words that the policy cannot read are named.
        The policy's own plan is asked for again once these steps are done.
        """
        with self._operator_board.lock:
            if not self._gate.allows("edit-plan"):
                return False
            policy = self._operator_run.loaded[self._operator_board.snapshot.policy]
            try:
                read = read_steps(steps, policy.step_words)
            except InvalidInstructionError as error:
                return self._gate.refuse(str(error))
            return self._gate.command("edit-plan", EpisodeState.PLANNING, lambda: self._hand.edit(read))

    def replan(self) -> bool:
        """Ask round one again from here; the operator's steps and a pending prediction are dropped."""
        return self._gate.command("replan", EpisodeState.PLANNING, self._hand.replan)

    def set_keypoint(self, position: Array) -> bool:
        """Let the fine stage predict again around this point (3,), world metres; the result waits for approval."""
        point = np.array(position, float)
        if point.shape != (3,) or not np.all(np.isfinite(point)):
            return self._gate.refuse("A keypoint needs three numbers: x, y and z in metres.")
        work = partial(self._hand.set_keypoint, point)
        return self._gate.command("keypoint", EpisodeState.PREDICTING, work, keep=True)

    def set_target(self, pose: Pose, gripper_open: bool) -> bool:
        """Put the operator's own target in place of the prediction's, or of none; it is judged, and waits for approval.

        Without a prediction it stands for the current step of the plan.
        """
        pose = Pose(np.array(pose.position, float), np.array(pose.quaternion, float))
        with self._operator_board.lock:
            # A prediction whose motion was stopped is out of date: the arm stands elsewhere.
            keep = waits(self._operator_board.snapshot)
            work = partial(self._hand.set_target, pose, gripper_open)
            return self._gate.command("target", EpisodeState.PREDICTING, work, keep=keep)

    def revert(self) -> bool:
        """Take the operator's keypoint or target back: the policy's own prediction waits for approval again."""
        return self._gate.command("revert", EpisodeState.PREDICTING, self._hand.revert, keep=True)

    def rehearse(self) -> bool:
        """Show the step that waits for approval in the arm's twin; nothing moves, and it waits on."""
        with self._operator_board.lock:
            state = self._operator_board.snapshot.state
            work = partial(self._hand.rehearse, state)
            return self._gate.command("rehearse", EpisodeState.PREDICTING, work, keep=True)

    def undo(self) -> bool:
        """Set the world and the run back to exactly what they were before the last step; simulation only."""
        return self._gate.command("undo", EpisodeState.PLANNING, self._hand.undo)

    def set_approve_each(self, value: bool) -> bool:
        """True: a run waits for approval of every step. False: it goes on where the verdict allows."""
        with self._operator_board.lock:
            if not self._gate.allows("approve-each"):
                return False
            self._operator_board.update(approve_each=bool(value))
            return True

    def drive(self, on: bool) -> bool:
        """Begin or end driving by hand; a pending prediction is dropped."""
        with self._operator_board.lock:
            if not on:
                if not self._gate.allows("drive-end"):
                    return False
                assert self._feed is not None, "it is made before the arm is driven"
                self._feed.end()
                return True
            feed = JogFeed(self._on_jog)
            run = self._operator_run
            if not self._gate.command("drive", EpisodeState.DRIVING, lambda: run.drive(feed)):
                return False
            self._feed = feed
            return True

    def jog(self, jog: Jog) -> None:
        """What the operator holds down while driving; anywhen else it is told to ``on_jog`` as not applied."""
        feed = self._feed
        if feed is None or self._operator_board.snapshot.state is not EpisodeState.DRIVING:
            self._on_jog(jog.seq, False)
        else:
            feed.put(jog)
