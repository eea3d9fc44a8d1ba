"""How one episode of an evaluation is run, in whichever process gets it."""

from __future__ import annotations

import functools
import hashlib
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clap.errors import CheckpointError
from clap.policies.base import Policy
from clap.policies.checkpoint import open_checkpoint
from clap.rollout.self_correction import Correction
from clap.rollout.unattended import run_unattended
from clap.worlds.tabletop.world import TabletopWorld
from training.evaluation.episode_job import KEY_FIELDS, SENTENCE_POLICIES, Finished, Job
from training.evaluation.filmstrip import Shot, filmstrip
from training.evaluation.taxonomy import failure_of
from training.evaluation.witness import WatchedPolicy, WatchedWorld, Witness


def run_job(job: Job) -> Finished:
    """Run one episode in this process's world."""
    world, policy = _stage(job.policy, job.checkpoint, job.model, job.cameras, job.planner_url, job.planner_model)
    return play(world, policy, job)


def play(world: TabletopWorld, policy: Policy, job: Job) -> Finished:
    """Run the job's episode, every decision watched against the simulator's truth."""
    begun = time.perf_counter()
    instruction = world.reset(job.task, job.seed, condition=job.condition)
    witness = Witness(world, world.goal or (), job.policy not in SENTENCE_POLICIES)
    watched = WatchedWorld(world, witness)
    result = run_unattended(watched, WatchedPolicy(policy, witness), instruction, job.correction == "on")
    failure = None if result.failure is None else asdict(result.failure)
    facts = [step.as_json() for step in witness.facts]
    fault = None if result.success else asdict(failure_of(facts, witness.ending, failure))
    record = {
        **dict(zip(KEY_FIELDS, job.key, strict=True)),
        "instruction": instruction,
        "success": result.success,
        "goal_holds": result.goal_holds,
        "failure": failure,
        "fault": fault,
        "steps": result.steps_done,
        "corrections": [_recorded(made) for made in result.corrections],
        "log": [asdict(step) for step in result.log],
        "facts": facts,
        "seconds": round(time.perf_counter() - begun, 3),
    }
    if result.success:
        return Finished(record)
    return Finished(record, filmstrip([*witness.shots, Shot(world.observe().frames[0])]))


def _recorded(made: Correction) -> dict[str, Any]:
    """A correction as result files name it since the first of them."""
    return {
        "finding": made.detected_fault,
        "remedy": made.recovery_action.value,
        "sentence": made.sentence,
        "step": made.step,
        "attempt": made.attempt,
    }


@functools.lru_cache(maxsize=1)
def _stage(
    policy: str, checkpoint: str, model: str, cameras: str, planner_url: str, planner_model: str
) -> tuple[TabletopWorld, Policy]:
    """The world and the policy of this process, made once: they take longer than an episode.

    Raises CheckpointError if the weights are not those of ``model``, PlannerServerError if a planner's server is asked
    for and cannot be used.
    """
    if fingerprint(policy, checkpoint, planner_model) != model:
        raise CheckpointError(
            f"The weights in {checkpoint} are not those that the evaluation began with ({model}).",
            "Give every machine the same checkpoint folder, and leave it alone while an evaluation runs.",
        )
    world = TabletopWorld(cameras=cameras)
    return world, load_policy(policy, checkpoint, world, planner_url, planner_model)


def load_policy(
    policy: str, checkpoint: str, world: TabletopWorld, planner_url: str = "", planner_model: str = ""
) -> Policy:
    """Load one of ``POLICIES`` for this world; a server may answer for CLAP's planner.

    Raises CheckpointError or PlannerServerError.
    """
    if policy == "expert":
        from clap.policies.expert import ExpertPolicy

        return ExpertPolicy(world)
    import torch

    torch.set_num_threads(1)
    if policy == "rvt2":
        from training.baselines.rvt2_policy import Rvt2Policy

        return Rvt2Policy.load(checkpoint, world.workspace)
    from clap.policies.clap import ClapPolicy
    from clap.policies.planner.remote import remote_planner

    planner = remote_planner(planner_url, planner_model) if planner_url else None
    return ClapPolicy.load(checkpoint, world.workspace, planner)


def fingerprint(policy: str, checkpoint: str, planner_model: str = "") -> str:
    """What tells a policy's weights apart: twelve hex digits, "" for one without weights; and a served planner's name.

    Raises CheckpointError if the weights are missing.
    """
    if policy == "expert":
        return ""
    if policy == "clap":
        shipped = open_checkpoint(checkpoint).fingerprint()
        return f"{shipped} with {planner_model}" if planner_model else shipped
    files = sorted(Path(checkpoint).rglob("*.safetensors"))
    if not files:
        raise CheckpointError(f"There are no weights (safetensors) in {checkpoint}.", "Give the folder of a training.")
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(checkpoint).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]
