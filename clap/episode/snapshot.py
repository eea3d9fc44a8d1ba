"""What an episode shows of itself: its state, the plan as a checklist, the latest look, and the snapshot of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from clap.errors import Failure
from clap.geometry.observation import Observation, PointCloud
from clap.geometry.views import CanonicalViews
from clap.policies.base import INITIAL_STEP
from clap.policies.prediction import Prediction
from clap.rollout.safety import Verdict
from clap.rollout.self_correction import Correction
from clap.rollout.state import RolloutState
from clap.rollout.task_plan import PlanStep
from clap.worlds.capabilities import Ability


class EpisodeState(str, Enum):
    """Where an episode stands. In the busy states the worker has something to do."""

    STARTING = "starting"
    READY = "ready"
    PLANNING = "planning"
    PLANNED = "planned"
    PREDICTING = "predicting"
    AWAITING = "awaiting approval"
    MOVING = "moving"
    DRIVING = "driving"
    RECOVERING = "recovering"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def busy(self) -> bool:
        """True while a command is being carried out."""
        return self in _BUSY

    @property
    def in_motion(self) -> bool:
        """True while the arm may be moving."""
        return self in _IN_MOTION


_IN_MOTION = frozenset({EpisodeState.MOVING, EpisodeState.DRIVING})
_BUSY = _IN_MOTION | {
    EpisodeState.STARTING,
    EpisodeState.PLANNING,
    EpisodeState.PREDICTING,
    EpisodeState.RECOVERING,
}


class InstructionProgress(str, Enum):
    """How far an instruction is. Under way it need not have a plan: round one may have failed."""

    NONE = "none"
    UNDER_WAY = "under way"
    COMPLETE = "complete"


@dataclass(frozen=True)
class SceneFrame:
    """The latest look at the world. ``timestamp`` is the observation's; ``cloud`` is cropped to the workspace."""

    seq: int
    timestamp: float
    observation: Observation
    cloud: PointCloud
    views: CanonicalViews


@dataclass(frozen=True)
class EpisodeSnapshot:
    """Everything that an onlooker may show, at one instant; ``seq`` grows with every change.

    ``running``: the episode goes on by itself after each step. ``examples`` are instructions for what is on the table
    now, the scene's own first. ``round_texts`` holds what the planner has written so far, by round ("plan",
    "reason", and "look" before them). ``detected_objects``: the names of the things that the policy saw on the
    table when the instruction began; None if it has not looked, or names nothing. ``variation``: of the scene, None
    where it was drawn from the seed. ``seconds`` holds the latest wall time by stage (look, plan, views, planner,
    predictor, motion). ``correction``: what self-correction would do about the failure, once it is approved;
    ``corrections``: how many it has made since the instruction began. ``success`` is None until the instruction is
    finished, and stays None where the world cannot tell. ``own``: the policy's own prediction, while the one shown is
    the operator's. ``has_fine_action``: the policy can look around another keypoint. ``approve_each``: a run waits for
    approval of every step. ``undo``: how many steps can be undone. ``abilities``: of the world. ``arm_fault``: what
    keeps the arm from moving until a person has seen to it, ``camera_fault`` why the scene cannot be seen.
    ``has_world``: there is one, which ``abilities`` are then of. ``policy_loaded``: the chosen policy can be used.
    ``closed``: nothing is accepted any more.
    """

    state: EpisodeState = EpisodeState.STARTING
    running: bool = False
    instruction: str = ""
    progress: InstructionProgress = InstructionProgress.NONE
    examples: tuple[str, ...] = ()
    task: str = ""
    seed: int = 0
    variation: int | None = None
    condition: str = "none"
    policy: str = ""
    policy_is_expert: bool = False
    has_fine_action: bool = False
    policy_loaded: bool = False
    detected_objects: tuple[str, ...] | None = None
    plan: tuple[PlanStep, ...] = ()
    plan_raw: str = ""
    round_texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    last_step: str = INITIAL_STEP
    steps_done: int = 0
    prediction: Prediction | None = None
    verdict: Verdict | None = None
    own: Prediction | None = None
    failure: Failure | None = None
    correction: Correction | None = None
    corrections: int = 0
    success: bool | None = None
    seconds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    scene: SceneFrame | None = None
    speed: float = 1.0
    approve_each: bool = False
    undo: int = 0
    has_world: bool = False
    abilities: frozenset[Ability] = frozenset(Ability)
    arm_fault: Failure | None = None
    camera_fault: Failure | None = None
    closed: bool = False
    seq: int = 0


NOTHING_DONE: dict[str, Any] = {
    "detected_objects": None,
    "plan": (),
    "plan_raw": "",
    "round_texts": MappingProxyType({}),
    "last_step": INITIAL_STEP,
    "steps_done": 0,
    "corrections": 0,
    "correction": None,
    "success": None,
}
"""The snapshot's fields at the beginning of an instruction."""


def shown(state: RolloutState) -> dict[str, Any]:
    """The snapshot's fields that follow from the run's state."""
    return {
        "instruction": state.instruction,
        "progress": InstructionProgress.COMPLETE if state.complete else InstructionProgress.UNDER_WAY,
        "detected_objects": state.detected_objects,
        "plan": state.task.lines(),
        "last_step": state.last_step,
        "steps_done": state.steps_done,
        "corrections": len(state.corrections),
    }
