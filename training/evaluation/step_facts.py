"""What was right and what was off in one decision, measured against the simulator's own state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import IMAGE_SIZE, Array, Pose, to_pixels
from clap.policies.expert_keyframes import canonical_action, keyframe, top_down
from clap.policies.prediction import Plan, Prediction
from clap.rollout.step_motion import arrived
from clap.worlds.base import Action, MotionReport
from clap.worlds.tabletop.success import holds
from clap.worlds.tabletop.tasks import Subtask
from clap.worlds.tabletop.world import TabletopWorld
from training.evaluation.thresholds import CLOSE_PX, OFF_MM

LOST_MM = 10_000.0
"""Stands for the distance of an action that is no pose."""

AIM_RADIUS = 0.05
"""Metres across the table within which an action that missed its own target counts as aimed at another thing."""

FINGERS = ("left_finger", "right_finger")
GRASP, LIFT = 1, 2
"""Indices of a sub-task's steps (of the drawer: grasp the handle, pull)."""


@dataclass(frozen=True)
class Truth:
    """What the right answer would be now: the current sub-task, the step in it, and the expert's action for it."""

    number: int
    subtask: Subtask
    index: int
    action: Action
    points: Mapping[str, Array]

    @property
    def step(self) -> str:
        """The step's instruction."""
        return self.subtask.steps[self.index]


def truth(world: TabletopWorld, goal: tuple[Subtask, ...], number: int, index: int) -> Truth:
    """The truth about step ``index`` of the goal's sub-task ``number``, from the state of the simulation now."""
    subtask = goal[number]
    points = {name: point.copy() for name, point in world.positions().items()}
    return Truth(number, subtask, index, keyframe(world, subtask, index), points)


@dataclass
class StepFacts:
    """One prediction, compared with the truth. None: it cannot be told (no truth, or the policy does not say).

    ``objects_px`` and ``keypoint_px``: largest distance over the three views, pixels of the 224 grid. ``position_mm``
    and ``rotation_deg``: the action against the expert's, over equivalent grasps. ``aimed_at``: another thing that
    the action goes to. ``holds``: after a grasp or a lift, both fingers touch the thing. ``achieved``: that, or the
    sub-task's goal holds. ``motion``: the motion's outcome, or "not moved"; ``arrived``: it counts as carried out.
    """

    step: str
    wanted: str = ""
    subtask: int = -1
    plan_right: bool | None = None
    step_right: bool | None = None
    objects_right: bool | None = None
    objects_px: dict[str, float] = field(default_factory=dict)
    keypoint_px: float | None = None
    agreement_px: float = 0.0
    position_mm: float | None = None
    rotation_deg: float | None = None
    gripper_right: bool | None = None
    aimed_at: str = ""
    motion: str = "not moved"
    arrived: bool = False
    holds: bool | None = None
    achieved: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values for the results file."""
        return dict(vars(self))


def compare(
    prediction: Prediction, plan: Plan, known: Truth | None, world: TabletopWorld, says_steps: bool
) -> StepFacts:
    """A prediction against the truth of the same moment. ``says_steps``: the policy names plans and steps."""
    facts = StepFacts(prediction.step, agreement_px=round(prediction.keypoint.agreement_px, 2))
    if known is None:
        return facts
    facts.wanted, facts.subtask = known.step, known.number
    if says_steps:
        facts.plan_right = plan.steps == known.subtask.steps
        facts.step_right = prediction.step == known.step
    if prediction.objects:
        facts.objects_right = {thing.name for thing in prediction.objects} == set(known.subtask.objects)
    size, workspace = prediction.views.size, world.workspace
    for thing in prediction.objects:
        if thing.name in known.points:
            right = to_pixels(known.points[thing.name], workspace, size)
            facts.objects_px[thing.name] = _pixels_apart(thing.pixels, right, size)
    right = to_pixels(known.action.pose.position, workspace, size)
    facts.keypoint_px = _pixels_apart(prediction.keypoint_pixels, right, size)
    facts.position_mm, facts.rotation_deg = _errors(prediction.action.pose, known)
    facts.gripper_right = prediction.action.gripper_open == known.action.gripper_open
    if facts.keypoint_px > CLOSE_PX or facts.position_mm > OFF_MM:
        facts.aimed_at = _aimed_at(np.asarray(prediction.action.pose.position), known)
    return facts


def add_outcome(facts: StepFacts, known: Truth | None, world: TabletopWorld, report: MotionReport) -> None:
    """Complete the facts by the motion's report and by what the world looks like after it."""
    facts.motion = report.outcome.value
    facts.arrived = arrived(report)
    if known is None:
        return
    if known.index == GRASP or (known.index == LIFT and not known.subtask.opens_drawer):
        facts.holds = held(world, known.subtask)
    facts.achieved = bool(facts.holds) or holds(world, known.subtask)


