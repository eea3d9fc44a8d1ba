"""Generated data: the labels still fit what is seen, also after the scene was turned and moved."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clap.geometry.frames import TABLE_TOP, Workspace, project, to_pixels
from clap.geometry.observation import fuse
from clap.policies.expert_keyframes import canonical_action, fold, top_down
from clap.worlds.tabletop.objects import RGB
from clap.worlds.tabletop.tasks import Subtask
from clap.worlds.tabletop.world import TabletopWorld
from training.data import generate
from training.data.capture import capture, draw_cameras, moved_poses
from training.data.demonstrations import WINDOW, demonstrate
from training.data.rendering import RigidMotion
from training.data.shards import ShardWriter

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


def arguments() -> argparse.Namespace:
    return argparse.Namespace(
        seed=3, demos=1, first_demo=0, tasks="trained", conditions=["none"], scenes=4, copies=None, zoom_size=56
    )


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder, world = tmp_path_factory.mktemp("data"), TabletopWorld()
    patch = pytest.MonkeyPatch()
    patch.setattr(generate, "COPIES", {"positions": 3, "trajectory": 2})
    patch.setattr(generate, "DEMONSTRATIONS_PER_SHARD", 1)
    try:
        for number, fill in ((2, generate.fill_trajectories), (1, generate.fill_positions)):
            writer = ShardWriter()
            fill(writer, world, number, arguments())
            writer.write(folder, number)
    finally:
        patch.undo()
        world.close()
    return folder


def records(folder, number):
    lines = (folder / f"shard-{number:05d}" / "records.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_shard_holds_what_its_records_point_to(shards):
    for number in (2, 1):
        shard = shards / f"shard-{number:05d}"
        rgb = np.load(shard / "views_rgb.npy", allow_pickle=False)
        depth = np.load(shard / "views_depth.npy", allow_pickle=False)
        assert rgb.shape == (len(records(shards, number)), 3, 224, 224, 3) and rgb.dtype == np.uint8
        assert depth.shape == rgb.shape[:-1] and depth.dtype == np.float16
    zooms = np.load(shards / "shard-00002" / "zooms_rgb.npy", allow_pickle=False)
    indices = [zoom["index"] for record in records(shards, 2) for zoom in record["zooms"]]
    assert indices == list(range(len(zooms))) and zooms.shape[1:] == (3, 56, 56, 3)


def test_blocks_are_seen_from_above_where_their_labels_say(shards):
    rgb = np.load(shards / "shard-00001" / "views_rgb.npy", allow_pickle=False)
    hits = []
    for k, record in enumerate(records(shards, 1)):
        for thing in record["objects"]:
            if thing["name"].endswith("block") and thing["visible"]:
                u, v = to_pixels(np.array(thing["position"]), Workspace())[2]
                color = rgb[k, 2, v, u] / 255
                nearest = min(RGB, key=lambda name: np.linalg.norm(_hue(np.array(RGB[name])) - _hue(color)))
                hits.append(nearest == thing["name"].split()[0])
    # The arm hides some blocks from above, and dim light shifts colours.
    assert len(hits) > 5 and np.mean(hits) > 0.7


def _hue(color):
    return color / (np.linalg.norm(color) + 1e-6)


def test_the_keypoint_of_every_transition_lies_in_its_zoom_windows(shards):
    for record in records(shards, 2):
        assert record["step"] == record["plan"][record["step_index"]]
        assert record["contact"] == (record["step_index"] in (1, 3))
        assert record["instruction"] and record["demo"] == 0
        assert set(record["task_objects"]) <= {thing["name"] for thing in record["objects"]}
        for zoom in record["zooms"]:
            window = Workspace(tuple(zoom["low"]), tuple(zoom["high"]))
            pixels = project(np.array(record["keypoint"]), window, 112)
            assert (pixels > 0).all() and (pixels < 112).all()


def test_the_same_seed_gives_the_same_shard(shards, tmp_path):
    world, writer = TabletopWorld(), ShardWriter()
    try:
        generate.fill_positions(writer, world, 1, arguments())
        writer.write(tmp_path, 1)
    finally:
        world.close()
    for name in ("records.jsonl", "views_rgb.npy", "views_depth.npy"):
        assert (tmp_path / "shard-00001" / name).read_bytes() == (shards / "shard-00001" / name).read_bytes()


def test_demonstrations_take_turns_over_variations_and_repeat_exactly():
    world = TabletopWorld()
    try:
        first, again = (demonstrate(world, "block_in_same_cup", number) for number in (1, 1))
        other = demonstrate(world, "block_in_same_cup", 2)
    finally:
        world.close()
    assert len(first) == 4 * (WINDOW + 1)
    assert first[0].subtask != other[0].subtask
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.shot.single.rgb, b.shot.single.rgb)
        assert np.array_equal(a.action.pose.position, b.action.pose.position)


def test_training_sees_one_to_four_cameras_moved_and_noisy():
    world, rng = TabletopWorld(), np.random.default_rng(0)
    try:
        shot = capture(world, moved_poses(world, rng))
        still = world.observe()
    finally:
        world.close()
    for frame, plain in zip(shot.observation.frames, still.frames, strict=True):
        assert np.array_equal(frame.rgb, plain.rgb)
    assert not np.allclose(shot.moved[0].cam2world, shot.observation.frames[0].cam2world)
    # A moved camera whose pose is known sees the same table top.
    for frame in shot.moved[:3]:
        cloud = fuse(replace(shot.observation, frames=(frame,)), Workspace())
        assert np.median(cloud.points[:, 2]) == pytest.approx(TABLE_TOP, abs=0.003)
    drawn = [draw_cameras(shot, rng) for _ in range(60)]
    assert {len(seen.frames) for seen in drawn} == {1, 2, 3, 4}
    assert any(seen.frames[0].depth.shape == (360, 640) for seen in drawn)
