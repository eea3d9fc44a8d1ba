"""The policies of an episode: the look, the end, changing them, and one that cannot be loaded."""

from __future__ import annotations

from clap.episode.episode import EpisodeState
from clap.episode.events import (
    ObjectsDetected,
)
from clap.errors import CheckpointError
from tests.support.kinematic_world import BOXES, STEPS, TouchPolicy


def test_an_instruction_begins_with_a_look_and_keeps_what_was_seen(staged):
    one = staged().ready("touch the block")
    names = tuple(BOXES)
    snapshot = one.episode.snapshot()
    assert snapshot.detected_objects == names
    assert snapshot.round_texts["look"] == " ; ".join(names)
    assert snapshot.seconds["look"] >= 0
    assert [event.detected_objects for event in one.kinds(ObjectsDetected)] == [names]
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).detected_objects == names
    assert one.policies[0].looks == 1
    assert one.episode.plan("touch the block")
    one.rest(EpisodeState.PLANNED)
    assert one.policies[0].looks == 2
    assert one.episode.reset("touch", 7)
    assert one.rest(EpisodeState.READY).detected_objects is None


class Unseeing(TouchPolicy):
    """Names nothing, like a planner of one round, and never says that it is done."""

    def __init__(self, world):
        super().__init__(world)
        self.knows_completion = False

    def detect_objects(self, observation, on_text=None):
        return None


def test_a_policy_that_names_nothing_and_knows_no_end_is_ended_by_the_world(staged):
    one = staged(policies={"unseeing": Unseeing}, policy="unseeing").ready("touch the block")
    assert one.episode.snapshot().detected_objects is None
    assert not one.kinds(ObjectsDetected)
    assert one.episode.run()
    done = one.rest(EpisodeState.DONE)
    assert done.success is True
    assert done.steps_done == len(STEPS)


def test_the_policy_can_be_changed_on_the_way(staged):
    one = staged(policies={"other": TouchPolicy}).ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    assert one.episode.set_policy("other")
    assert one.rest(EpisodeState.PLANNED).policy == "other"
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True
    assert not one.episode.set_policy("none such")
    assert "touch, other" in one.refusal()


def no_checkpoint(world):
    raise CheckpointError("There is no checkpoint at nowhere.")


def test_a_policy_that_cannot_be_loaded_leaves_the_present_one(staged):
    one = staged(policies={"broken": no_checkpoint}).ready()
    assert one.episode.set_policy("broken")
    failed = one.rest(EpisodeState.FAILED)
    assert failed.failure.name == "checkpoint not usable"
    assert failed.policy == "touch"
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True


def test_an_episode_whose_first_policy_is_broken_still_offers_the_others(staged):
    one = staged(policies={"broken": no_checkpoint}, policy="broken")
    assert one.episode.snapshot().failure.name == "checkpoint not usable"
    one.ready()
    assert not one.episode.plan("touch the block")
    assert one.episode.set_policy("touch")
    one.rest(EpisodeState.READY)
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True
