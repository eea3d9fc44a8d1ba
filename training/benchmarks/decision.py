"""One CLAP decision on the first observation of a task: round one, then round two with the fine stage.

Every repetition gets an observation that the planner has not seen, so that nothing is remembered from the last one.
Round zero, the look, happens once per instruction, and is no part of a decision.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch

from clap.errors import CheckpointError, ClapError, RenderingError
from clap.policies.base import PlanRequest, PredictRequest
from clap.policies.clap import ClapPolicy
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.prediction import PlanStatus
from clap.worlds.tabletop.world import TabletopWorld
from training.benchmarks.library_generation import LibraryPlanner
from training.benchmarks.measure import Row, SectionUnavailable, Settings, median_cpu_ms, total

LIMIT_MS = 1000.0
TASK = "block_in_same_cup"
NAIVE = "transformers"
NOTE = "transformers' generate under the same grammar: a single look, and a pass through the model for every token"


def rows(settings: Settings) -> list[Row]:
    """Rows for both rounds with a checkpoint (the shipped one by default), and their sum, on one thread."""
    torch.set_num_threads(1)
    try:
        policy = ClapPolicy.load(settings.checkpoint)
        world = TabletopWorld()
    except (CheckpointError, RenderingError) as error:
        raise SectionUnavailable(str(error)) from error
    planner = policy.planner
    if not isinstance(planner, CoarseTaskPlanner):
        world.close()
        raise SectionUnavailable("The planner answers from a server, whose CPU time cannot be taken here.")
    try:
        instruction = world.reset(TASK, seed=settings.seed)
        observation = world.observe()
    except RenderingError as error:
        raise SectionUnavailable(str(error)) from error
    finally:
        world.close()

    library = ClapPolicy(LibraryPlanner(planner), policy.predictor, policy.workspace)

    def detect_objects() -> object:
        return policy.detect_objects(replace(observation))

    def first(policy: ClapPolicy = policy) -> object:
        return policy.plan(PlanRequest(instruction, detected_objects=detected_objects))

    def second(policy: ClapPolicy = policy) -> object:
        return policy.predict(PredictRequest(replace(observation), plan))

    try:
        detected_objects = policy.detect_objects(observation)
        plan = policy.plan(PlanRequest(instruction, detected_objects=detected_objects))
        if plan.status is not PlanStatus.STEPS:
            raise SectionUnavailable(
                f"The checkpoint answers “{instruction}” with {plan.status.value}, not with steps."
            )
        ours = [median_cpu_ms(function, settings.repeats) for function in (first, second, detect_objects)]
        few = max(1, settings.repeats // 5)
        naive = [median_cpu_ms(partial(function, library), few) for function in (first, second)]
    except ClapError as error:
        raise SectionUnavailable(f"The checkpoint cannot decide “{instruction}”: {error}") from error
    parts = [
        Row("round one: the plan", ours[0], {NAIVE: naive[0]}),
        Row("views, round two, fine stage", ours[1], {NAIVE: naive[1]}),
    ]
    return [*parts, total("one decision", parts, LIMIT_MS, NOTE), Row("once per instruction: the look", ours[2])]
