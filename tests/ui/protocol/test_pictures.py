"""What the browser is sent keeps what matters of the cloud and the pictures."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clap.geometry.frames import Workspace
from clap.geometry.observation import PointCloud
from ui.protocol import downsample as downsampling
from ui.protocol.downsample import downsample, numpy_voxels
from ui.protocol.messages import FineHeader
from ui.protocol.pictures import envelope, jpeg, over_heatmap, quantise


def random_cloud(seed: int, count: int) -> PointCloud:
    generator = np.random.default_rng(seed)
    points = generator.uniform((-0.3, -0.5, 0.7), (0.7, 0.5, 0.8), (count, 3)).astype(np.float32)
    return PointCloud(points, generator.integers(0, 256, (count, 3), dtype=np.uint8))


@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(1, 40_000), st.integers(500, 20_000))
def test_thinning_keeps_within_the_limit_and_near_the_cloud(seed: int, count: int, limit: int) -> None:
    cloud = random_cloud(seed, count)
    thinned = downsample(cloud, limit)
    assert 1 <= len(thinned) <= max(limit, 1)
    assert len(thinned.colors) == len(thinned)
    low, high = cloud.points.min(axis=0), cloud.points.max(axis=0)
    assert np.all(thinned.points >= low - 1e-6)
    assert np.all(thinned.points <= high + 1e-6)


def test_a_small_cloud_is_left_as_it_is() -> None:
    cloud = random_cloud(0, 100)
    assert np.array_equal(downsample(cloud, 1000).points, cloud.points)


@pytest.mark.skipif(downsampling.open3d is None, reason="Open3D is not installed")
def test_both_voxel_filters_give_the_same_points() -> None:
    cloud = random_cloud(1, 20_000)
    ours, theirs = numpy_voxels(cloud, 0.05), downsampling.open3d_voxels(cloud, 0.05)
    ours_order, theirs_order = np.lexsort(ours.points.T), np.lexsort(theirs.points.T)
    assert np.allclose(ours.points[ours_order], theirs.points[theirs_order], atol=1e-5)
    assert np.abs(ours.colors[ours_order].astype(int) - theirs.colors[theirs_order]).max() <= 1


@given(st.integers(0, 100))
def test_quantised_points_come_back_within_ten_micrometres(seed: int) -> None:
    workspace, cloud = Workspace(), random_cloud(seed, 50)
    low, high = np.asarray(workspace.low), np.asarray(workspace.high)
    back = low + quantise(cloud.points, workspace) / 65535 * (high - low)
    assert np.abs(back - cloud.points).max() < 1e-5


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.binary(max_size=64), max_size=5))
def test_an_envelope_can_be_taken_apart_again(parts: dict[str, bytes]) -> None:
    packed = envelope(FineHeader(heatmaps=True), parts)
    (length,) = struct.unpack_from("<I", packed)
    header = json.loads(packed[4 : 4 + length])
    offset, found = 4 + length, {}
    for name, size in header["parts"]:
        found[name] = packed[offset : offset + size]
        offset += size
    assert found == parts
    assert offset == len(packed)


def test_a_heatmap_shows_brightest_where_it_peaks_and_leaves_the_rest() -> None:
    picture = np.full((8, 8, 3), 100, np.uint8)
    heatmap = np.zeros((8, 8), np.float32)
    heatmap[2, 5] = 1.0
    shown = over_heatmap(picture, heatmap)
    assert shown[2, 5, 0] > 180
    assert np.array_equal(shown[0, 0], picture[0, 0])
    assert np.array_equal(over_heatmap(picture, np.zeros((8, 8), np.float32)), picture)


def test_jpeg_bytes_are_a_picture_of_the_same_size() -> None:
    assert Image.open(io.BytesIO(jpeg(np.zeros((30, 40, 3), np.uint8)))).size == (40, 30)
