"""What the policy sees: the cameras' cloud as three canonical views, saved as a picture.

python -m examples.observe views.png
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

import clap


def main(target: str = "views.png") -> None:
    """Observe the simulated table and save front, left and top view side by side."""
    world = clap.TabletopWorld()
    print("task:", world.reset("block_in_same_cup", seed=0))

    observation = world.observe()
    for frame in observation.frames:
        print(f"camera {frame.name}: rgb {frame.rgb.shape}, depth {np.nanmax(frame.depth):.2f} m at most")

    cloud = clap.fuse(observation, world.workspace)
    views = clap.render_views(cloud, world.workspace)
    print(f"{len(cloud):,} points inside the workspace, {views.mask.sum():,} pixels of the three views drawn")

    # A pixel of every view shows a known point of the world: the gripper, for instance.
    tool = np.asarray(observation.gripper_pose.position)
    print("the gripper is at", tool.round(3), "m, pixels", clap.project(tool, world.workspace).round(1).tolist())
    Image.fromarray(np.concatenate(list(views.rgb), axis=1)).save(target)
    world.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
