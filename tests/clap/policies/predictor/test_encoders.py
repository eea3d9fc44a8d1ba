"""The 3D-aware encoders: positions agree with the geometry, streams can be switched off, patches must fit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import Dinov2Model, SiglipModel

from clap.geometry.frames import VIEWS, Workspace, project
from clap.policies.predictor.convolutional_encoder import PlainEncoderConfig
from clap.policies.predictor.encoders import EncoderConfig, ViewEncoder
from clap.policies.predictor.position_embedding import patch_heights, patch_positions

UNIT = Workspace((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))


def tiny(**switches: bool) -> EncoderConfig:
    return dataclasses.replace(EncoderConfig.mini(20, image_size=28, width=32), **switches)


def inputs(batch: int = 2, size: int = 28):
    depth = torch.rand(batch, 3, size, size).clamp(min=0.05)
    rgb = torch.rand(batch, 3, 3, size, size)
    ids = torch.randint(2, 20, (batch, 5))
    return rgb, depth, ids, torch.ones(batch, 5, dtype=torch.bool), torch.ones(batch), torch.full((batch,), 3.8)


def configurations(**switches: bool):
    """Both encoders, tiny."""
    plain = PlainEncoderConfig(28, vocabulary=20, width=32, channels=4)
    return tiny(**switches), dataclasses.replace(plain, **switches)


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(-0.95, 0.95)] * 3))
def test_a_single_point_gives_its_own_position_in_all_three_views(point):
    size, patch = 112, 14
    depth = torch.zeros(1, 3, size, size)
    pixels = project(np.array(point), UNIT, size).astype(int)
    for k, view in enumerate(VIEWS):
        depth[0, k, pixels[k, 1], pixels[k, 0]] = (1 + view.depth_sign * point[view.depth_axis]) / 2
    positions, mask = patch_positions(depth, patch)
    assert mask.sum() == 3
    for k in range(3):
        found = positions[0, k][mask[0, k]][0].numpy()
        assert np.abs(found - point).max() <= 1 / size + 1e-5


def test_a_patch_averages_only_its_seen_pixels():
    depth = torch.zeros(1, 3, 28, 28)
    depth[0, 2, 0, 0], depth[0, 2, 0, 1] = 0.25, 0.75
    positions, mask = patch_positions(depth, 14)
    assert mask[0].sum() == 1
    x, y, z = positions[0, 2, 0].tolist()
    assert (x, y, z) == pytest.approx((2 / 28 - 1, 1 - 1 / 28, 0.0), abs=1e-6)


@pytest.mark.parametrize("off", ["use_rgb", "use_depth", "use_position"])
@pytest.mark.parametrize("which", [0, 1], ids=["clap", "plain"])
def test_a_stream_that_is_off_has_no_influence(which, off):
    torch.manual_seed(0)
    config = configurations(**{off: False})[which]
    encoder = config.build().eval()
    rgb, depth, *rest = inputs()
    tokens, words = encoder(rgb, depth, *rest)
    assert tokens.shape == (2, 3, 4, 32) and words.shape == (2, 5, 32)
    if off == "use_rgb":
        assert torch.allclose(encoder(1 - rgb, depth, *rest)[0], tokens)
    if off == "use_position":
        assert torch.allclose(encoder(rgb, depth, *rest[:-1], rest[-1] + 1)[0], tokens)


@pytest.mark.parametrize("which", [0, 1], ids=["clap", "plain"])
@pytest.mark.parametrize("changed", ["rgb", "depth", "words", "gripper", "height"])
def test_every_input_reaches_the_tokens(which, changed):
    torch.manual_seed(0)
    encoder = configurations()[which].build().eval()
    rgb, depth, ids, mask, gripper, height = inputs()
    base = encoder(rgb, depth, ids, mask, gripper, height)
    other = {
        "rgb": lambda: encoder(1 - rgb, depth, ids, mask, gripper, height),
        "depth": lambda: encoder(rgb, depth / 2, ids, mask, gripper, height),
        "words": lambda: encoder(rgb, depth, (ids + 1) % 20, mask, gripper, height),
        "gripper": lambda: encoder(rgb, depth, ids, mask, 1 - gripper, height),
        "height": lambda: encoder(rgb, depth, ids, mask, gripper, height + 0.1),
    }[changed]()
    assert not torch.allclose(base[changed == "words"], other[changed == "words"], atol=1e-6)


@pytest.mark.parametrize("which", [0, 1], ids=["clap", "plain"])
def test_tokens_do_not_depend_on_how_far_things_are_when_depth_and_position_are_off(which):
    encoder = configurations(use_depth=False, use_position=False)[which].build().eval()
    rgb, depth, *rest = inputs()
    assert torch.allclose(encoder(rgb, depth, *rest)[0], encoder(rgb, depth / 2, *rest)[0])


def test_patch_heights_agree_with_where_a_patch_shows_its_points():
    window = Workspace((0.1, 0.0, 0.9), (0.35, 0.25, 1.15))
    heights = patch_heights(torch.tensor([window.center[2] / 0.25]), 4).view(3, 4, 4) * 0.25
    point = np.array([0.2, 0.1, 1.1])
    for k, view in enumerate(VIEWS):
        u, v = project(point, window, 4)[k].astype(int)
        expected = window.center[2] if view.name == "top" else point[2]
        assert abs(float(heights[k, v, u]) - expected) <= 0.25 / 8 + 1e-5


def test_pretrained_towers_load_from_folders(tmp_path):
    encoder = ViewEncoder(tiny())
    encoder.siglip.save_pretrained(tmp_path / "siglip")
    encoder.dinov2.save_pretrained(tmp_path / "dinov2")
    config = EncoderConfig.from_folders(tmp_path / "siglip", tmp_path / "dinov2", width=32)
    other = ViewEncoder(config)
    other.load_pretrained(tmp_path / "siglip", tmp_path / "dinov2")
    assert isinstance(other.siglip, SiglipModel) and isinstance(other.dinov2, Dinov2Model)
    for name, value in encoder.siglip.state_dict().items():
        assert torch.equal(other.siglip.state_dict()[name], value)


def test_towers_that_cut_different_patches_are_refused():
    config = EncoderConfig.mini(20)
    with pytest.raises(ValueError, match="same patches"):
        dataclasses.replace(config, dinov2={**config.dinov2, "patch_size": 16})
    with pytest.raises(ValueError, match="do not fill"):
        PlainEncoderConfig(30, vocabulary=20)


def test_the_papers_size_is_a_configuration_of_the_same_classes():
    with torch.device("meta"):
        encoder = ViewEncoder(EncoderConfig.paper())
    assert EncoderConfig.paper().grid == 16
    assert sum(p.numel() for p in encoder.parameters()) > 800e6
