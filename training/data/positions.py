"""The object-position data set (paper, section 4.1 and A.2): random tables, and where every named thing is."""

from __future__ import annotations

import numpy as np

from clap.errors import WorldError
from clap.geometry.frames import TABLE_TOP, Pose
from clap.policies.expert_keyframes import top_down
from clap.worlds.tabletop.layout import Layout
from clap.worlds.tabletop.objects import HANDLES
from clap.worlds.tabletop.phrasing import BLOCK_COLORS, DISTRACTORS, SHAPES
from clap.worlds.tabletop.scene import Lighting
from clap.worlds.tabletop.world import TabletopWorld


def random_lighting(rng: np.random.Generator) -> Lighting:
    """The default light and table half of the time, else any."""
    if rng.random() < 0.5:
        return Lighting()
    return Lighting(float(rng.uniform(0.4, 1.6)), tuple(rng.uniform(0.15, 0.85, 3).tolist()))


def random_layout(rng: np.random.Generator) -> Layout:
    """A random set of things, containers of one kind among them."""
    layout = Layout(rng)
    container = rng.choice(["cups", "cabinet", "sorter"], p=[0.4, 0.35, 0.25])
    if container == "sorter":
        layout.add_sorter()
    elif container == "cabinet":
        opening = float(rng.uniform(0.11, 0.155)) if rng.random() < 0.6 else 0.0
        layout.add_cabinet(str(rng.choice(HANDLES)), opening)
    else:
        for color in rng.permutation(BLOCK_COLORS)[: rng.integers(1, 4)]:
            layout.add_cup(str(color))
    for color in rng.permutation(BLOCK_COLORS)[: rng.integers(0, 4)]:
        layout.add_block(str(color), optional=True)
    for shape in rng.permutation(SHAPES)[: rng.integers(0, 4)]:
        layout.add_shape(str(shape), optional=True)
    if rng.random() < 0.3:
        for name in rng.permutation(DISTRACTORS)[: rng.integers(1, 4)]:
            layout.add_distractor(str(name), optional=True)
    return layout


def set_table(world: TabletopWorld, rng: np.random.Generator) -> None:
    """Load a random table into the world, with the gripper at home or anywhere above it."""
    while True:
        try:
            world.load(tuple(random_layout(rng).things), random_lighting(rng))
            break
        except WorldError:
            continue  # no room left for this draw: draw again
    if rng.random() < 0.7:
        world.teleport(random_gripper_pose(rng))


def random_gripper_pose(rng: np.random.Generator) -> Pose:
    """A top-down pose somewhere above the objects."""
    position = np.array([rng.uniform(0.0, 0.45), rng.uniform(-0.35, 0.35), TABLE_TOP + rng.uniform(0.16, 0.45)])
    return top_down(position, float(rng.uniform(-0.8, 0.8)))
