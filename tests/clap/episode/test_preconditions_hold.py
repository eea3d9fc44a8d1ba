"""What status says can be done is what the episode does: all verbs are tried, in situations it has really come to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clap.episode.episode import Episode
from clap.episode.episode import EpisodeState as State
from clap.episode.events import Refused
from clap.episode.preconditions import VERBS
from clap.errors import WorldError
from clap.geometry.frames import Pose
from tests.support.kinematic_world import DOWN, KinematicArm, KinematicTable, TouchPolicy
from tests.support.staged_episode import StagedEpisode, wait_for
from ui.station.episode_messages import status

MakeStagedEpisode = Callable[..., StagedEpisode]


DO: dict[str, Callable[[Episode], bool]] = {
    "reset": lambda episode: episode.reset("touch", 0),
    "policy": lambda episode: episode.set_policy("touch"),
    "plan": lambda episode: episode.plan("touch the block"),
    "plan-with": lambda episode: episode.plan_with(TouchPolicy, "touch the block"),
    "predict": Episode.predict,
    "redo": Episode.redo,
    "approve": Episode.approve,
    "run": Episode.run,
    "skip": Episode.skip,
    "edit-plan": lambda episode: episode.edit_plan(["the robot moves above the red cup"]),
    "replan": Episode.replan,
    "keypoint": lambda episode: episode.set_keypoint(np.array([0.25, 0.1, 0.78])),
    "target": lambda episode: episode.set_target(Pose(np.array([0.2, 0.0, 1.0]), DOWN), True),
    "revert": Episode.revert,
    "preview": Episode.preview,
    "undo": Episode.undo,
    "home": Episode.home,
    "drive": lambda episode: episode.drive(True),
    "recover": Episode.recover,
    "pause": Episode.pause,
    "drive-end": lambda episode: episode.drive(False),
    "speed": lambda episode: episode.set_speed(1.0),
    "approve-each": lambda episode: episode.set_approve_each(True),
}

Way = tuple[Callable[[Episode], object], ...]
PREDICTED: Way = (DO["reset"], DO["plan"], DO["predict"])

WAYS: dict[str, tuple[dict[str, Any], Way]] = {
    "no scene": ({}, ()),
    "an unknown task": ({}, (lambda episode: episode.reset("fold the towel", 0),)),
    "fresh scene": ({}, (DO["reset"],)),
    "planned": ({}, (DO["reset"], DO["plan"])),
    "predicted": ({}, PREDICTED),
    "refused": ({"offset": -0.2}, PREDICTED),
    "asked in a run": ({}, (DO["reset"], DO["approve-each"], DO["run"])),
    "paused in a run": ({}, (DO["reset"], DO["approve-each"], DO["run"], DO["pause"])),
    "stopped with a prediction": ({}, (*PREDICTED, Episode.stop)),
    "one step done": ({}, (*PREDICTED, DO["approve"])),
    "corrected": ({}, (*PREDICTED, DO["target"])),
    "undone": ({}, (*PREDICTED, DO["approve"], DO["undo"])),
    "home again": ({}, (*PREDICTED, DO["home"])),
    "skipped": ({}, (*PREDICTED, DO["skip"])),
    "plan refused": ({}, (DO["reset"], lambda episode: episode.plan("dance"))),
    "plan failed, then home": ({}, (DO["reset"], lambda episode: episode.plan(""), DO["home"])),
    "correction proposed": ({"offset": 0.1, "aside": True}, (*PREDICTED, DO["approve"], DO["predict"], DO["approve"])),
    "finished": ({}, (DO["reset"], DO["run"])),
    "finished, then home": ({}, (DO["reset"], DO["run"], DO["home"])),
    "finished and driven": ({}, (DO["reset"], DO["run"], DO["drive"], DO["drive-end"])),
    "set by hand": ({"kind": KinematicArm}, (DO["plan"],)),
    "only cameras, predicted": ({"kind": KinematicTable}, (DO["plan"], DO["predict"])),
    "held": ({"held": True}, PREDICTED),
}


def brought(way: str, staged: MakeStagedEpisode) -> StagedEpisode:
    """An episode at rest after the verbs of a way."""
    options, verbs = dict(WAYS[way][0]), WAYS[way][1]
    offset, aside, held = options.pop("offset", 0.0), options.pop("aside", False), options.pop("held", False)
    one = staged(**options)
    one.policies[0].offset = np.array([offset, 0, 0] if aside else [0, 0, offset])
    for verb in verbs:
        verb(one.episode)
        one.episode.wait(lambda now: not now.state.busy or now.state is State.DRIVING, 10)
    one.rest()
    if held:
        one.worlds[0].held = WorldError("The arm was stopped.", "Press Resume.")
        wait_for(lambda: one.episode.snapshot().arm_fault is not None)
    return one


def allowed(one: StagedEpisode) -> set[str]:
    """The verbs that status allows."""
    received = status(one.episode.snapshot()).preconditions
    return {verb for verb in VERBS if received[verb] is None}


def refusal(one: StagedEpisode, verb: str) -> str:
    """What a verb is refused with; nothing is changed by that."""
    before = one.episode.snapshot()
    sentences: list[str] = []
    end = one.episode.subscribe(lambda event: sentences.append(event.sentence) if isinstance(event, Refused) else None)
    assert not DO[verb](one.episode), verb
    wait_for(lambda: sentences)
    end()
    assert one.episode.snapshot() is before, verb
    return sentences[0]


@pytest.mark.parametrize("way", WAYS)
def test_what_status_forbids_is_refused_with_that_sentence(way: str, staged: MakeStagedEpisode) -> None:
    one = brought(way, staged)
    received = status(one.episode.snapshot()).preconditions
    forbidden = [verb for verb in VERBS if received[verb] is not None]
    assert {verb: refusal(one, verb) for verb in forbidden} == {verb: received[verb] for verb in forbidden}


@pytest.mark.parametrize("way", WAYS)
def test_what_status_allows_is_accepted(way: str, staged: MakeStagedEpisode) -> None:
    for verb in sorted(allowed(brought(way, staged))):
        one = brought(way, staged)
        assert DO[verb](one.episode), verb
        one.episode.stop()


def test_a_closed_episode_accepts_nothing(staged: MakeStagedEpisode) -> None:
    one = brought("predicted", staged)
    one.episode.close()
    assert not allowed(one)
    assert not any(do(one.episode) for do in DO.values())


class Deliberate(TouchPolicy):
    """Thinks until it is told to go on."""

    thinks = threading.Event()

    def plan(self, *args: Any, **keywords: Any) -> Any:
        self.thinks.wait(20)
        return super().plan(*args, **keywords)


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_while_it_plans_only_a_run_can_be_paused(verb: str, staged: MakeStagedEpisode) -> None:
    one = staged(policies={"deliberate": Deliberate}, policy="deliberate")
    assert DO["reset"](one.episode)
    one.rest(State.READY)
    Deliberate.thinks.clear()
    try:
        assert DO[verb](one.episode)
        one.episode.wait(lambda now: now.state is State.PLANNING, 10)
        may = allowed(one)
        assert may == {"speed", "approve-each"} | ({"pause"} if verb == "run" else set())
        assert {other for other in VERBS if DO[other](one.episode)} == may
    finally:
        Deliberate.thinks.set()
    one.rest()


@pytest.mark.parametrize(("verb", "ends"), [("approve", "pause"), ("home", "pause"), ("drive", "drive-end")])
def test_while_the_arm_moves_nothing_else_is_begun(verb: str, ends: str, staged: MakeStagedEpisode) -> None:
    one = staged(tick_seconds=0.1).ready("touch the block")
    assert one.episode.predict()
    one.rest(State.AWAITING)
    one.worlds[0].pose = Pose(np.array([0.0, 0.4, 0.9]), DOWN)
    assert DO[verb](one.episode)
    wait_for(lambda: one.worlds[0].ticks > 0)
    may = allowed(one)
    assert may == {"speed", "approve-each", ends}
    assert {other for other in VERBS if DO[other](one.episode)} == may
    one.episode.stop()
    one.rest()
