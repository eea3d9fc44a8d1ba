"""What an onlooker sees of the simulated table on its own thread is what the world saw at that instant."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from clap.geometry.frames import Pose
from clap.worlds.base import Action
from clap.worlds.tabletop.world import TabletopWorld


@pytest.mark.parametrize("cameras", ["four", "single"])
def test_an_onlooker_sees_on_its_own_thread_what_the_world_saw_at_that_instant(cameras):
    world, found = TabletopWorld(cameras), []
    try:
        world.reset("block_in_same_cup", 4)
        pose, _ = world.state()
        world_snapshot, seen, points = world.world_snapshot(), world.observe(), world.positions()
        below = Pose(np.asarray(pose.position) - [0, 0, 0.1], pose.quaternion)
        world.execute(Action(below, gripper_open=False))

        def look():
            snapshot_renderer = world.snapshot_renderer()
            found.extend([snapshot_renderer.observe(world_snapshot), snapshot_renderer.positions(world_snapshot)])
            snapshot_renderer.close()

        thread = threading.Thread(target=look)
        thread.start()
        thread.join(30)
        assert not np.array_equal(world.observe().frames[0].rgb, seen.frames[0].rgb)
    finally:
        world.close()
    later, places = found
    for ours, theirs in zip(later.frames, seen.frames, strict=True):
        assert np.array_equal(ours.cam2world, theirs.cam2world)
        if cameras == "four":
            assert np.array_equal(ours.rgb, theirs.rgb) and np.array_equal(ours.depth, theirs.depth)
    assert np.array_equal(later.joint_positions, seen.joint_positions) and later.timestamp == seen.timestamp
    assert later.gripper_pose.distance(seen.gripper_pose) == (0, 0)
    assert places == {name: tuple(point) for name, point in points.items()}
