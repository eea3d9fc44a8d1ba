"""The Multi-View Transformer's attention pattern, and the heatmaps' upsampling and decoding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clap.geometry.frames import Workspace, project
from clap.policies.predictor.heatmap import ConvexUpsampler, decode_position, gaussian_targets
from clap.policies.predictor.multiview import MultiViewConfig, MultiViewTransformer

UNIT = Workspace((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
points = st.tuples(*[st.floats(-0.9, 0.9)] * 3)


def log_heatmaps(point, size: int = 56, sigma: float = 1.75) -> np.ndarray:
    pixels = torch.from_numpy(project(np.array(point), UNIT, size)).float()
    return (gaussian_targets(pixels, size, sigma) + 1e-9).log().numpy()


def changed(before: torch.Tensor, after: torch.Tensor) -> list[bool]:
    return [not torch.allclose(before[0, k], after[0, k], atol=1e-5) for k in range(3)]


@pytest.mark.parametrize(("layers", "crosses"), [(0, False), (2, True)])
def test_the_first_half_attends_within_views_and_the_second_over_all(layers, crosses):
    torch.manual_seed(0)
    transformer = MultiViewTransformer(32, MultiViewConfig(layers=max(layers, 1), heads=2)).eval()
    if not crosses:
        transformer.view_blocks, transformer.joint_blocks = transformer.joint_blocks, torch.nn.ModuleList()
    tokens, words, mask = torch.randn(1, 3, 4, 32), torch.randn(1, 5, 32), torch.ones(1, 5, dtype=torch.bool)
    other = tokens.clone()
    other[0, 0] = torch.randn(4, 32)
    assert changed(transformer(tokens, words, mask), transformer(other, words, mask)) == [True, crosses, crosses]


def test_padding_words_have_no_influence():
    transformer = MultiViewTransformer(32, MultiViewConfig(layers=2, heads=2)).eval()
    tokens, words = torch.randn(1, 3, 4, 32), torch.randn(1, 5, 32)
    mask = torch.tensor([[True, True, True, False, False]])
    other = words.clone()
    other[0, 3:] = 7
    assert torch.allclose(transformer(tokens, words, mask), transformer(tokens, other, mask), atol=1e-5)
    assert torch.allclose(transformer(tokens, words, mask), transformer(tokens, words[:, :3], mask[:, :3]), atol=1e-5)


def test_upsampling_stays_between_the_coarse_neighbours_and_keeps_their_place():
    upsampler = ConvexUpsampler(8, patch=4, hidden=8)
    tokens = torch.randn(2, 9, 8)
    fine = upsampler(tokens)
    coarse = upsampler.coarse(upsampler.features(tokens)).view(2, 3, 3)
    assert fine.shape == (2, 12, 12)
    assert fine.max() <= max(coarse.max(), 0) + 1e-5 and fine.min() >= min(coarse.min(), 0) - 1e-5
    with torch.no_grad():
        upsampler.weights.weight.zero_()
        upsampler.weights.bias.copy_(50.0 * (torch.arange(9) == 4).repeat_interleave(16))
    assert torch.allclose(upsampler(tokens), coarse.repeat_interleave(4, 1).repeat_interleave(4, 2), atol=1e-5)


@given(st.tuples(*[st.floats(-0.7, 0.7)] * 3))
def test_targets_sum_to_one_and_have_their_mean_at_the_projection(point):
    pixels = torch.from_numpy(project(np.array(point), UNIT, 56)).float()
    target = gaussian_targets(pixels, 56, 1.5)
    centers = torch.arange(56) + 0.5
    mean = torch.stack([(target.sum(-2) * centers).sum(-1), (target.sum(-1) * centers).sum(-1)], -1)
    assert torch.allclose(target.sum((-1, -2)), torch.ones(3), atol=1e-5)
    assert torch.allclose(mean, pixels, atol=0.05)


@settings(max_examples=40, deadline=None)
@given(points)
def test_decoding_finds_the_point_below_a_pixel(point):
    decoded = decode_position(log_heatmaps(point))
    assert np.abs(decoded.local - point).max() * 28 < 0.5
    assert decoded.support.min() > 0.9


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_slab_search_is_the_exhaustive_search(seed):
    size = 12
    maps = np.random.default_rng(seed).normal(size=(3, size, size)).astype(np.float32)
    centers = (np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), -1) + 0.5) * 2 / size - 1
    u, v = np.moveaxis(project(centers, UNIT, size).astype(int), -1, 0)
    score = sum(maps[k, v[..., k], u[..., k]] for k in range(3))
    best = centers[np.unravel_index(score.argmax(), score.shape)]
    assert np.allclose(decode_position(maps, radius=0).local, best)


def test_two_views_outvote_one_that_looks_elsewhere():
    truth, wrong = (0.2, -0.3, 0.1), (-0.6, 0.5, 0.6)
    maps = log_heatmaps(truth, sigma=2.5)
    maps[0] = np.logaddexp(log_heatmaps(wrong)[0], np.log(0.05) + maps[0])
    decoded = decode_position(maps)
    assert np.abs(decoded.local - truth).max() * 28 < 1
    assert decoded.support[0] < 0.2 < 0.8 < decoded.support[1]
