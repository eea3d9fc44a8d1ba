"""Recorded demonstrations as training data: the steps in them, what they tell of things, and the shards they become."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from clap.policies.base import INITIAL_STEP
from clap.worlds.tabletop import phrasing
from demos.frames import Outcome
from demos.sample import SAMPLE
from demos.store.store import DemonstrationStore
from training.commands.from_recordings import main
from training.data.language_plans import answer_for
from training.data.recordings.steps import SkippedEpisodeError, recorded_steps, subtask_plans
from training.data.recordings.things import known_subtask, objects_of_plan, places_at
from training.planner.batches import IGNORED, BatchMaker
from training.planner.conversations import query_conversation
from training.planner.losses import DenseHead, PlannerLosses
from training.planner.model_init import new_mini_planner
from training.planner.scenes import SceneStore
from training.predictor.samples import ZoomData

STEPS = phrasing.pick_and_place_steps("red block", "blue cup")
SUBTASK = "; ".join(STEPS)


@pytest.fixture(scope="module")
def sample():
    with DemonstrationStore.open(SAMPLE, read_only=True) as store:
        yield store


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("recorded") / "shards"
    assert main([str(SAMPLE), "--out", str(out), "--copies", "2", "--moments", "1"]) == 0
    return out


def drawn(steps, keyframes, subtasks=None, openings=None, outcome=Outcome.SUCCESS):
    """An episode of these step texts, frame by frame, whose gripper moves a centimetre a frame."""
    count = len(steps)
    state = np.zeros((count, 8))
    state[:, 0], state[:, 6], state[:, 7] = 0.01 * np.arange(count), 1, 1 if openings is None else openings
    labels = SimpleNamespace(outcome=outcome)
    return SimpleNamespace(
        record=SimpleNamespace(labels=labels), steps=steps, subtasks=subtasks or [SUBTASK] * count, state=state,
        keyframes=np.array(keyframes), fps=10,
    )  # fmt: skip


def runs(*lengths, texts=STEPS):
    return [text for text, length in zip(texts, lengths, strict=True) for _ in range(length)]


def test_a_step_is_seen_from_the_keyframe_before_it_and_ends_at_its_last_keyframe():
    openings = [1.0] * 6 + [0.4] * 9 + [1.0]
    found = recorded_steps(drawn(runs(4, 4, 4, 4), (3, 5, 7, 11, 15), openings=openings))
    assert [(step.step, step.ends_at, step.seen_at[0]) for step in found] == [
        (STEPS[0], 3, 0), (STEPS[1], 7, 3), (STEPS[2], 11, 7), (STEPS[3], 15, 11),
    ]  # fmt: skip
    assert [step.last_step for step in found] == [INITIAL_STEP, *STEPS[:3]]
    assert [step.contact for step in found] == [False, True, False, True]
    assert [step.action.gripper_open for step in found] == [True, False, False, True]
    assert all(step.seen_at[-1] < step.ends_at for step in found)


def test_a_step_without_a_keyframe_is_left_out_and_so_is_a_first_attempt():
    tried = [STEPS[0], STEPS[1], STEPS[0], STEPS[1], STEPS[2], STEPS[3]]
    found = recorded_steps(drawn(runs(3, 3, 3, 3, 3, 3, texts=tried), (2, 5, 8, 11, 17)))
    assert [(step.step, step.ends_at) for step in found] == [(STEPS[0], 8), (STEPS[1], 11), (STEPS[3], 17)]
    assert [step.last_step for step in found] == [INITIAL_STEP, STEPS[0], STEPS[2]]


def test_a_plan_that_was_changed_on_the_way_is_one_and_the_next_sub_task_remembers_the_last():
    changed = (*STEPS[:2], "the robot lifts the green block", STEPS[3])
    drawer = phrasing.OPEN_DRAWER_STEPS
    texts = [STEPS[0], STEPS[1], changed[2], changed[3], drawer[0]]
    subtasks = runs(2, 2, 2, 2, 2, texts=[SUBTASK, SUBTASK, "; ".join(changed), "; ".join(changed), "; ".join(drawer)])
    found = recorded_steps(drawn(runs(2, 2, 2, 2, 2, texts=texts), range(1, 10, 2), subtasks))
    assert subtask_plans(found) == (changed, drawer)
    assert found[-1].last_step == STEPS[3]
    assert answer_for(subtask_plans(found), changed[2]).startswith(f"steps : {changed[0]}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"outcome": Outcome.FAILURE}, "did not end in success"),
        ({"steps": [""] * 8}, "no step text"),
        ({"keyframes": ()}, "none of its steps ends with a keyframe"),
        ({"steps": ["pick it up 3 times"] * 8}, "does not read like"),
    ],
)
def test_what_cannot_be_learned_from_says_why(changes, reason):
    made = {"steps": runs(2, 2, 2, 2), "keyframes": (1, 3, 5, 7), **changes}
    with pytest.raises(SkippedEpisodeError, match=reason):
        recorded_steps(drawn(**made))


def test_the_demonstration_shows_where_its_things_are(sample):
    """Compared with the simulator's positions, which the export never looks at."""
    worst, count = 0.0, 0
    for record in sample.episodes():
        if record.labels.outcome is not Outcome.SUCCESS:
            continue
        episode = sample.read(record.id)
        steps = recorded_steps(episode)
        for step in steps:
            truth = episode.objects[step.seen_at[0]]
            for place in places_at(episode, steps, step, step.seen_at[0]):
                assert place.known == (True, True, False)
                # A thing dropped into the drawer comes to lie beside the drawer's middle.
                worst = max(worst, float(np.abs(place.position[:2] - np.array(truth[place.name])[:2]).max()))
                count += 1
    assert count > 20
    assert worst < 0.03


