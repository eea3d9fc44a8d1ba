"""One sentence with two tasks, carried out by the shipped policy on the simulated table."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clap.policies.base import INITIAL_STEP, PlanRequest
from clap.policies.checkpoint import default_checkpoint
from clap.policies.clap import ClapPolicy
from clap.policies.prediction import PlanStatus
from clap.rollout.unattended import run_unattended
from clap.worlds.tabletop.phrasing import pick_and_place_steps
from clap.worlds.tabletop.world import TabletopWorld

OTHERS = (
    "first put the {} block into the {} cup, then the {} one into the {} cup",
    "put the {} block into the {} cup and then put the {} block into the {} cup",
    "put the {} block in the {} cup and the {} block in the {} cup",
)
"""One of each of which was once ended after its first task."""
SENTENCE = "put the green block in the red cup and then put the yellow block in the yellow cup"
INSIDE_M = 0.03


@pytest.fixture(scope="module")
def world():
    torch.set_num_threads(1)
    made = TabletopWorld()
    yield made
    made.close()


@pytest.fixture(scope="module")
def policy(world):
    return ClapPolicy.load(default_checkpoint(), world.workspace)


def test_both_tasks_of_one_sentence_are_done(world, policy):
    world.reset("block_in_same_cup", 20_005)
    result = run_unattended(world, policy, SENTENCE)
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


@pytest.mark.parametrize("sentence", OTHERS)
@pytest.mark.parametrize("colors", [("yellow", "yellow", "red", "green"), ("red", "blue", "green", "yellow")])
def test_each_task_is_planned_once_and_in_order(policy, sentence, colors):
    first, into, second, into_second = colors
    seen = (f"{first} block", f"{second} block", f"{into} cup", f"{into_second} cup")
    wanted = [pick_and_place_steps(seen[0], seen[2]), pick_and_place_steps(seen[1], seen[3])]
    plans, last_step = [], INITIAL_STEP
    for _ in range(3):
        plans.append(policy.plan(PlanRequest(sentence.format(*colors), last_step, detected_objects=seen)))
        last_step = plans[-1].steps[-1] if plans[-1].steps else last_step
    assert [plan.steps for plan in plans] == [*wanted, ()]
    assert plans[-1].status is PlanStatus.COMPLETE
