"""Self-correction under an operator: proposed step by step, done at once in a run, and halted by stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clap.episode.episode import EpisodeState
from clap.episode.events import Corrected, Moved, StepDone
from clap.episode.preconditions import preconditions
from clap.policies.base import INITIAL_STEP
from clap.policies.prediction import Plan, PlanStatus
from clap.rollout.self_correction import MAX_PER_STEP
from clap.worlds.base import MotionOutcome
from tests.support.kinematic_world import HOME, STEPS, TouchPolicy
from tests.support.staged_episode import wait_for
from ui.protocol.guidance import hint
from ui.protocol.log import sentence
from ui.station.episode_messages import status

ASIDE = [0.1, 0, 0]


def step(one):
    assert one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    assert one.episode.approve()
    return one.rest()


def missed(one):
    """Step by step to a touch beside the block: the gripper closes around nothing."""
    one.policies[0].offset = ASIDE
    step(one)
    return step(one)


def test_step_by_step_a_correction_waits_for_the_operator(staged):
    one = staged().ready("touch the block")
    failed = missed(one)
    assert (failed.state, failed.failure.name) == (EpisodeState.FAILED, "nothing grasped")
    assert (failed.last_step, failed.steps_done, failed.corrections) == (STEPS[0], 1, 0)
    proposal = one.kinds(Corrected)[-1]
    assert (proposal.detected_fault, proposal.recovery_action, proposal.proposed) == ("nothing grasped", "retry", True)
    assert sentence(proposal) == ("warn", f"Proposed correction, nothing grasped: {proposal.sentence}")
    assert "Approve" in hint(failed) and preconditions(failed)["approve"] is None
    assert status(failed).correction == proposal.sentence
    ticks = one.worlds[0].ticks
    one.policies[0].offset = [0, 0, 0]
    assert one.episode.approve()
    after = one.rest(EpisodeState.PLANNED)
    assert (after.last_step, after.corrections, after.correction) == (INITIAL_STEP, 1, None)
    assert [line.status for line in after.plan] == ["current", "todo"]
    assert one.worlds[0].ticks > ticks and one.worlds[0].pose.distance(HOME)[0] < 1e-6
    assert not one.kinds(Corrected)[-1].proposed
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True


@pytest.mark.parametrize("verb", ["predict", "home", "stop"])
def test_the_operator_may_do_otherwise(staged, verb):
    one = staged().ready("touch the block")
    missed(one)
    assert getattr(one.episode, verb)()
    after = one.rest()
    assert after.correction is None
    assert after.state is EpisodeState.AWAITING or not one.episode.approve()
    assert not [event for event in one.kinds(Corrected) if not event.proposed]


def test_run_takes_a_proposed_correction_up(staged):
    one = staged().ready("touch the block")
    missed(one)
    one.policies[0].offset = [0, 0, 0]
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True


def test_a_run_corrects_by_itself_within_its_budget(staged):
    one = staged().ready()
    one.policies[0].offset = ASIDE
    assert one.episode.run()
    failed = one.rest(EpisodeState.FAILED)
    assert (failed.failure.name, failed.corrections) == ("nothing grasped", MAX_PER_STEP)
    assert [event.proposed for event in one.kinds(Corrected)] == [False] * MAX_PER_STEP
    assert not one.episode.approve()


def test_without_correction_nothing_is_found(staged):
    one = staged(correction=False).ready()
    one.policies[0].offset = ASIDE
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is False
    assert not one.kinds(Corrected)


def test_stop_during_a_remedy_halts_the_arm(staged):
    one = staged(tick_seconds=0.005).ready()
    one.policies[0].offset = ASIDE
    assert one.episode.run()
    wait_for(lambda: one.kinds(Corrected))
    assert one.episode.stop()
    wait_for(lambda: one.kinds(Moved)[-1].report.outcome is MotionOutcome.STOPPED)
    ticks = one.worlds[0].ticks
    assert one.rest().state is EpisodeState.STOPPED
    assert one.worlds[0].pose.distance(HOME)[0] > 0.02
    assert one.worlds[0].ticks == ticks


SETS_DOWN = "the robot puts the red block down"


class Clinging(TouchPolicy):
    """Keeps hold of the block that it is to put down."""

    def plan(self, request):
        if request.last_step == SETS_DOWN:
            return Plan(PlanStatus.COMPLETE, raw="complete")
        return Plan(PlanStatus.STEPS, (STEPS[0], SETS_DOWN))

    def predict(self, request):
        right = super().predict(replace(request, step=None))
        return replace(right, step=SETS_DOWN) if right.step == STEPS[1] else right


def test_a_hand_that_did_not_let_go_is_opened_once_the_operator_approves(staged):
    one = staged(policies={"clings": Clinging}, policy="clings").ready("put the block down")
    step(one)
    failed = step(one)
    assert (failed.state, failed.failure.name, failed.steps_done) == (EpisodeState.FAILED, "not let go", 1)
    assert one.kinds(Corrected)[-1].recovery_action == "open the hand"
    assert "Approve" in hint(failed) and one.worlds[0].opening < 0.5
    assert one.episode.approve()
    after = one.rest(EpisodeState.DONE)
    assert one.worlds[0].opening == 1.0
    assert (after.last_step, after.steps_done, after.corrections) == (SETS_DOWN, 2, 1)
    assert [line.status for line in after.plan] == ["done", "done"]
    assert [event.step for event in one.kinds(StepDone)] == [STEPS[0], SETS_DOWN]


def test_a_run_opens_the_hand_by_itself(staged):
    one = staged(policies={"clings": Clinging}, policy="clings").ready("put the block down")
    assert one.episode.run()
    after = one.rest(EpisodeState.DONE)
    assert (after.last_step, after.corrections, one.worlds[0].opening) == (SETS_DOWN, 1, 1.0)


class ShortSighted(TouchPolicy):
    """Does not find the green block while the arm is away from home."""

    def plan(self, request):
        if "green" not in request.instruction or self.world.pose.distance(HOME)[0] < 0.01:
            return super().plan(replace(request, instruction="touch"))
        return Plan(PlanStatus.REFUSED, reason="there is no green block")


class CameraFault(ShortSighted):
    """Never finds it."""

    def plan(self, request):
        if "green" not in request.instruction:
            return super().plan(request)
        return Plan(PlanStatus.REFUSED, reason="there is no green block")


def test_what_the_arm_may_hide_is_looked_for_once_more_from_home(staged):
    one = staged(policies={"short": ShortSighted}, policy="short").ready()
    assert one.episode.plan("touch")
    one.rest(EpisodeState.PLANNED)
    step(one)
    assert one.episode.plan("touch the green block")
    failed = one.rest(EpisodeState.FAILED)
    assert failed.failure.sentence == "There is no green block."
    assert one.episode.approve()
    assert len(one.rest(EpisodeState.PLANNED).plan) == 2


def test_what_is_not_there_is_looked_for_no_third_time_and_not_at_all_from_home(staged):
    one = staged(policies={"blind": CameraFault}, policy="blind").ready()
    assert one.episode.plan("touch the green block")
    assert one.rest(EpisodeState.FAILED).correction is None
    assert one.episode.plan("touch")
    one.rest(EpisodeState.PLANNED)
    step(one)
    assert one.episode.plan("touch the green block")
    assert one.rest(EpisodeState.FAILED).correction is not None
    assert one.episode.approve()
    last = one.rest(EpisodeState.FAILED)
    assert (last.correction, last.corrections) == (None, 1)