def held(world: TabletopWorld, subtask: Subtask) -> bool:
    """True if both fingers touch the sub-task's thing (the drawer's handle)."""
    thing = "drawer" if subtask.opens_drawer else world.thing(subtask.thing).body
    touching = set()
    for contact in world.data.contact[: world.data.ncon]:
        pair = {world.model.body(world.model.geom_bodyid[geom]).name for geom in (contact.geom1, contact.geom2)}
        if thing in pair:
            touching |= pair & set(FINGERS)
    return len(touching) == len(FINGERS)


def rotation_error(pose: Pose, known: Truth) -> float:
    """Radians between a pose and that expert pose which is equivalent for this step and nearest to it.

    The turn about the vertical that separates the two is folded as the expert folds its own (a cube looks the same
    after 90 degrees); what is left after undoing the equivalent part is the error.
    """
    expert = known.action.pose
    between = pose.rotation @ expert.rotation.T
    # The turn about z nearest to a rotation: it maximises the trace of what is left.
    apart = float(np.arctan2(between[1, 0] - between[0, 1], between[0, 0] + between[1, 1]))
    folded = canonical_action(known.subtask, known.index, top_down(expert.position, apart)).rotation
    equivalent = _turned(expert, apart - float(np.arctan2(folded[1, 0], folded[0, 0])))
    return Pose.from_rotation(pose.position, equivalent).distance(pose)[1]


def _errors(pose: Pose, known: Truth) -> tuple[float, float]:
    """Millimetres and degrees from the expert's action; far off for numbers that are no pose."""
    if not (np.all(np.isfinite(pose.position)) and np.all(np.isfinite(pose.quaternion)) and np.any(pose.quaternion)):
        return LOST_MM, 180.0
    apart = np.linalg.norm(np.asarray(pose.position) - known.action.pose.position)
    return round(1000 * float(apart), 1), round(float(np.degrees(rotation_error(pose, known))), 1)


def _turned(pose: Pose, angle: float) -> Array:
    """(3, 3) rotation of a pose after a turn about the world's vertical."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]) @ pose.rotation


def _pixels_apart(found: NDArray[np.integer], right: NDArray[np.integer], size: int) -> float:
    """Largest distance over the views, in pixels of the 224 grid whatever the ``size`` of the policy's views."""
    return round(float(np.linalg.norm(found - right, axis=-1).max()) * IMAGE_SIZE / size, 2)


def _aimed_at(position: Array, known: Truth) -> str:
    """The thing other than the step's own that lies nearest under the target, nearer than the right target does."""
    if known.index == LIFT or not np.all(np.isfinite(position)):
        return ""
    own = {*known.subtask.objects, known.subtask.thing, known.subtask.container}
    across = {
        name: float(np.linalg.norm(point[:2] - position[:2])) for name, point in known.points.items() if name not in own
    }
    nearest = min(across, key=across.__getitem__, default="")
    to_right = float(np.linalg.norm(np.asarray(known.action.pose.position)[:2] - position[:2]))
    return nearest if nearest and across[nearest] < min(AIM_RADIUS, to_right) else ""
