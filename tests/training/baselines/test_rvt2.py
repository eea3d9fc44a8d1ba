"""The RVT-2 baseline: its samples, that both branches learn, resuming to the same weights, and it as a policy."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from clap.errors import CheckpointError, EmptyCloudError, InvalidInstructionError
from clap.geometry.frames import Workspace, project
from clap.geometry.observation import fuse
from clap.geometry.views import render_views
from clap.policies.base import PlanRequest, PredictRequest
from clap.policies.prediction import PlanStatus, Prediction
from clap.policies.predictor.network import FineActionNetwork, PredictorConfig
from clap.policies.predictor.predictor import FineActionPredictor
from clap.rollout.rollout import Rollout
from clap.worlds.base import Action
from clap.worlds.tabletop.phrasing import instruction_templates
from clap.worlds.tabletop.tasks import task_infos
from clap.worlds.tabletop.world import TabletopWorld
from tests.support import predictor_shards, synthetic_shards
from tests.support.killed_training import kill_at
from tests.support.kinematic_world import KinematicWorld
from training.baselines import train_rvt2
from training.baselines.export_rvt2 import export
from training.baselines.rvt2 import BRANCHES, COARSE, FINE, branch_config, sentence_tokenizer
from training.baselines.rvt2_data import BranchData
from training.baselines.rvt2_policy import PRETRAINED, Rvt2Policy
from training.baselines.train_rvt2 import BranchSettings, BranchTraining
from training.data.shards import TrainingDataError

SIZE = 56


def tell_instructions(shard, **fields) -> None:
    """Make a shard's records say what a demonstration's records say beyond the painted ones."""
    lines = []
    for record in map(json.loads, (shard / "records.jsonl").read_text("utf-8").splitlines()):
        for thing in record.get("objects", ()):
            thing["visible"] = True
        if record["kind"] == "trajectory":
            color = record["step"].split()[-2]
            extra = {"instruction": f"Put the {color} block in the {color} cup.", "contact": "grasps" in record["step"]}
            record |= {"task": "block_in_same_cup", "demo": 0, "drawer_open": None, **extra, **fields}
        lines.append(json.dumps(record))
    (shard / "records.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Painted shards for each branch: canonical views, of which every fourth pixel is kept, and zooms."""
    path = tmp_path_factory.mktemp("rvt2")
    (path / COARSE).mkdir()
    synthetic_shards.write_shard(path / COARSE, 0, 16, seed=0)
    for views in sorted((path / COARSE / "shard-00000").glob("views_*.npy")):
        np.save(views, np.load(views)[:, :, ::4, ::4])
    (path / FINE).mkdir()
    predictor_shards.write_shard(path / FINE, 0, 20, SIZE)
    for branch in BRANCHES:
        tell_instructions(path / branch / "shard-00000")
    return {branch: path / branch for branch in BRANCHES}


@pytest.fixture
def small(monkeypatch):
    """Networks with fewer and narrower layers than a branch has."""

    def config(image_size: int, vocabulary: int) -> PredictorConfig:
        whole = branch_config(image_size, vocabulary)
        encoders = replace(whole.encoders, width=80, channels=24)
        return replace(whole, encoders=encoders, transformer=replace(whole.transformer, layers=2))

    monkeypatch.setattr(train_rvt2, "branch_config", config)


def settings(folders, out, branch, **changes) -> BranchSettings:
    return BranchSettings(
        folders[branch], out, branch=branch, **{"samples": 8, "batch": 2, "warmup_steps": 2, **changes}
    )


