"""Planner training: packed rows equal what generate() sees, augmentation is exact, a killed run goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from clap.errors import CheckpointError
from clap.geometry.frames import Workspace, to_pixels
from clap.policies.base import INITIAL_STEP, PlanRequest
from clap.policies.planner.local import CoarseTaskPlanner, image_prefix, wrap_prompt
from clap.policies.planner.text_format import FULL_FORMAT, NAME_PROMPT, Format, parse_plan
from clap.policies.prediction import PlanStatus
from clap.worlds.tabletop import phrasing
from tests.support.killed_training import kill_at
from tests.support.synthetic_shards import write_shard
from training.data.language_plans import answer_for
from training.planner.batches import IGNORED, BatchMaker
from training.planner.config import PlannerTrainingConfig
from training.planner.conversations import scene_conversations
from training.planner.first_steps import FirstSteps, frame_of, measured_offsets, trained_subtasks
from training.planner.losses import batched_vision_attention
from training.planner.model_init import new_mini_planner
from training.planner.scenes import SceneStore, recolor_table, shift_scene
from training.planner.train import CHECKPOINT_FILE, PlannerTraining, train
from training.trainer.optimizers import learning_rate_factor


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_shard(folder, 0, 8, seed=0)
    return folder


@pytest.fixture(scope="module")
def store(data):
    return SceneStore(data)


@pytest.fixture(scope="module")
def planner() -> CoarseTaskPlanner:
    return new_mini_planner(seed=0, width=64, layers=2)


def tiny(data, out, **changes) -> PlannerTrainingConfig:
    config = PlannerTrainingConfig(
        str(data),
        str(out),
        minutes=0.02,
        warmup_minutes=0.001,
        width=64,
        layers=2,
        batch_scenes=2,
        warmup_batch_scenes=2,
        batch_plans=2,
        evaluations=0,
        final_scenes=1,
        final_plans=1,
        log_steps=1,
    )
    return replace(config, **changes)


def test_packed_rows_give_the_logits_of_a_plain_forward(planner, store):
    model, maker = planner.model.eval(), BatchMaker(planner)
    scene = store.scene(store.trajectories[0])
    batch = maker.scenes([scene], np.random.default_rng(0))
    start = len(maker.prefix)
    branches = maker.branches(scene, np.random.default_rng(0))
    at = start
    with torch.inference_mode():
        features = model.model.visual(batch.patches, grid_thw=batch.grid).pooler_output
        embedded = model.model.language_model.embed_tokens(batch.ids)
        is_image = (batch.ids == model.config.image_token_id)[..., None]
        hidden = model.model.language_model(
            inputs_embeds=embedded.masked_scatter(is_image, features),
            position_ids=batch.positions,
            attention_mask=batch.mask,
            use_cache=False,
        ).last_hidden_state
        packed = model.lm_head(hidden)[0]
        assert len(branches) == 3
        for branch in branches:
            end = at + len(branch.ids)
            row = torch.cat([batch.ids[:, :start], batch.ids[:, at:end]], 1)
            plain = model(
                input_ids=row,
                attention_mask=torch.ones_like(row),
                pixel_values=batch.patches,
                image_grid_thw=batch.grid,
                mm_token_type_ids=(row == model.config.image_token_id).int(),
            ).logits[0]
            assert torch.allclose(packed[at:end], plain[start:], atol=1e-4)
            at = end


def test_packed_question_is_the_prompt_of_the_planner(planner, store):
    maker = BatchMaker(planner)
    query = store.scene(store.trajectories[0]).query
    text = FULL_FORMAT.reasoning_prompt(query.plan, query.last_step)
    prompt = maker.encode(wrap_prompt(image_prefix(maker.side**2) + text, chat=False))
    branch = maker.branches(store.scene(store.trajectories[0]), np.random.default_rng(0))[2]
    asked = sum(label == IGNORED for label in branch.labels)
    assert prompt == maker.prefix + branch.ids[:asked]


def test_before_each_name_of_what_is_seen_attention_goes_to_the_thing(planner, store):
    maker, scene = BatchMaker(planner), store.scene(store.trajectories[0])
    branch = maker.branches(scene, np.random.default_rng(0))[1]
    assert planner.tokenizer.decode(branch.ids).startswith(NAME_PROMPT)
    names = phrasing.scene_names(scene.names, scene.drawer_open)
    assert len(branch.attention_targets) == len(names)
    located = {thing.name: thing.pixels for thing in scene.located(Workspace())}
    for name, (offset, pixels) in zip(names, branch.attention_targets, strict=True):
        assert branch.ids[offset + 1] == maker.encode(name.split()[0])[0]
        assert (pixels == located[name]).all()
    looks = maker.scenes([scene], np.random.default_rng(0)).attention_targets
    column, row = located[names[0]][2] // 28
    assert looks.target[0] == maker.image_positions[(2 * 8 + row) * 8 + column]


def test_ablations_leave_their_parts_out(planner, store):
    scene = store.scene(store.trajectories[0])
    rng = np.random.default_rng(0)
    bare = scene_conversations(scene, rng, Format(objects=False, plan=False, last=False), object_data=False)
    (query,) = bare
    assert query.prompt == f"task : {scene.query.instruction}"
    assert query.answer.startswith(f"step : {scene.query.step} keypoint : ")
    assert len(scene_conversations(scene, rng, FULL_FORMAT)) == 3
    hidden = replace(scene, visible=(False,) * len(scene.names))
    only_names, _ = scene_conversations(hidden, rng, FULL_FORMAT)
    assert only_names.answer == "seen : nothing"


def test_batched_vision_attention_changes_nothing(planner, store):
    batch = BatchMaker(planner).scenes([store.scene(store.positions[0])], np.random.default_rng(0), text=False)
    with torch.inference_mode():
        plain = planner.model.model.visual(batch.patches, grid_thw=batch.grid).pooler_output
        with batched_vision_attention(64):
            fast = planner.model.model.visual(batch.patches, grid_thw=batch.grid).pooler_output
    assert torch.allclose(plain, fast, atol=1e-4)


def test_labels_are_never_corrupted_and_some_inputs_are(planner, store):
    maker = BatchMaker(planner)
    scene = store.scene(store.trajectories[0])
    batch = maker.scenes([scene], np.random.default_rng(0))
    branches = maker.branches(scene, np.random.default_rng(0))
    start = len(maker.prefix)
    clean = torch.tensor([i for branch in branches for i in branch.ids])
    seen = batch.ids[0, start : start + len(clean)]
    changed = (seen != clean).nonzero()[:, 0]
    assert len(changed) > 0
    assert (clean[changed] >= maker.zero).all()
    labels = torch.tensor([label for branch in branches for label in branch.labels])
    wanted = batch.labels[0, start : start + len(labels)]
    assert sorted(wanted.tolist()) == sorted(labels.tolist())


def test_a_v_is_not_learned_after_a_u_that_was_made_anything(planner, store):
    maker = BatchMaker(planner)
    batch = maker.scenes([store.scene(key) for key in store.trajectories[:4]], np.random.default_rng(0))
    assert batch.misled.any()
    is_u = (batch.ids[:, :-2, None] == maker.view_tokens).any(-1) & (batch.labels[:, 1:-1] >= maker.zero)
    far = (batch.ids - batch.labels).abs()[:, 1:-1] > 30  # further off than noise around the right number ever is
    misled = batch.misled[:, 2:]
    assert misled[is_u & far].all()
    assert not misled[is_u & (batch.ids == batch.labels)[:, 1:-1]].all()
    assert (batch.labels[batch.misled] >= maker.zero).all()


def test_a_shift_moves_pixels_and_labels_alike(store):
    scene = store.scene(store.trajectories[0])
    workspace = Workspace()
    shift = np.array([5, -7, 2])
    moved = shift_scene(scene, shift, workspace)
    before, after = to_pixels(scene.positions, workspace), to_pixels(moved.positions, workspace)
    # Half a pixel of float error may flip a floor; the shift itself is exact.
    assert np.abs(after - before - np.array([[-7, -2], [-5, -2], [5, 7]])).max() <= 1
    for k in range(3):
        for (u0, v0), (u1, v1) in zip(before[:, k], after[:, k], strict=True):
            du, dv = [(-7, -2), (-5, -2), (5, 7)][k]
            assert (moved.rgb[k, v0 + dv, u0 + du] == scene.rgb[k, v0, u0]).all()
            assert abs(u1 - u0 - du) <= 1 and abs(v1 - v0 - dv) <= 1
    depth_change = np.median(moved.depth[2, 60:160, 60:160] - np.roll(scene.depth[2], (7, 5), (0, 1))[60:160, 60:160])
    assert depth_change == pytest.approx(-2 / 224, abs=1e-6)
    assert np.allclose(moved.query.keypoint - scene.query.keypoint, shift / 224)


def test_extra_first_steps_have_the_keypoint_that_a_demonstration_would(data, tmp_path):
    write_shard(tmp_path, 0, 64, seed=3)
    store = SceneStore(tmp_path)
    first_steps, rng = FirstSteps(store), np.random.default_rng(0)
    assert set(first_steps.offsets) == {"block"}
    asked = [first_steps.draw(store.scene(key), rng) for key in store.positions]
    assert any(asked)
    for key, query in zip(store.positions, asked, strict=True):
        if query:
            scene = store.scene(key)
            block = scene.positions[scene.names.index(query.objects[0])]
            assert np.allclose(query.keypoint, block + np.array([0, 0, 0.12]))
            assert query.objects[1] == query.objects[0].replace("block", "cup")
    later = [key for key in store.trajectories if store.scene(key).query.step_index > 0]
    assert not any(first_steps.draw(store.scene(key), rng) for key in later)


def closed_drawer(yaw: float) -> dict[str, np.ndarray]:
    """A drawer that looks along ``yaw``, with its handle."""
    drawer = np.array([0.3, 0.1, 0.81])
    return {
        phrasing.DRAWER: drawer,
        phrasing.HANDLE: drawer + 0.12 * np.array([np.cos(yaw), np.sin(yaw), 0.1]),
    }


def test_the_offset_from_a_handle_turns_with_its_drawer():
    def record(yaw: float) -> dict:
        points = closed_drawer(yaw)
        ahead = np.array([0.06 * np.cos(yaw), 0.06 * np.sin(yaw), 0.05])
        return {
            "task_objects": [phrasing.HANDLE],
            "objects": [{"name": name, "position": point} for name, point in points.items()],
            "step_index": 0,
            "last_step": INITIAL_STEP,
            "keypoint": points[phrasing.HANDLE] + ahead,
        }

    offsets = measured_offsets([record(yaw) for yaw in np.linspace(-3, 3, 9)])
    assert offsets["handle"] == pytest.approx([0.06, 0, 0.05])
    points = closed_drawer(1.0)
    place = points[phrasing.HANDLE] + offsets["handle"] @ frame_of(phrasing.HANDLE, points)
    assert place == pytest.approx(record(1.0)["keypoint"])
    assert trained_subtasks(phrasing.HANDLE, drawer_open=True) == []


def test_held_out_records_are_never_drawn_and_new_shards_are_found(data, tmp_path):
    write_shard(tmp_path, 0, 8, seed=1)
    store = SceneStore(tmp_path)
    assert store.held_out == [("shard-00000", 7)]
    assert not set(store.held_out) & set(store.trajectories + store.positions)
    write_shard(tmp_path, 1, 4, seed=2)
    assert store.refresh() == 1
    assert len(store) == 10


def test_a_recoloured_table_leaves_things_as_they_are(store):
    scene = store.scene(store.trajectories[0])
    painted = recolor_table(scene, np.array([0.1, 0.9, 0.1]), Workspace())
    changed = (painted.rgb != scene.rgb).any(-1)
    assert changed[2].mean() > 0.3
    for thing in scene.located(Workspace()):
        u, v = thing.pixels[2]
        assert not changed[2, v, u]
    assert (painted.rgb[2][changed[2]].argmax(-1) == 1).all()


def test_subtasks_follow_each_other_and_end_complete():
    put = phrasing.pick_and_place_steps("red block", "drawer")
    subtasks = (phrasing.OPEN_DRAWER_STEPS, put)
    assert parse_plan(answer_for(subtasks, INITIAL_STEP)).steps == phrasing.OPEN_DRAWER_STEPS
    assert parse_plan(answer_for(subtasks, phrasing.OPEN_DRAWER_STEPS[1])).steps == phrasing.OPEN_DRAWER_STEPS
    assert parse_plan(answer_for(subtasks, phrasing.OPEN_DRAWER_STEPS[-1])).steps == put
    assert parse_plan(answer_for(subtasks, put[-1])).status is PlanStatus.COMPLETE


def test_rate_warms_up_stays_flat_and_decays():
    def rate_factor(progress: float, step: int) -> float:
        return learning_rate_factor(step, progress, warmup_steps=40, decay_share=0.3, floor=0.02)

    assert rate_factor(0.0, 0) < 0.05
    assert rate_factor(0.5, 100) == 1
    assert rate_factor(0.85, 100) == pytest.approx(0.52)
    assert rate_factor(1.0, 100) == pytest.approx(0.02)


def test_a_run_trains_exports_and_resumes(data, tmp_path):
    train(tiny(data, tmp_path), resume=False)
    planner = CoarseTaskPlanner.load(tmp_path)
    assert isinstance(planner.plan(PlanRequest("open the drawer")).status, PlanStatus)
    record = json.loads((tmp_path / "training_record.json").read_text())
    assert record["counts"]["step"] > 0
    assert record["data"]["scenes_seen"] >= 2
    assert {"keypoints_within_8px", "seen_exact", "plans_phrasing_exact"} <= set(record["evaluation"])
    train(tiny(data, tmp_path, minutes=record["cpu_minutes"] + 0.03), resume=True)
    again = json.loads((tmp_path / "training_record.json").read_text())
    assert again["counts"]["step"] > record["counts"]["step"]
    assert again["cpu_minutes"] > record["cpu_minutes"]


@pytest.mark.parametrize("object_data", [True, False])
def test_only_a_planner_taught_with_object_data_looks_first(data, tmp_path, object_data):
    run = PlannerTraining(tiny(data, tmp_path, object_data=object_data))
    assert run.planner.settings.look_first is object_data


def test_resuming_is_bit_exact(data, tmp_path):
    def step_twice(run):
        run.planner.model.train()
        run.progress.cpu_seconds = 6.0  # the warm-up of 3.6 seconds is over
        return [run.train_step()["loss"] for _ in range(2)]

    config = tiny(data, tmp_path, minutes=1.0, warmup_minutes=0.06)
    run = PlannerTraining(config)
    step_twice(run)
    run.save()
    wanted = step_twice(run)
    again = PlannerTraining(config)
    assert again.resume()
    assert step_twice(again) == wanted


def test_a_killed_run_goes_on_from_its_last_checkpoint(data, tmp_path):
    config = tiny(data, tmp_path, minutes=0.2, checkpoint_seconds=0.0)
    kill_at(lambda: train(config, resume=False), tmp_path / CHECKPOINT_FILE)
    saved = torch.load(tmp_path / CHECKPOINT_FILE, weights_only=True)
    again = PlannerTraining(config)
    assert again.resume()
    assert (again.progress.step, again.progress.cpu_seconds) == (saved["counts"]["step"], saved["elapsed"])
    assert 0 < again.training_run.share < 1
    shorter = replace(config, minutes=saved["elapsed"] / 60 + 0.01)
    train(shorter, resume=True)
    assert json.loads((tmp_path / "training_record.json").read_text())["counts"]["step"] > saved["counts"]["step"]


def test_what_cannot_be_trained_is_said(data, tmp_path):
    with pytest.raises(CheckpointError, match="no complete shard"):
        PlannerTraining(tiny(tmp_path, tmp_path / "out"))
    PlannerTraining(tiny(data, tmp_path)).save()
    with pytest.raises(CheckpointError, match="does not fit"):
        PlannerTraining(tiny(data, tmp_path, layers=1)).resume()
