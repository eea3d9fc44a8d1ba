"""Generated data: the labels still fit what is seen, also after the scene was turned and moved."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clap.geometry import Workspace, project, to_pixels
from clap.worlds.tabletop.expert import canonical_action, fold, top_down
from clap.worlds.tabletop.objects import RGB
from clap.worlds.tabletop.tasks import Subtask
from clap.worlds.tabletop.world import TabletopWorld
from training import generate
from training.augment import RigidMotion
from training.shards import ShardWriter

small = st.floats(-0.5, 0.5)


@given(small, small, small, small)
def test_a_rigid_motion_keeps_distances_and_moves_poses_as_points(yaw, x, y, z):
    motion = RigidMotion(yaw, (x, y, 0.01))
    a, b = np.array([0.3, 0.1, 0.8]), np.array([z, 0.2, 0.9])
    moved = motion.points(np.stack([a, b]))
    assert np.linalg.norm(moved[0] - moved[1]) == pytest.approx(np.linalg.norm(a - b))
    pose = motion.pose(top_down(a, 0.2))
    assert np.allclose(pose.position, moved[0])
    assert np.allclose(pose.rotation, top_down(a, 0.2 + yaw).rotation)


@given(st.floats(-10, 10), st.sampled_from([np.pi / 2, np.pi, 2 * np.pi / 3]))
def test_folding_keeps_an_angle_up_to_its_symmetry(angle, period):
    folded = fold(angle, period)
    assert -period / 2 <= folded < period / 2 + 1e-9
    assert (folded - angle) / period == pytest.approx(round((folded - angle) / period), abs=1e-6)


def test_the_canonical_grasp_of_a_turned_cube_is_an_equal_grasp_within_45_degrees():
    turned = top_down(np.array([0.2, 0.0, 0.8]), 1.2)
    chosen = canonical_action(Subtask("red block", "red cup"), 1, turned)
    assert chosen.distance(top_down(turned.position, 1.2 - np.pi / 2))[1] < 1e-6


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder, world = tmp_path_factory.mktemp("data"), TabletopWorld()
    arguments = argparse.Namespace(seed=3, demos=50, frames=2)
    size, generate.RECORDS_PER_SHARD = generate.RECORDS_PER_SHARD, 12
    try:
        for number, kind in enumerate(["trajectory", "positions"]):
            writer = ShardWriter()
            generate.fill_shard(writer, world, kind, number, arguments)
            writer.write(folder, number)
    finally:
        generate.RECORDS_PER_SHARD = size
        world.close()
    return folder


def records(folder, number):
    lines = (folder / f"shard-{number:05d}" / "records.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_shard_holds_what_its_records_point_to(shards):
    for number in (0, 1):
        shard = shards / f"shard-{number:05d}"
        rgb = np.load(shard / "views_rgb.npy", allow_pickle=False)
        depth = np.load(shard / "views_depth.npy", allow_pickle=False)
        assert rgb.shape == (len(records(shards, number)), 3, 224, 224, 3) and rgb.dtype == np.uint8
        assert depth.shape == rgb.shape[:-1] and depth.dtype == np.float16
    zooms = np.load(shards / "shard-00000" / "zooms_rgb.npy", allow_pickle=False)
    indices = [zoom["index"] for record in records(shards, 0) for zoom in record["zooms"]]
    assert indices == list(range(len(zooms)))


def test_blocks_are_seen_from_above_where_their_labels_say(shards):
    rgb = np.load(shards / "shard-00001" / "views_rgb.npy", allow_pickle=False)
    hits = []
    for k, record in enumerate(records(shards, 1)):
        for thing in record["objects"]:
            if thing["name"].endswith("block"):
                u, v = to_pixels(np.array(thing["position"]), Workspace())[2]
                color = rgb[k, 2, v, u] / 255
                nearest = min(RGB, key=lambda name: np.linalg.norm(_hue(np.array(RGB[name])) - _hue(color)))
                hits.append(nearest == thing["name"].split()[0])
    # The arm hides some blocks from above, and dim light shifts colours.
    assert len(hits) > 5 and np.mean(hits) > 0.7


def _hue(color):
    return color / (np.linalg.norm(color) + 1e-6)


def test_the_keypoint_of_every_transition_lies_in_its_zoom_windows(shards):
    for record in records(shards, 0):
        assert record["step"] == record["plan"][record["step_index"]]
        assert set(record["task_objects"]) <= {thing["name"] for thing in record["objects"]}
        for zoom in record["zooms"]:
            window = Workspace(tuple(zoom["low"]), tuple(zoom["high"]))
            pixels = project(np.array(record["keypoint"]), window, 112)
            assert (pixels > 0).all() and (pixels < 112).all()


def test_the_same_seed_gives_the_same_shard(shards, tmp_path):
    world, writer = TabletopWorld(), ShardWriter()
    size, generate.RECORDS_PER_SHARD = generate.RECORDS_PER_SHARD, 12
    try:
        generate.fill_shard(writer, world, "positions", 1, argparse.Namespace(seed=3, demos=50, frames=2))
        writer.write(tmp_path, 1)
    finally:
        generate.RECORDS_PER_SHARD = size
        world.close()
    for name in ("records.jsonl", "views_rgb.npy", "views_depth.npy"):
        assert (tmp_path / "shard-00001" / name).read_bytes() == (shards / "shard-00001" / name).read_bytes()
