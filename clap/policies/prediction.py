"""What a policy says: a plan, what it found, the keypoint and the action, with the evidence for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Lifted, Workspace
from clap.geometry.views import CanonicalViews
from clap.worlds.base import Action


class PlanStatus(str, Enum):
    """What round one answered."""

    STEPS = "steps"
    COMPLETE = "complete"
    REFUSED = "refuse"


@dataclass(frozen=True)
class Plan:
    """The plan of the current sub-task, L_m of equation 4.

    ``steps`` is empty unless the status is STEPS. COMPLETE: nothing is left to do after the last step. REFUSED: what
    is asked for cannot be done, for the ``reason`` ("there is no green block"). ``raw`` is the planner's own text.
    ``by``: "policy", or "human" for steps that the operator wrote.
    """

    status: PlanStatus
    steps: tuple[str, ...] = ()
    raw: str = ""
    reason: str = ""
    by: str = "policy"


@dataclass(frozen=True)
class LocatedObject:
    """A task-related object: ``pixels`` (3, 2) int, one cell per view, and the point lifted from them."""

    name: str
    pixels: NDArray[np.int64]
    lifted: Lifted


@dataclass(frozen=True)
class Prediction:
    """One decision: round two's answer, the zoom, and the fine stage's action.

    ``views`` are the canonical views that were seen, ``zoomed`` those around the keypoint (None for a policy
    without a fine stage); ``heatmaps`` (3, S, S) float32, each summing to one; ``seconds`` maps a stage (views,
    planner, predictor) to its wall time; ``source`` is "policy", "expert", "human keypoint" (the fine stage looked
    where the operator pointed) or "human" (the operator set the target).
    """

    step: str
    objects: tuple[LocatedObject, ...]
    keypoint: Lifted
    keypoint_pixels: NDArray[np.int64]
    window: Workspace
    action: Action
    views: CanonicalViews
    zoomed: CanonicalViews | None = None
    heatmaps: NDArray[np.float32] | None = None
    raw: str = ""
    source: str = "policy"
    seconds: dict[str, float] = field(default_factory=dict)
