"""CLAP as one policy: what it makes of the planner's pixels, and the checkpoint folder it comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from clap.errors import CheckpointError, EmptyWindowError, OutOfWorkspaceError
from clap.geometry.frames import Workspace, project, to_pixels
from clap.policies.base import PlanRequest, PredictRequest
from clap.policies.checkpoint import default_checkpoint, open_checkpoint
from clap.policies.clap import ClapPolicy
from clap.policies.planner.local import Reasoning
from clap.policies.prediction import Plan, PlanStatus
from clap.policies.predictor.encoders import EncoderConfig
from clap.policies.predictor.multiview import MultiViewConfig
from clap.policies.predictor.network import FineActionNetwork, PredictorConfig
from clap.policies.predictor.predictor import FineActionPredictor
from clap.policies.predictor.tokenizer import build_tokenizer
from clap.worlds.tabletop.phrasing import pick_and_place_steps
from tests.support.kinematic_world import BOXES, SUBTASKS, KinematicWorld
from training.planner.model_init import new_mini_planner

PLAN = Plan(PlanStatus.STEPS, SUBTASKS[0])
WORKSPACE = Workspace()


def tiny_predictor() -> FineActionPredictor:
    torch.manual_seed(0)
    tokenizer = build_tokenizer([])
    encoders = EncoderConfig.mini(len(tokenizer), image_size=28, width=32)
    return FineActionPredictor(FineActionNetwork(PredictorConfig(encoders, MultiViewConfig(2, 2), 32)), tokenizer)


@dataclass
class PointingPlanner:
    """Answers round two with the pixels of given points, so that the geometry behind it can be checked exactly."""

    point: np.ndarray = field(default_factory=lambda: BOXES["red block"].copy())

    knows_completion: bool = True
    looked_at: list = field(default_factory=list)

    def detect_objects(self, views, on_text=None) -> tuple[str, ...]:
        self.looked_at.append(views)
        return tuple(BOXES)

    def reason(self, views, plan, last_step, on_text=None, step=None) -> Reasoning:
        self.looked_at.append(views)
        objects = tuple((name, to_pixels(place, views.workspace, views.size)) for name, place in BOXES.items())
        keypoint = to_pixels(self.point, views.workspace, views.size)
        return Reasoning(objects, plan.steps[0], keypoint, "as pointed", np.zeros((3, 2)))


@dataclass
class WatchedPredictor:
    """A real predictor that keeps what it was asked."""

    predictor: FineActionPredictor
    asked: list = field(default_factory=list)

    @property
    def image_size(self) -> int:
        return self.predictor.image_size

    def predict(self, zoomed, step, gripper_open):
        self.asked.append((zoomed, step, gripper_open))
        return self.predictor.predict(zoomed, step, gripper_open)


def test_the_keypoint_is_lifted_and_the_fine_stage_sees_the_window_around_it():
    predictor = WatchedPredictor(tiny_predictor())
    policy = ClapPolicy(PointingPlanner(), predictor)
    found = policy.predict(PredictRequest(KinematicWorld().observe(), PLAN))
    cell = 2 * WORKSPACE.half_extent / 224
    assert np.abs(found.keypoint.position - BOXES["red block"]).max() <= cell / 2 + 1e-9
    assert found.keypoint.agreement_px <= 1
    for thing in found.objects:
        assert np.abs(thing.lifted.position - BOXES[thing.name]).max() <= cell / 2 + 1e-9
    assert np.allclose(found.window.center, found.keypoint.position)
    assert found.window.half_extent == pytest.approx(WORKSPACE.half_extent / 4)
    assert found.zoomed.size == policy.predictor.image_size
    assert found.zoomed.workspace == found.window
    assert np.allclose(project(found.keypoint.position, found.window, found.zoomed.size), found.zoomed.size / 2)
    assert found.window.contains(found.action.pose.position)
    assert found.heatmaps.shape == (3, found.zoomed.size, found.zoomed.size)
    assert set(found.seconds) == {"views", "planner", "predictor"}
    assert (found.step, found.raw) == (SUBTASKS[0][0], "as pointed")
    assert predictor.asked[0][1] == SUBTASKS[0][0]


def test_around_another_keypoint_the_fine_stage_alone_is_asked_again():
    planner, predictor = PointingPlanner(), WatchedPredictor(tiny_predictor())
    policy, seen = ClapPolicy(planner, predictor), KinematicWorld().observe()
    found = policy.refine(seen, "the robot touches the red cup", BOXES["red cup"])
    assert planner.looked_at == []
    assert predictor.asked[0][1] == found.step == "the robot touches the red cup"
    assert np.array_equal(found.keypoint.position, BOXES["red cup"]) and found.keypoint.agreement_px == 0
    assert np.allclose(found.zoomed.workspace.center, BOXES["red cup"])
    assert found.window.contains(found.action.pose.position)
    with pytest.raises(OutOfWorkspaceError):
        policy.refine(seen, "the robot touches the red cup", np.array([3.0, 0, 0]))


def test_look_and_prediction_share_the_views_of_one_observation():
    planner = PointingPlanner()
    policy, seen = ClapPolicy(planner, tiny_predictor()), KinematicWorld().observe()
    assert policy.detect_objects(seen) == tuple(BOXES)
    policy.predict(PredictRequest(seen, PLAN))
    policy.predict(PredictRequest(replace(seen), PLAN))
    first, second, third = planner.looked_at
    assert first is second
    assert third is not second


@pytest.mark.parametrize("knows", [True, False])
def test_a_policy_knows_its_end_if_its_planner_does(knows):
    assert ClapPolicy(PointingPlanner(knows_completion=knows), tiny_predictor()).knows_completion is knows


@pytest.mark.parametrize(("opening", "told"), [(1.0, 1.0), (0.55, 0.0), (0.0, 0.0)])
def test_a_gripper_that_holds_a_block_is_told_as_closed(opening, told):
    world, predictor = KinematicWorld(), WatchedPredictor(tiny_predictor())
    world.opening = opening
    ClapPolicy(PointingPlanner(), predictor).predict(PredictRequest(world.observe(), PLAN))
    assert predictor.asked[0][2] == told


def test_a_keypoint_in_empty_space_is_a_named_failure():
    policy = ClapPolicy(PointingPlanner(np.array([-0.25, -0.45, 1.5])), tiny_predictor())
    with pytest.raises(EmptyWindowError, match="around the keypoint"):
        policy.predict(PredictRequest(KinematicWorld().observe(), PLAN))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A complete, untrained checkpoint, small enough to write in a moment."""
    path = tmp_path_factory.mktemp("checkpoints") / "untrained"
    new_mini_planner(seed=0, width=64, layers=2).save(path / "planner")
    tiny_predictor().save(path / "predictor")
    (path / "record.json").write_text('{"seed": 0}')
    return path


