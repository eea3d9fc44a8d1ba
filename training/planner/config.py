"""What decides a training of the planner from scratch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class PlannerTrainingConfig:
    """Everything that decides a run; written into its training record. The switches that leave parts out make the rows
    of the paper's table 2."""

    data: Annotated[str, "folder of shards"]
    out: Annotated[str, "folder of this run"]
    validation: Annotated[str, "folder of shards to evaluate on, else the last records of each of --data"] = ""
    minutes: Annotated[float, "CPU time over all resumes"] = 60.0
    warmup_minutes: Annotated[float, "CPU time of the vision warm-up, of these"] = 4.0
    threads: int = 1
    seed: int = 0
    learning_rate: float = 2e-3
    batch_scenes: int = 8
    warmup_batch_scenes: int = 16
    batch_plans: Annotated[int, "language plans in a batch"] = 56
    positions_share: Annotated[float, "share of random tables among the scenes"] = 0.4
    object_data: Annotated[bool, "random tables, and where the things of a demonstration's table are"] = True
    plan_data: Annotated[bool, "language plans"] = True
    reason_objects: Annotated[bool, "round two names its objects first"] = True
    reason_plan: Annotated[bool, "round two is told the plan"] = True
    last_step: Annotated[bool, "both rounds are told the last step"] = True
    width: int = 192
    layers: int = 4
    evaluations: Annotated[int, "evaluations in between"] = 0
    evaluation_scenes: Annotated[int, "scenes of each of them"] = 48
    final_scenes: Annotated[int, "scenes of the last evaluation"] = 300
    evaluation_plans: int = 40
    final_plans: int = 200
    checkpoint_seconds: Annotated[float, "CPU time between two checkpoints"] = 120.0
    log_steps: int = 25
    bf16: bool = True