@pytest.mark.parametrize("branch", BRANCHES)
def test_samples_are_told_the_sentence_and_their_target_is_where_it_is_drawn(folders, branch):
    data = BranchData(folders[branch], branch)
    samples = data.read(np.arange(4))
    assert all(target.step.startswith("put the ") and "." not in target.step for target in samples.targets)
    assert data.demonstrations == {("block_in_same_cup", 0)}
    assert 0 < data.count(held_out=True) < data.count()
    blank = replace(samples, rgb=np.zeros_like(samples.rgb), depth=np.zeros_like(samples.depth))
    unit = Workspace((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    pixels = project(samples.position, unit, data.image_size).astype(int)
    for k, view in np.ndindex(4, 3):
        u, v = pixels[k, view]
        blank.depth[k, view, v, u], blank.rgb[k, view, v, u] = 0.5, 255
    data.read = lambda indices, held_out=False: blank
    for seed in range(4):
        moved = data.draw(np.arange(4), np.random.default_rng(seed))
        assert not np.allclose(moved.position, samples.position)
        pixels = project(moved.position, unit, data.image_size).astype(int)
        drawn = [moved.depth[k, view, pixels[k, view, 1], pixels[k, view, 0]] > 0 for k, view in np.ndindex(4, 3)]
        # A few pixels are dropped, and a shift in depth may push the painted point out of the window.
        assert np.mean(drawn) > 0.5
        lifted = (moved.position - samples.position)[:, 2] / 2
        assert np.allclose(moved.height, samples.height - lifted)


def test_the_coarse_and_the_fine_label_of_one_record_are_the_same_point(tmp_path):
    predictor_shards.write_shard(tmp_path, 0, 4, SIZE)
    shard = tmp_path / "shard-00000"
    tell_instructions(shard, keypoint=[0.2, 0.1, 0.8])
    for part in ("rgb", "depth"):
        zooms = np.load(shard / f"zooms_{part}.npy")
        np.save(shard / f"views_{part}.npy", zooms)
    coarse, fine = (BranchData(tmp_path, branch).read(np.arange(2)) for branch in BRANCHES)
    assert np.allclose(Workspace().to_world(coarse.position), [0.2, 0.1, 0.8])
    records = [json.loads(line) for line in (shard / "records.jsonl").read_text("utf-8").splitlines()]
    for k, record in enumerate(records[:2]):
        window = Workspace(tuple(record["zooms"][0]["low"]), tuple(record["zooms"][0]["high"]))
        assert np.allclose(window.to_world(fine.position[k]), record["action"]["position"])
        assert fine.height[k] == pytest.approx(window.center[2] / 0.25)


@pytest.mark.parametrize("branch", BRANCHES)
def test_records_without_a_sentence_are_a_named_error(tmp_path, branch):
    predictor_shards.write_shard(tmp_path, 0, 4, SIZE)
    for part in ("rgb", "depth"):
        np.save(tmp_path / "shard-00000" / f"views_{part}.npy", np.zeros((4, 3, SIZE, SIZE)))
    with pytest.raises(TrainingDataError, match="do not say which task instruction"):
        BranchData(tmp_path, branch)


def test_an_empty_folder_and_shared_demonstrations_are_named_errors(folders, tmp_path):
    with pytest.raises(TrainingDataError, match="no complete shard"):
        BranchData(tmp_path, FINE)
    with pytest.raises(TrainingDataError, match="share 1 demonstrations"):
        BranchTraining(settings(folders, tmp_path, FINE, validation=folders[FINE]))


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_branch_learns_one_sample_by_heart(small, folders, tmp_path, branch):
    training = BranchTraining(settings(folders, tmp_path, branch, samples=10**6, learning_rate=3e-3))
    sample = training.data.read(np.array([0]))
    training.data.draw = lambda indices, rng: sample
    first = training.train_step()
    for _ in range(24):
        last = training.train_step()
    assert set(first) == ({"heatmap"} if branch == COARSE else {"heatmap", "rotation", "gripper", "collision"})
    assert sum(last.values()) < 0.7 * sum(first.values())
    training.data._entries[True] = training.data._entries[False][:1]
    report = training.evaluate(1)
    assert report["within_8px"] == 1.0
    assert branch == COARSE or (report["gripper"], report["collision"], report["median_degrees"] < 8) == (1, 1, True)


def weights(out, branch) -> dict[str, torch.Tensor]:
    return FineActionPredictor.load(out / branch).network.state_dict()


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_run_that_was_cut_and_resumed_ends_as_one_that_was_not(small, folders, tmp_path, branch):
    whole = BranchTraining(settings(folders, tmp_path / "whole", branch))
    report = whole.run()
    assert report["count"] == whole.data.count(held_out=True)
    cut = BranchTraining(settings(folders, tmp_path / "cut", branch))
    for _ in range(2):
        cut.train_step()
    cut.save()
    cut.train_step()
    resumed = BranchTraining(settings(folders, tmp_path / "cut", branch, resume=True))
    assert (resumed.progress.step, resumed.progress.samples) == (2, 4)
    resumed.run()
    ended, expected = weights(tmp_path / "cut", branch), weights(tmp_path / "whole", branch)
    assert all(torch.equal(value, expected[name]) for name, value in ended.items())
    lines = [json.loads(line) for line in (tmp_path / "whole" / f"{branch}-run" / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "end"]
    assert lines[-1]["samples"] == 8 and lines[-1]["cpu_seconds"] > 0


def test_a_run_that_was_killed_ends_as_one_that_was_not(small, folders, tmp_path):
    fast = settings(folders, tmp_path / "whole", FINE, samples=40, checkpoint_seconds=0.0)
    BranchTraining(fast).run()
    killed = replace(fast, out=tmp_path / "killed")
    kill_at(lambda: BranchTraining(killed).run(), tmp_path / "killed" / f"{FINE}-run" / "checkpoint.pt")
    resumed = BranchTraining(replace(killed, resume=True))
    assert 0 < resumed.progress.samples < 40
    resumed.run()
    ended, expected = weights(tmp_path / "killed", FINE), weights(tmp_path / "whole", FINE)
    assert all(torch.equal(value, expected[name]) for name, value in ended.items())


def test_an_epoch_shows_every_sample_once(folders, tmp_path):
    training = BranchTraining(settings(folders, tmp_path, FINE, samples=10**6, batch=5))
    count, seen = training.data.count(), []
    while len(seen) < 3 * count:
        seen += training.next_indices().tolist()
        training.progress.samples = len(seen)
    assert [sorted(seen[n * count :][:count]) for n in range(3)] == [list(range(count))] * 3
    assert seen[:count] != seen[count:][:count]


def test_an_unreadable_checkpoint_is_a_named_error(folders, tmp_path):
    (tmp_path / f"{FINE}-run").mkdir()
    (tmp_path / f"{FINE}-run" / "checkpoint.pt").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="cannot be read"):
        BranchTraining(settings(folders, tmp_path, FINE, resume=True))


def test_the_world_s_own_sentences_have_no_unknown_word():
    tokenizer = sentence_tokenizer(set())
    slots = {"color": "blue", "thing": "triangle", "container": "green cup"}
    for info in task_infos():
        for template in instruction_templates(info.key):
            ids = tokenizer(template.format(**slots).lower().replace(",", ""))["input_ids"]
            assert tokenizer.unk_token_id not in ids, template
    assert tokenizer("toss the banana")["input_ids"].count(tokenizer.unk_token_id) == 2


def untrained(seed: int, coarse_size: int = 224, fine_size: int = 112) -> Rvt2Policy:
    tokenizer = sentence_tokenizer(set())
    torch.manual_seed(seed)
    networks = (FineActionNetwork(branch_config(size, len(tokenizer))) for size in (coarse_size, fine_size))
    return Rvt2Policy(*(FineActionPredictor(network, tokenizer) for network in networks))


def pointing_at_something(seen) -> tuple[Rvt2Policy, Prediction]:
    """An untrained policy whose keypoint happens to lie near something that is seen, and its prediction."""
    for seed in range(100):
        policy = untrained(seed)
        try:
            return policy, policy.predict(PredictRequest(seen, policy.plan(PlanRequest("open the drawer"))))
        except EmptyCloudError:
            continue
    raise AssertionError("no window of a hundred showed anything")


def test_a_policy_takes_a_step_in_the_world_and_predicts_the_same_once_saved_and_loaded(tmp_path):
    world = TabletopWorld()
    try:
        world.reset("open_drawer", 10_000)
        policy, first = pointing_at_something(world.observe())
        for branch in BRANCHES:
            getattr(policy, branch).save(tmp_path / branch)
        rollout = Rollout(world, Rvt2Policy.load(tmp_path, world.workspace), "Open the drawer!")
        assert rollout.ask_plan().steps == ("open the drawer",)
        decided = rollout.decide().prediction
        assert np.array_equal(decided.action.pose.position, first.action.pose.position)
        refined = policy.refine(world.observe(), "open the drawer", decided.keypoint.position)
        assert np.array_equal(refined.action.pose.position, decided.action.pose.position)
        wanted = policy.predict(PredictRequest(world.observe(), rollout.plan, step="open the drawer"))
        assert wanted.step == "open the drawer"
        assert np.array_equal(decided.heatmaps, first.heatmaps)
        assert (decided.step, decided.objects, rollout.state.detected_objects) == ("open the drawer", (), None)
        assert np.allclose(decided.window.center, decided.keypoint.position)
        assert decided.window.half_extent == pytest.approx(0.125)
        assert decided.window.contains(decided.action.pose.position)
        assert (decided.views.size, decided.zoomed.size) == (224, 112)
        # Where untrained weights point the arm may not reach: it turns its gripper where it is.
        here = Action(world.state()[0], decided.action.gripper_open, decided.action.ignore_collisions)
        assert rollout.execute(replace(decided, action=here)).ok
        assert rollout.state.steps_done == 1 and rollout.ask_plan().status is PlanStatus.STEPS
    finally:
        world.close()


def test_the_keypoint_follows_the_sentence():
    policy = untrained(0, coarse_size=SIZE)
    views = render_views(fuse(KinematicWorld().observe(), Workspace()), Workspace(), SIZE)
    red, drawer = (
        policy.coarse.predict(views, text, 1.0).heatmaps for text in ("put the red block", "open the drawer")
    )
    assert not np.allclose(red, drawer, rtol=1e-3)


@pytest.mark.parametrize("instruction", ["", " . ", "very " * 33 + "long"])
def test_a_sentence_without_words_or_too_long_is_refused(instruction):
    with pytest.raises(InvalidInstructionError, match="words"):
        untrained(0, SIZE, SIZE).plan(PlanRequest(instruction))


def test_a_folder_with_one_branch_is_a_named_error(tmp_path):
    untrained(0, SIZE, SIZE).coarse.save(tmp_path / COARSE)
    with pytest.raises(CheckpointError, match="fine"):
        Rvt2Policy.load(tmp_path)


def end_line(run, branch, event):
    (run / f"{branch}-run").mkdir(parents=True)
    line = json.dumps({"step": 3, "samples": 48, "cpu_seconds": 9.5, "event": event, "within_8px": 0.5})
    (run / f"{branch}-run" / "log.jsonl").write_text('{"step": 1}\n' + line + "\n")


def test_the_exported_baseline_has_halved_weights_and_says_what_it_saw(tmp_path):
    policy, run, out = untrained(0), tmp_path / "run", tmp_path / "shipped"
    for branch in BRANCHES:
        getattr(policy, branch).save(run / branch)
        end_line(run, branch, "end")
    record = export(run, out)
    assert json.loads((out / "record.json").read_text()) == record
    assert record["fine"] == {"step": 3, "samples": 48, "cpu_seconds": 9.5, "within_8px": 0.5}
    sizes = [sum(path.stat().st_size for path in folder.rglob("*.safetensors")) for folder in (out, run)]
    assert sizes[0] / sizes[1] == pytest.approx(0.5, abs=0.05)
    kept = Rvt2Policy.load(out).coarse.network.state_dict()
    for name, value in policy.coarse.network.state_dict().items():
        assert kept[name].dtype == value.dtype
        assert torch.equal(kept[name], value.half().to(value.dtype))
    assert export(run, out)["coarse"] == record["coarse"]


def test_a_branch_that_is_not_trained_to_its_end_is_not_exported(tmp_path):
    policy = untrained(0, SIZE, SIZE)
    for branch in BRANCHES:
        getattr(policy, branch).save(tmp_path / branch)
    end_line(tmp_path, COARSE, "end")
    end_line(tmp_path, FINE, "evaluation")
    with pytest.raises(CheckpointError, match=r"(?s)fine branch.*--branch fine --resume"):
        export(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_shipped_baseline_is_whole_and_says_what_it_saw():
    record = json.loads((PRETRAINED / "record.json").read_text("utf-8"))
    assert all(record[branch]["samples"] > 0 and record[branch]["cpu_seconds"] > 0 for branch in BRANCHES)
    policy = Rvt2Policy.load(PRETRAINED)
    assert policy.plan(PlanRequest("Open the drawer!")).steps == ("open the drawer",)
    assert (policy.coarse.image_size, policy.fine.image_size) == (224, 112)
