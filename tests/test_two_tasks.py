"""One sentence with two tasks, carried out by the shipped policy on the simulated table."""

from __future__ import annotations

import numpy as np
import torch

from clap.checkpoint import default_checkpoint
from clap.clap_policy import ClapPolicy
from clap.unattended import run_unattended
from clap.worlds.tabletop.world import TabletopWorld

SENTENCE = "put the green block in the red cup and then put the yellow block in the yellow cup"
INSIDE_M = 0.03


def test_both_tasks_of_one_sentence_are_done():
    torch.set_num_threads(1)
    world = TabletopWorld()
    try:
        world.reset("block_in_same_cup", 20_005)
        result = run_unattended(world, ClapPolicy.load(default_checkpoint(), world.workspace), SENTENCE)
        assert result.failure is None
        assert [step.step.split("the robot ")[1] for step in result.log] == [
            *(f"{verb} the green block" for verb in ("moves above", "grasps", "lifts")),
            "places the green block into the red cup",
            *(f"{verb} the yellow block" for verb in ("moves above", "grasps", "lifts")),
            "places the yellow block into the yellow cup",
        ]
        places = world.positions()
        for block, cup in (("green block", "red cup"), ("yellow block", "yellow cup")):
            assert np.linalg.norm((places[block] - places[cup])[:2]) < INSIDE_M
    finally:
        world.close()