def test_a_policy_loads_from_its_folder_and_decides_in_three_views(folder):
    policy = ClapPolicy.load(folder)
    assert policy.name == "CLAP (untrained)"
    seen = policy.detect_objects(KinematicWorld().observe())
    assert isinstance(policy.plan(PlanRequest("put the red block in the red cup", detected_objects=seen)), Plan)
    steps = pick_and_place_steps("red block", "red cup")
    # Untrained weights point anywhere: a cloud that fills the air gives every window something to see.
    seen = KinematicWorld().observe()
    depth = np.random.default_rng(0).uniform(0.05, 0.8, seen.frames[0].depth.shape).astype(np.float32)
    seen = replace(seen, frames=(replace(seen.frames[0], depth=depth),))
    found = policy.predict(PredictRequest(seen, Plan(PlanStatus.STEPS, steps)))
    assert found.step in steps
    assert WORKSPACE.contains(found.keypoint.position)
    for wanted in (steps[3], steps[0]):
        assert policy.predict(PredictRequest(seen, Plan(PlanStatus.STEPS, steps), step=wanted)).step == wanted
    assert {"the", "robot", "grasps", "red", "drawer"} <= policy.step_words
    assert "put" not in policy.step_words, "the planner reads it, the fine stage does not"


def test_the_records_are_read_and_the_fingerprint_follows_the_weights(folder, tmp_path):
    checkpoint = open_checkpoint(folder)
    assert checkpoint.record == {"seed": 0}
    assert checkpoint.evaluation == {}
    before = checkpoint.fingerprint()
    assert before == open_checkpoint(folder).fingerprint()
    config = folder / "predictor" / "config.json"
    text = config.read_text()
    config.write_text(text + " ")
    assert open_checkpoint(folder).fingerprint() != before
    config.write_text(text)


@pytest.mark.parametrize("lacking", ["planner", "predictor"])
def test_an_incomplete_checkpoint_names_what_it_lacks(folder, tmp_path, lacking):
    for part in {"planner", "predictor"} - {lacking}:
        (tmp_path / part).mkdir()
        (tmp_path / part / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=f"no safetensors in {lacking}/"):
        open_checkpoint(tmp_path)


def test_wrong_paths_are_named_failures(tmp_path):
    with pytest.raises(CheckpointError, match="There is no checkpoint at"):
        ClapPolicy.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="is a file"):
        ClapPolicy.load(tmp_path / "file")


@pytest.mark.parametrize("text", ["{", "[1]", json.dumps("words")])
def test_a_malformed_record_is_a_named_failure(tmp_path, text):
    for part in ("planner", "predictor"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "model.safetensors").write_bytes(b"")
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"record\.json"):
        open_checkpoint(tmp_path)


def test_weights_that_are_no_safetensors_are_a_named_failure(tmp_path, folder):
    for part in ("planner", "predictor"):
        (tmp_path / part).mkdir()
        for path in (folder / part).iterdir():
            if path.is_file():
                (tmp_path / part / path.name).write_bytes(path.read_bytes())
    (tmp_path / "planner" / "model.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(CheckpointError, match="planner"):
        ClapPolicy.load(tmp_path)


def test_the_shipped_checkpoint_lies_inside_the_package():
    assert default_checkpoint().parts[-3:] == ("clap", "pretrained", "clap-mini")
