"""The page offers exactly what the episode accepts, and always says what to do now."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from clap.episode.episode import Episode, EpisodeState
from clap.episode.snapshot import EpisodeSnapshot
from clap.errors import Failure, InvalidInstructionError
from clap.geometry.frames import Pose
from clap.rollout.refusals import RefusedInstructionError
from tests.support.kinematic_world import DOWN, KinematicWorld, TouchPolicy
from ui.protocol.guidance import hint, possible

VERBS: dict[str, Callable[[Episode], bool]] = {
    "plan": lambda episode: episode.plan("touch the block"),
    "predict": Episode.predict,
    "approve": Episode.approve,
    "skip": Episode.skip,
    "home": Episode.home,
    "pause": Episode.pause,
    "reset": lambda episode: episode.reset("touch", 0),
    "policy": lambda episode: episode.set_policy("touch"),
    "edit-plan": lambda episode: episode.edit_plan(["the robot moves above the red cup"]),
    "replan": Episode.replan,
    "keypoint": lambda episode: episode.set_keypoint(np.array([0.25, 0.1, 0.78])),
    "target": lambda episode: episode.set_target(Pose(np.array([0.2, 0.0, 1.0]), DOWN), True),
    "revert": Episode.revert,
    "undo": Episode.undo,
    "drive": lambda episode: episode.drive(True),
}

Way = tuple[Callable[[Episode], object], ...]

WAYS: dict[str, Way] = {
    "no scene": (),
    "fresh scene": (VERBS["reset"],),
    "planned": (VERBS["reset"], VERBS["plan"]),
    "predicted": (VERBS["reset"], VERBS["plan"], VERBS["predict"]),
    "stopped with a prediction": (VERBS["reset"], VERBS["plan"], VERBS["predict"], Episode.stop),
    "one step done": (VERBS["reset"], VERBS["plan"], VERBS["predict"], VERBS["approve"]),
    "plan failed": (VERBS["reset"], lambda episode: episode.plan("dance")),
    "finished": (VERBS["reset"], Episode.run),
    "corrected": (VERBS["reset"], VERBS["plan"], VERBS["predict"], VERBS["target"]),
    "undone": (VERBS["reset"], VERBS["plan"], VERBS["predict"], VERBS["approve"], VERBS["undo"]),
    "home again": (VERBS["reset"], VERBS["plan"], VERBS["predict"], VERBS["home"]),
}


@contextlib.contextmanager
def brought(way: Way, offset: float = 0.0) -> Iterator[Episode]:
    """An episode at rest after the verbs of ``way``."""

    def policy(world: KinematicWorld) -> TouchPolicy:
        made = TouchPolicy(world)
        made.offset = np.array([0.0, 0.0, offset])
        return made

    episode = Episode(KinematicWorld, {"touch": policy}, "touch", speed=0)
    try:
        for step in (lambda _: None, *way):
            step(episode)
            episode.wait(lambda snapshot: not snapshot.state.busy, 10)
        yield episode
    finally:
        episode.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_offered_exactly_if_it_is_accepted(way: str, verb: str) -> None:
    with brought(WAYS[way]) as episode:
        snapshot = episode.snapshot()
        offered = possible(snapshot)
        if verb == "predict" and "redo" in offered:
            verb = "redo"  # while a prediction waits, Redo stands for Predict
        if way == "plan failed" and verb in ("predict", "skip", "edit-plan", "replan", "target"):
            return  # the episode would ask for the plan once more; the page asks for another instruction instead
        accepted = VERBS.get(verb, Episode.redo)(episode)
        assert (verb in offered) == accepted, (snapshot.state, sorted(offered))


def test_a_refused_prediction_cannot_be_approved_but_predicted_again_or_skipped() -> None:
    with brought(WAYS["predicted"], offset=-0.2) as episode:
        snapshot = episode.snapshot()
        assert "approve" not in possible(snapshot)
        assert {"redo", "skip"} <= possible(snapshot)
        assert "refused" in hint(snapshot)
        assert not episode.approve()


def test_what_the_policy_refuses_can_be_shown_to_it() -> None:
    refused = Failure.of(RefusedInstructionError("nothing can be put there"))
    assert "edit-plan" in possible(EpisodeSnapshot(state=EpisodeState.FAILED, task="touch", failure=refused))
    other = Failure.of(InvalidInstructionError("The instruction is empty."))
    assert "edit-plan" not in possible(EpisodeSnapshot(state=EpisodeState.FAILED, task="touch", failure=other))


def test_a_busy_episode_offers_no_more_than_pause_and_speed() -> None:
    for state in EpisodeState:
        if state.busy:
            offered = possible(EpisodeSnapshot(state=state, task="touch"))
            assert offered <= {"pause", "speed", "approve-each", "drive"}
            assert ("drive" in offered) == (state is EpisodeState.DRIVING)


@pytest.mark.parametrize("state", EpisodeState)
@pytest.mark.parametrize("success", [True, False, None])
def test_every_state_has_a_sentence_that_says_what_to_do(state: EpisodeState, success: bool | None) -> None:
    snapshot = EpisodeSnapshot(state=state, task="touch", success=success)
    for variant in (
        snapshot,
        replace(snapshot, task=""),
        replace(snapshot, failure=Failure("x", "It broke.", "Mend it.")),
    ):
        sentence = hint(variant)
        assert sentence[0].isupper()
        assert sentence[-1] in ".…"
