"""A block on a block: what no data set and no evaluation has, so that it can be taught by demonstrations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from clap.policies.expert import ExpertPolicy
from clap.rollout.release_check import goes_on_top
from clap.rollout.unattended import run_unattended
from clap.worlds.tabletop.objects import BLOCK_HALF
from clap.worlds.tabletop.tasks import STACK, TASK_KEYS, examples, sample_task, task_infos, understand
from clap.worlds.tabletop.world import TabletopWorld
from training.data.recordings.things import known_subtask, objects_of_plan


@pytest.fixture(scope="module")
def world() -> Iterator[TabletopWorld]:
    made = TabletopWorld()
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(3))
def test_the_expert_stacks_and_self_correction_leaves_the_block_where_it_is(world: TabletopWorld, seed: int) -> None:
    instruction = world.reset(STACK, seed)
    assert world.success() is False
    result = run_unattended(world, ExpertPolicy(world), instruction, correction=True)
    assert result.success and not result.corrections


@pytest.mark.parametrize(
    ("sideways", "up", "stands"), [(0.5, 2.0, True), (0.0, 1.5, False), (2.2, 0.0, False), (2.2, 2.0, False)]
)
def test_a_block_stands_on_another_where_the_other_bears_it(
    world: TabletopWorld, sideways: float, up: float, stands: bool
) -> None:
    world.reset(STACK, 1)
    thing, container = (world.goal or ())[0].objects
    other = np.asarray(world.body_pose(container).position)
    world.data.joint(f"{thing.replace(' ', '_')}_joint").qpos[:3] = other + BLOCK_HALF * np.array([sideways, 0, up])
    world.arm.tick(1)
    assert world.success() is stands


def test_it_is_apart_from_the_papers_tasks(world: TabletopWorld) -> None:
    assert STACK not in TASK_KEYS and STACK not in [info.key for info in task_infos()]
    assert STACK in [info.key for info in world.tasks()]
    things = sample_task("block_in_same_cup", 0).things
    blocks = [thing.name for thing in things if thing.kind == "block"]
    assert not [text for text in examples(things, "") if " on " in text]
    (subtask,) = understand(f"Stack the {blocks[0]} on the {blocks[1]}", things) or ()
    assert subtask.objects == (blocks[0], blocks[1])
    assert known_subtask(subtask.steps) == subtask and objects_of_plan(subtask.steps) == subtask.objects


def test_what_is_set_down_on_something_sticks_out_as_it_should() -> None:
    assert goes_on_top("the robot places the red block above the blue block")
    assert goes_on_top("the robot sets the plate onto the table")
    assert not goes_on_top("the robot places the red block into the cup")
    assert not goes_on_top("the robot pulls the drawer handle and opens the drawer")
