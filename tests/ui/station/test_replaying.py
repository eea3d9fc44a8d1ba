"""The sample set, and demonstrations that are carried out again on the simulated table."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from clap.episode.episode import Episode, EpisodeState
from clap.geometry.frames import Workspace
from clap.policies.base import PlanRequest, PredictRequest
from clap.policies.expert import ExpertPolicy
from clap.worlds.tabletop.world import TabletopWorld
from demos.errors import DemonstrationError
from demos.frames import Outcome
from demos.quality import judge
from demos.replay.policy import ReplayError, ReplayPolicy, keyframe_actions, scene_of
from demos.sample import SAMPLE
from demos.store.episode import RecordedEpisode
from demos.store.store import DemonstrationStore
from tests.support.kinematic_station import eventually
from ui.station.replaying import Replaying

MOST_BYTES = 15_000_000


@pytest.fixture(scope="module")
def sample() -> Iterator[DemonstrationStore]:
    with DemonstrationStore.open(SAMPLE, read_only=True, deep_check=True) as store:
        yield store


@pytest.fixture(scope="module")
def table() -> Iterator[Episode]:
    episode = Episode(TabletopWorld, {"expert": ExpertPolicy}, "expert", speed=0.0)
    episode.wait(lambda now: not now.state.busy, 60)
    yield episode
    episode.close()


def of_kind(store: DemonstrationStore, **wanted: object) -> RecordedEpisode:
    """The first demonstration with these labels."""
    found = (one for one in store.episodes() if all(getattr(one.labels, key) == value for key, value in wanted.items()))
    return store.read(next(found).id)


def ends(replaying: Replaying) -> str:
    assert eventually(lambda: not replaying.under_way, 120)
    assert replaying.state is not None
    return replaying.state.state


def test_the_sample_is_small_whole_and_of_every_kind(sample: DemonstrationStore) -> None:
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert sample.report.clean
    labels = [record.labels for record in sample.episodes()]
    assert 6 <= len(labels) <= 8 and len({one.info.task_key for one in labels}) == len(labels)
    assert {one.outcome for one in labels} == {Outcome.SUCCESS, Outcome.FAILURE}
    assert {one.source for one in labels} == {"policy", "mixed"}
    for record in sample.episodes():
        assert judge(sample.read(record.id), Workspace()) == ()


@pytest.mark.parametrize(("outcome", "end"), [(Outcome.SUCCESS, "success"), (Outcome.FAILURE, "missed")])
def test_a_replay_ends_as_the_demonstration_did(
    table: Episode, sample: DemonstrationStore, outcome: Outcome, end: str
) -> None:
    source = "mixed" if outcome is Outcome.SUCCESS else "policy"
    recorded = of_kind(sample, outcome=outcome, source=source)
    received = []
    replaying = Replaying(lambda: received.append(replaying.state))
    replaying.begin(table, recorded)
    with pytest.raises(DemonstrationError, match="something to do already"):
        replaying.begin(table, recorded)
    assert ends(replaying) == end
    now = table.snapshot()
    assert (now.state, now.task, now.policy) == (EpisodeState.DONE, recorded.record.labels.info.task_key, "expert")
    assert [line.text for line in now.plan] == [text for text, _ in keyframe_actions(recorded)]
    assert received[0].state == "running" and received[-1].episode == recorded.record.id


def test_stop_halts_a_replay_and_the_page_is_told(table: Episode, sample: DemonstrationStore) -> None:
    table.set_speed(1.0)
    try:
        replaying = Replaying(lambda: None)
        replaying.begin(table, of_kind(sample, source="mixed"))
        table.wait(lambda now: now.state is EpisodeState.MOVING, 60)
        threading.Timer(0.2, table.stop).start()
        assert ends(replaying) == "stopped"
        assert table.snapshot().state is EpisodeState.STOPPED
    finally:
        table.set_speed(0.0)


def test_the_arm_is_led_through_every_frame_and_the_world_judges(table: Episode, sample: DemonstrationStore) -> None:
    recorded = of_kind(sample, outcome=Outcome.SUCCESS, source="policy")
    seen: list[np.ndarray] = []
    unwatch = table.watch(lambda world, moving: seen.append(np.asarray(world.state()[0].position)))
    replaying = Replaying(lambda: None)
    replaying.begin(table, recorded, every_frame=True)
    assert ends(replaying) == "success"
    unwatch()
    apart = np.linalg.norm(np.array(seen)[None] - recorded.state[:, None, :3], axis=2).min(axis=1)
    assert np.quantile(apart, 0.9) < 0.02, "it has been where it was recorded"
    assert not table.snapshot().state.busy


def test_stop_halts_an_arm_that_is_led(table: Episode, sample: DemonstrationStore) -> None:
    replaying = Replaying(lambda: None)
    replaying.begin(table, of_kind(sample, source="mixed"), every_frame=True)
    table.wait(lambda now: now.state is EpisodeState.DRIVING, 60)
    threading.Timer(0.3, table.stop).start()
    assert ends(replaying) == "stopped"
    assert table.snapshot().state is EpisodeState.STOPPED


def test_a_scene_that_was_not_that_of_its_seed_is_not_replayed(table: Episode, sample: DemonstrationStore) -> None:
    recorded = of_kind(sample, source="mixed")
    labels = recorded.record.labels
    other = replace(labels, info=replace(labels.info, seed=(labels.info.seed or 0) + 1))
    recorded.record = replace(recorded.record, labels=other)
    replaying = Replaying(lambda: None)
    replaying.begin(table, recorded)
    assert ends(replaying) == "failed"
    assert replaying.state is not None
    assert "was when the take began" in replaying.state.sentence or "recorded scene" in replaying.state.sentence


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"world": "rlbench"}, "“rlbench”"),
        ({"world": ""}, "not noted"),
        ({"seed": None}, "without a scene"),
        ({"task_key": "fold_towel"}, "no task “fold_towel”"),
        ({"condition": "night"}, "condition “night”"),
    ],
)
def test_what_cannot_be_set_up_again_is_refused(
    table: Episode, sample: DemonstrationStore, changes: dict[str, object], sentence: str
) -> None:
    recorded = of_kind(sample, source="mixed")
    labels = recorded.record.labels
    info = replace(labels.info, **changes)  # type: ignore[arg-type]
    recorded.record = replace(recorded.record, labels=replace(labels, info=info))
    with pytest.raises(ReplayError, match=sentence):
        scene_of(recorded, "tabletop", table.tasks(), table.conditions())


def test_keyframes_that_repeat_the_one_before_are_left_out(sample: DemonstrationStore) -> None:
    recorded = of_kind(sample, source="mixed")
    every = len(keyframe_actions(recorded))
    recorded.keyframes = np.sort(np.concatenate([recorded.keyframes, [len(recorded) - 1, 0]]))
    assert len(keyframe_actions(recorded)) == every
    recorded.keyframes = np.array([], int)
    with pytest.raises(ReplayError, match="no keyframe"):
        keyframe_actions(recorded)


def test_a_replay_is_a_policy_that_says_when_it_is_done(sample: DemonstrationStore) -> None:
    recorded = of_kind(sample, outcome=Outcome.FAILURE)
    info = recorded.record.labels.info
    world = TabletopWorld()
    try:
        world.reset(info.task_key, info.seed or 0, info.variation, info.condition)
        policy = ReplayPolicy(world, recorded)
        plan = policy.plan(PlanRequest(info.task))
        assert [text.split(": ")[1] for text in plan.steps] == [recorded.steps[k] for k in recorded.keyframes]
        prediction = policy.predict(PredictRequest(world.observe(), plan, plan.steps[0]))
        assert prediction.step == plan.steps[1]
        frame = int(recorded.keyframes[1])
        assert prediction.action.pose.position == pytest.approx(recorded.action[frame, :3], abs=1e-6)
        assert prediction.action.gripper_open == bool(recorded.action[frame, 7] > 0.5)
        assert policy.plan(PlanRequest(info.task, plan.steps[-1])).status.value == "complete"
    finally:
        world.close()
