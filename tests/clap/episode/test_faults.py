"""An arm that must not move, a scene that cannot be seen, and what a world cannot do: told, and never passed over."""

from __future__ import annotations

import time

import pytest

from clap.episode.episode import Episode, EpisodeSnapshot, EpisodeState
from clap.episode.events import ArmFaultChanged, CameraFaultChanged, MotionPreviewed, PoseUpdated
from clap.episode.preconditions import preconditions
from clap.errors import ClapError, WorldError
from tests.support.kinematic_world import KinematicArm, KinematicTable, TouchPolicy
from tests.support.staged_episode import StagedEpisode, wait_for
from ui.protocol.guidance import hint

MOTIONS = {"approve": Episode.approve, "run": Episode.run, "home": Episode.home, "drive": lambda it: it.drive(True)}
HELD = WorldError("The arm was stopped and holds still.", "Press Resume.")


def possible(snapshot: EpisodeSnapshot) -> set[str]:
    return {verb for verb, why_not in preconditions(snapshot).items() if why_not is None}


def held(one: StagedEpisode) -> None:
    one.worlds[0].held = HELD
    wait_for(lambda: one.episode.snapshot().arm_fault is not None)


def test_trouble_at_rest_is_told_without_being_asked_and_nothing_moves_until_it_is_cleared(staged):
    one = staged().ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    held(one)
    snapshot = one.episode.snapshot()
    assert not MOTIONS.keys() & possible(snapshot) and "recover" in possible(snapshot)
    assert hint(snapshot) == "Press Resume."
    for motion in MOTIONS.values():
        one.events.clear()
        assert not motion(one.episode)
        assert "holds still. Press Resume." in one.refusal()
    assert one.worlds[0].ticks == 0
    assert one.episode.recover()
    wait_for(lambda: one.episode.snapshot().arm_fault is None)
    assert one.rest(EpisodeState.PLANNED).prediction is None, "what was predicted before is out of date"
    assert [event.arm_fault for event in one.kinds(ArmFaultChanged)] == [None]
    assert one.episode.home()
    one.rest(EpisodeState.PLANNED)


def test_there_is_nothing_to_recover_from_without_trouble(staged):
    one = staged().ready()
    assert "recover" not in possible(one.episode.snapshot())
    assert not one.episode.recover()


def test_a_stop_pressed_after_resume_wins(staged):
    """The recovery is told of the stop while it is under way."""
    one = staged().ready()
    held(one)
    stopped: list[bool] = []

    def recover(context):
        one.episode.stop()
        stopped.append(context.should_stop())

    one.worlds[0].recover = recover
    assert one.episode.recover()
    one.rest(EpisodeState.STOPPED)
    assert stopped == [True]
    assert one.episode.snapshot().arm_fault is not None


def test_a_motion_that_is_broken_off_by_a_failure_counts_as_ended(staged):
    one = staged(tick_seconds=0.002).ready()
    seen: list[bool] = []
    one.episode.watch(lambda world, moving: seen.append(moving))
    failing = one.worlds[0]

    def execute(action, context):
        context.on_tick(failing.pose, 1.0)
        raise HELD

    failing.execute = execute
    one.episode.home()
    assert one.rest(EpisodeState.FAILED).failure.sentence == HELD.sentence
    wait_for(lambda: seen == [True, False])


class CameraFault(KinematicArm):
    """Its camera can be lost."""

    lost: ClapError | None = None

    def observe(self):
        if self.lost is not None:
            raise self.lost
        return super().observe()


def test_a_scene_that_lives_on_is_looked_at_while_nothing_is_done_and_told_when_it_is_lost(monkeypatch):
    monkeypatch.setattr("clap.episode.world_session.OBSERVE_PERIOD_S", 0.05)
    worlds: list[CameraFault] = []

    def make() -> CameraFault:
        worlds.append(CameraFault(clock=time.time))
        return worlds[0]

    episode = Episode(make, {"touch": TouchPolicy}, "touch")
    received: list[CameraFaultChanged] = []
    episode.subscribe(lambda event: received.append(event) if isinstance(event, CameraFaultChanged) else None)
    try:
        first = episode.wait(lambda snapshot: snapshot.scene is not None, 10).scene.seq
        assert episode.wait(lambda snapshot: snapshot.scene.seq > first + 1, 10).state is EpisodeState.READY
        worlds[0].lost = WorldError("The camera was unplugged.", "Plug it in.")
        assert (
            episode.wait(lambda snapshot: snapshot.camera_fault is not None, 10).camera_fault.next_move == "Plug it in."
        )
        worlds[0].lost = None
        episode.wait(lambda snapshot: snapshot.camera_fault is None, 10)
        wait_for(lambda: len(received) == 2)
    finally:
        episode.close()


@pytest.mark.parametrize("kind", [KinematicTable, KinematicArm])
def test_what_a_world_cannot_do_is_neither_offered_nor_accepted(staged, kind):
    one = staged(kind=kind, clock=time.time)
    one.rest(EpisodeState.READY)
    offered = possible(one.episode.snapshot())
    assert "reset" not in offered and "plan" in offered
    assert ("home" in offered) == (kind is KinematicArm)
    assert not one.episode.reset("touch", 0)
    assert "set by hand" in one.refusal()
    assert not one.episode.set_speed(2.0) and not one.episode.set_speed(0.0)
    assert one.episode.set_speed(0.5)
    if kind is KinematicTable:
        one.events.clear()
        assert not one.episode.home()
        assert "only be looked at" in one.refusal()
        assert not one.kinds(PoseUpdated)


def test_a_step_is_previewed_while_it_waits_and_nothing_moves(staged):
    one = staged().ready("touch the block")
    assert not one.episode.preview() and "press Predict first" in one.refusal()
    one.episode.predict()
    before = one.rest(EpisodeState.AWAITING)
    assert "preview" in possible(before)
    assert one.episode.preview()
    after = one.rest(EpisodeState.AWAITING)
    wait_for(lambda: one.kinds(MotionPreviewed))
    assert one.kinds(MotionPreviewed)[0].previewed_motion.poses[-1] is before.prediction.action.pose
    assert (after.prediction, after.verdict) == (before.prediction, before.verdict)
    assert one.worlds[0].ticks == 0
