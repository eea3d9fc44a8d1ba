"""The fine action predictor: shapes, conditioning, its folder, and what a prediction promises."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch

from clap.errors import CheckpointError
from clap.geometry.frames import Workspace
from clap.geometry.views import CanonicalViews
from clap.policies.predictor.convolutional_encoder import PlainEncoderConfig
from clap.policies.predictor.encoders import EncoderConfig
from clap.policies.predictor.multiview import MultiViewConfig
from clap.policies.predictor.network import FineActionNetwork, FineInputs, PredictorConfig, RotationHead
from clap.policies.predictor.predictor import FineActionPredictor
from clap.policies.predictor.tokenizer import build_tokenizer, tabletop_steps
from tests.support.predictor_shards import paint

STEP = "the robot grasps the red block"


def tiny_predictor(seed: int = 0, kind: str = "clap") -> FineActionPredictor:
    torch.manual_seed(seed)
    tokenizer = build_tokenizer([])
    encoders = {
        "clap": EncoderConfig.mini(len(tokenizer), image_size=28, width=32),
        "plain": PlainEncoderConfig(28, len(tokenizer), width=32, channels=4),
    }[kind]
    return FineActionPredictor(FineActionNetwork(PredictorConfig(encoders, MultiViewConfig(2, 2), 32)), tokenizer)


def views(size: int, seed: int = 0, raised: float = 0.0) -> CanonicalViews:
    rng = np.random.default_rng(seed)
    window = Workspace().zoomed(np.array([0.2, 0.1, 0.8 + raised]))
    points = rng.uniform(window.low, window.high, (4000, 3))
    rgb, depth = paint(points, rng.integers(0, 256, points.shape).astype(np.uint8), window, size)
    return CanonicalViews(rgb, depth, np.zeros((*depth.shape, 3), np.float32), depth > 0, window)


@pytest.fixture(scope="module")
def mini() -> FineActionPredictor:
    torch.manual_seed(0)
    tokenizer = build_tokenizer([])
    return FineActionPredictor(FineActionNetwork(PredictorConfig.mini(len(tokenizer))), tokenizer)


def test_a_prediction_is_a_pose_in_the_window_with_its_evidence(mini):
    seen = views(mini.image_size)
    found = mini.predict(seen, STEP, 1.0)
    assert found.heatmaps.shape == (3, 112, 112) and found.heatmaps.dtype == np.float32
    assert np.allclose(found.heatmaps.sum((1, 2)), 1, atol=1e-4)
    assert seen.workspace.contains(found.position)
    assert np.linalg.norm(found.quaternion) == pytest.approx(1)
    assert isinstance(found.gripper_open, bool) and 0.5 <= found.gripper_confidence <= 1
    assert isinstance(found.ignore_collisions, bool) and 0.5 <= found.collision_confidence <= 1
    assert found.support.shape == found.rotation_confidence.shape == (3,)


def test_clap_mini_is_small_and_quick(mini):
    assert 4 * sum(p.numel() for p in mini.network.parameters()) < 20e6
    seen = views(mini.image_size)
    mini.predict(seen, STEP, 1.0)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        mini.predict(seen, STEP, 1.0)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.15


@pytest.mark.parametrize("change", ["step", "gripper", "rgb", "depth", "height"])
def test_every_input_has_a_say(change):
    predictor, seen = tiny_predictor(), views(28)
    base = predictor.predict(seen, STEP, 1.0)
    other = {
        "step": lambda: predictor.predict(seen, "the robot lifts the blue cup", 1.0),
        "gripper": lambda: predictor.predict(seen, STEP, 0.0),
        "rgb": lambda: predictor.predict(CanonicalViews(255 - seen.rgb, *parts(seen)[1:]), STEP, 1.0),
        "depth": lambda: predictor.predict(CanonicalViews(seen.rgb, seen.depth / 2, *parts(seen)[2:]), STEP, 1.0),
        "height": lambda: predictor.predict(views(28, raised=0.3), STEP, 1.0),
    }[change]()
    assert not np.allclose(base.heatmaps, other.heatmaps, atol=1e-7)


def parts(seen: CanonicalViews) -> tuple:
    return seen.rgb, seen.depth, seen.xyz, seen.mask, seen.workspace


def test_padding_in_a_batch_changes_nothing():
    predictor = tiny_predictor()
    steps = [STEP, "the robot places the red block into the shape sorter"]
    ids, mask = predictor.tokenize(steps)
    rgb, depth = torch.rand(2, 3, 3, 28, 28), torch.rand(2, 3, 28, 28)
    with torch.no_grad():
        together, _ = predictor.network(FineInputs(rgb, depth, ids, mask, torch.ones(2), torch.ones(2)))
        ids, mask = predictor.tokenize(steps[:1])
        alone, _ = predictor.network(FineInputs(rgb[:1], depth[:1], ids, mask, torch.ones(1), torch.ones(1)))
    assert torch.allclose(together[:1], alone, atol=1e-4)


def test_later_angles_are_conditioned_on_the_earlier_ones():
    torch.manual_seed(0)
    head, features = RotationHead(8, 16), torch.randn(1, 8)
    a, b = head(features, torch.tensor([[0, 0, 0]])), head(features, torch.tensor([[36, 0, 0]]))
    assert torch.equal(a[:, 0], b[:, 0])
    assert not torch.allclose(a[:, 1], b[:, 1]) and not torch.allclose(a[:, 2], b[:, 2])
    c = head(features, torch.tensor([[0, 36, 0]]))
    assert torch.equal(a[:, 1], c[:, 1]) and not torch.allclose(a[:, 2], c[:, 2])
    assert torch.equal(head(features), head(features, head(features).argmax(-1)))


@pytest.mark.parametrize("kind", ["clap", "plain"])
def test_the_folder_brings_back_the_same_predictor(tmp_path, kind):
    predictor, seen = tiny_predictor(kind=kind), views(28)
    predictor.save(tmp_path)
    again = FineActionPredictor.load(tmp_path)
    assert again.config == predictor.config
    a, b = predictor.predict(seen, STEP, 1.0), again.predict(seen, STEP, 1.0)
    assert np.array_equal(a.heatmaps, b.heatmaps) and np.array_equal(a.quaternion, b.quaternion)
    assert (a.ignore_collisions, a.collision_confidence) == (b.ignore_collisions, b.collision_confidence)
    assert not list(tmp_path.rglob("*.bin")) and not list(tmp_path.rglob("*.pt"))


def break_missing(folder):
    (folder / "model.safetensors").unlink()


def break_weights(folder):
    (folder / "model.safetensors").write_bytes(b"\x80\x04not safetensors")


def break_json(folder):
    (folder / "config.json").write_text("{")


def break_format(folder):
    (folder / "config.json").write_text(json.dumps({"format": "other"}))


def break_shape(folder):
    config = json.loads((folder / "config.json").read_text())
    config["hidden"] = 16
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("damage", [break_missing, break_weights, break_json, break_format, break_shape])
def test_a_damaged_folder_is_a_named_error(tmp_path, damage):
    tiny_predictor().save(tmp_path)
    damage(tmp_path)
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        FineActionPredictor.load(tmp_path)


@pytest.mark.parametrize(("favoured", "ignore"), [(0, False), (1, True)])
def test_the_collision_head_decides_on_its_own(favoured, ignore):
    predictor, seen = tiny_predictor(), views(28)
    before = predictor.predict(seen, STEP, 1.0)
    with torch.no_grad():
        predictor.network.collision[-1].bias[favoured] = 50.0
    after = predictor.predict(seen, STEP, 1.0)
    assert after.ignore_collisions is ignore and after.collision_confidence > 0.99
    assert after.gripper_open == before.gripper_open and np.array_equal(after.quaternion, before.quaternion)


def test_views_of_another_size_are_refused():
    with pytest.raises(ValueError, match="28 px"):
        tiny_predictor().predict(views(56), STEP, 1.0)


def test_every_step_of_the_tabletop_is_known_and_strange_words_are_not_an_error():
    tokenizer = build_tokenizer(["the robot waves at Bob"])
    limit = EncoderConfig.mini(2).siglip["text_config"]["max_position_embeddings"]
    for step in tabletop_steps():
        ids = tokenizer(step)["input_ids"]
        assert tokenizer.unk_token_id not in ids and len(ids) <= limit
    assert tokenizer("waves bob")["input_ids"] != [tokenizer.unk_token_id] * 2
    assert tokenizer("zebra")["input_ids"] == [tokenizer.unk_token_id]


def test_the_papers_predictor_builds_from_the_same_classes():
    with torch.device("meta"):
        network = FineActionNetwork(PredictorConfig.paper())
    assert network.config.transformer.layers == 8 and network.config.encoders.image_size == 224