def test_known_plans_are_recognised_and_others_are_not():
    assert known_subtask(STEPS).container == "blue cup"
    assert known_subtask(phrasing.pick_and_place_steps("triangle", phrasing.SORTER)).container == phrasing.SORTER
    assert known_subtask(phrasing.OPEN_DRAWER_STEPS).opens_drawer
    odd = ("the robot moves above the mug", "the robot pushes the mug to the wall")
    assert known_subtask(odd) is None
    assert objects_of_plan(odd) == ("mug", "wall")


def test_the_shards_hold_each_step_moved_and_unmoved(shards):
    lines = [json.loads(line) for path in sorted(shards.glob("shard-*/records.jsonl")) for line in path.open()]
    assert len(lines) == 5 * 4 * 2  # the sample's failure is left out
    assert {line["recorded"] for line in lines} == {True}
    unmoved, moved = lines[::2], lines[1::2]
    apart = [np.linalg.norm(np.subtract(a["keypoint"], b["keypoint"])) for a, b in zip(unmoved, moved, strict=True)]
    assert min(apart) > 0.001
    zooms = ZoomData(shards)
    assert zooms.count() + zooms.count(held_out=True) == 2 * len(lines)
    samples = zooms.read(np.arange(zooms.count()))
    grasps = [k for k, target in enumerate(samples.targets) if "grasps" in target.step]
    assert (samples.depth[grasps] > 0).mean() > 0.2  # the table around the thing; a hover's window is mostly air
    assert {target.yaw_period for target in samples.targets} != {None}


def test_a_folder_with_other_shards_is_refused(shards, tmp_path, capsys):
    with DemonstrationStore.open(SAMPLE, read_only=True) as store:
        last = store.episodes()[1].id
    assert main([str(SAMPLE), "--out", str(shards), "--episodes", last]) == 1
    assert "another episode" in capsys.readouterr().err
    assert main([str(SAMPLE), "--out", str(tmp_path / "x"), "--episodes", "no-such-one"]) == 1


def test_what_is_not_known_of_a_recording_is_not_learned(shards):
    planner = new_mini_planner(0, width=64, layers=2)
    store, batches = SceneStore(shards), BatchMaker(planner)
    scene = store.scene(store.trajectories[0])
    assert not scene.complete
    item = query_conversation(scene, scene.query, planner.settings.format)
    # Of a thing's six numbers, from above u and v, then u and v in front and from the left, v is the height.
    assert item.unknown == {3, 5, 9, 11}
    batch = batches.scenes([scene], np.random.default_rng(0))
    learned = batch.labels[batch.labels >= batches.zero]
    assert len(learned) == 6 * 3 - 4
    assert len(batch.cells.names) == 0
    rows = (batch.labels[0] != IGNORED).sum()
    assert rows > len(learned)
    losses = PlannerLosses(planner.model, batches)
    loss, figures = losses.scenes(batch)
    losses.close()
    assert np.isfinite(loss.item())
    assert "dense" not in figures


def test_a_recording_beside_complete_scenes_leaves_the_dense_objective_to_those(shards):
    planner = new_mini_planner(0, width=64, layers=2)
    store, batches = SceneStore(shards), BatchMaker(planner)
    scene = store.scene(store.trajectories[0])
    known = dataclasses.replace(scene, complete=True)
    batch = batches.scenes([scene, known], np.random.default_rng(0), text=False)
    tokens = 3 * batches.side**2
    assert batch.cells.complete.tolist() == [False] * tokens + [True] * tokens
    assert batch.cells.cell.min() >= tokens
    losses = PlannerLosses(planner.model, batches, DenseHead(64, ["yellow", "block", "cup"]))
    loss, _ = losses.vision(batch)
    loss.backward()
    assert 0 < loss.item() < 100
    nothing, _ = losses.vision(batches.scenes([scene, scene], np.random.default_rng(0), text=False))
    assert nothing.item() == 0
    losses.close()
