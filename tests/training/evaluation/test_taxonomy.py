"""Why episodes fail: the expert, bent in one place at a time in the real simulator, gets the class of that bend."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clap.geometry.frames import Pose, lift, to_pixels
from clap.policies.expert import ExpertPolicy
from clap.policies.expert_keyframes import keyframe, top_down
from clap.policies.prediction import Plan, PlanStatus
from clap.worlds.base import Action
from clap.worlds.tabletop.tasks import Subtask
from clap.worlds.tabletop.world import TabletopWorld
from training.evaluation.episode_job import Job
from training.evaluation.failure_classes import CLASSES
from training.evaluation.jobs import play
from training.evaluation.step_facts import StepFacts, Truth, rotation_error
from training.evaluation.taxonomy import COMPLETE, ERROR, REFUSED, STEP_ORDER, STEPS, TOO_EARLY, failure_of

TASK, SEED = "block_in_same_cup", 1
JOB = Job("expert", "", "", "four", "off", TASK, "none", SEED)


@pytest.fixture(scope="module")
def world():
    world = TabletopWorld()
    yield world
    world.close()


class BentExpert(ExpertPolicy):
    """The expert with one step's prediction, or one answer of round one, changed."""

    def __init__(self, world, bend=None, at="grasps", answer=None, after="grasps"):
        super().__init__(world)
        self.world, self.bend, self.at, self.answer, self.after = world, bend, at, answer, after

    def plan(self, request):
        right = super().plan(request)
        return self.answer(self.world, right) if self.answer and self.after in request.last_step else right

    def predict(self, request):
        right = super().predict(request)
        return self.bend(self.world, right) if self.bend and self.at in right.step else right


def moved(prediction, world, by, keypoint_too):
    pose = prediction.action.pose
    action = Action(Pose(pose.position + by, pose.quaternion), prediction.action.gripper_open)
    if not keypoint_too:
        return replace(prediction, action=action)
    pixels = to_pixels(action.pose.position, world.workspace)
    return replace(prediction, action=action, keypoint_pixels=pixels, keypoint=lift(pixels + 0.5, world.workspace))


def all_5_cm_off(world, prediction):
    return moved(prediction, world, np.array([-0.05, 0, 0.0]), keypoint_too=True)


def action_4_cm_off(world, prediction):
    return moved(prediction, world, np.array([0, 0, 0.04]), keypoint_too=False)


def at_another_block(world, prediction):
    thing = next(name for name in world.positions() if name.endswith("block") and name not in prediction.step)
    action = keyframe(world, Subtask(thing, "red cup"), 1)
    by = np.asarray(action.pose.position) - prediction.action.pose.position
    return moved(prediction, world, by, keypoint_too=True)


def names_another_block(world, prediction):
    first, *others = prediction.objects
    thing = next(name for name in world.positions() if name.endswith("block") and name != first.name)
    return replace(prediction, objects=(replace(first, name=thing), *others), action=replace_gripper(prediction, True))


def another_step(world, prediction):
    return replace(
        prediction, step=prediction.step.replace("grasps", "lifts"), action=replace_gripper(prediction, True)
    )


def replace_gripper(prediction, is_open):
    return replace(prediction.action, gripper_open=is_open)


def gripper_stays_open(world, prediction):
    return replace(prediction, action=replace_gripper(prediction, True))


def front_view_lost(world, prediction):
    pixels = prediction.keypoint_pixels + np.array([[60, 0], [0, 0], [0, 0]])
    return replace(prediction, keypoint_pixels=pixels, keypoint=lift(pixels + 0.5, world.workspace))


def block_is_taken_away(world, prediction):
    thing = next(name for name in world.positions() if name.endswith("block") and name in prediction.step)
    shift_body(world, thing, [0, 0, 0.5])
    return prediction


def shift_body(world, thing, by):
    world.data.joint(f"{world.thing(thing).body}_joint").qpos[:3] += by


def blocks_fly_off(world, right):
    for thing in [name for name in world.positions() if name.endswith("block")]:
        shift_body(world, thing, [0, 0, 0.5])
    world.arm.tick()
    return right


def done(world, right):
    return Plan(PlanStatus.COMPLETE, raw="complete")


def no(world, right):
    return Plan(PlanStatus.REFUSED, raw="refuse : there is no red block", reason="there is no red block")


def another_plan(world, right):
    return replace(right, steps=tuple(step.replace("cup", "bowl") for step in right.steps))


@pytest.mark.parametrize(
    ("options", "name", "step"),
    [
        ({"bend": all_5_cm_off, "answer": done}, "keypoint off", 1),
        ({"bend": action_4_cm_off, "answer": done}, "action off", 1),
        ({"bend": at_another_block, "answer": done}, "wrong object", 1),
        ({"bend": names_another_block, "answer": done}, "wrong object", 1),
        ({"bend": another_step}, "wrong step", 1),
        ({"bend": gripper_stays_open, "answer": done}, "action off", 1),
        ({"bend": front_view_lost}, "views disagree", 1),
        ({"bend": block_is_taken_away, "answer": done}, "grasp", 1),
        ({"answer": done}, "finished too early", None),
        ({"answer": no, "after": "initial"}, "refused request", None),
        ({"answer": another_plan, "after": "above", "bend": gripper_stays_open}, "wrong plan", 1),
        ({"answer": blocks_fly_off, "after": "places"}, "goal not held", None),
    ],
)
def test_a_bent_expert_gets_the_class_of_its_bend(world, options, name, step):
    # Most of them also stop after the bent step: the first fault counts, and the test is quicker.
    finished = play(world, BentExpert(world, **options), JOB)
    assert not finished.record["success"]
    fault = finished.record["fault"]
    assert (fault["name"], fault["step"]) == (name, step), fault
    assert fault["why"]
    assert finished.strip[:4] == b"RIFF"


def test_a_detour_that_still_takes_the_block_is_no_failure(world):
    finished = play(world, BentExpert(world, all_5_cm_off, at="above"), JOB)
    assert finished.record["success"]
    assert finished.record["fault"] is None and finished.strip is None
    assert [step["keypoint_px"] > 8 for step in finished.record["facts"]] == [True, False, False, False]


def facts(**changes):
    good = {"wanted": "a", "subtask": 0, "motion": "reached", "arrived": True, "plan_right": True, "step_right": True}
    return StepFacts("a", **{**good, **changes}).as_json()


BAD = {
    "wrong plan": {"plan_right": False},
    "wrong step": {"step_right": False},
    "wrong object": {"objects_right": False},
    "views disagree": {"agreement_px": 40.0},
    "keypoint off": {"keypoint_px": 8.5},
    "action off": {"rotation_deg": 25.0},
    "motion": {"motion": "pose not reached", "arrived": False},
    "grasp": {"holds": False},
}


@pytest.mark.parametrize("name", STEP_ORDER)
def test_of_several_faults_in_a_step_the_first_in_the_order_counts(name):
    later = STEP_ORDER[STEP_ORDER.index(name) :]
    merged = {field: value for fault in later for field, value in BAD[fault].items()}
    assert failure_of([facts(**merged)], STEPS, None).name == name


def test_what_a_later_attempt_repaired_and_what_led_to_a_success_are_forgiven():
    grasped = facts(wanted="b", holds=True, achieved=True)
    lost = facts(wanted="c", holds=False)
    assert failure_of([facts(keypoint_px=50.0), grasped, lost], STEPS, None).step == 2
    repaired = [facts(wanted="b", holds=False), facts(wanted="b"), facts(wanted="c", plan_right=False)]
    assert failure_of(repaired, STEPS, None).name == "wrong plan"


@pytest.mark.parametrize(
    ("ending", "failure", "name"),
    [
        (REFUSED, "instruction not understood", "refused request"),
        (TOO_EARLY, None, "finished too early"),
        (COMPLETE, None, "goal not held"),
        (STEPS, "step limit reached", "never finished"),
        (STEPS, "pose not reached", "motion"),
        (ERROR, "out of the workspace", "no answer"),
        (ERROR, "planner text invalid", "no answer"),
    ],
)
def test_the_end_decides_when_every_step_was_right(ending, failure, name):
    named = failure and {"name": failure, "sentence": "What happened.", "next_move": ""}
    fault = failure_of([facts()], ending, named)
    assert (fault.name, fault.step) == (name, None)
    assert name in CLASSES


@given(st.sampled_from([("red block", np.pi / 2), ("rectangle", np.pi), ("triangle", 2 * np.pi / 3)]), st.data())
def test_equivalent_grasps_have_no_rotation_error(thing, data):
    name, period = thing
    yaw = data.draw(st.floats(-period / 2, period / 2))
    turns, extra = data.draw(st.integers(-3, 3)), data.draw(st.floats(-period / 2, period / 2))
    known = Truth(0, Subtask(name, "red cup"), 1, Action(top_down(np.zeros(3), yaw), False), {})
    error = rotation_error(top_down(np.zeros(3), yaw + turns * period + extra), known)
    assert error == pytest.approx(abs(extra), abs=1e-6)


def test_a_tilt_is_an_error_however_the_gripper_is_turned():
    known = Truth(0, Subtask("cylinder", "red cup"), 1, Action(top_down(np.zeros(3), 0.0), False), {})
    tilt = np.array([[1, 0, 0], [0, np.cos(0.3), -np.sin(0.3)], [0, np.sin(0.3), np.cos(0.3)]])
    for yaw in (0.0, 1.0, 2.5):
        turned = top_down(np.zeros(3), yaw)
        assert rotation_error(turned, known) == pytest.approx(0.0, abs=1e-6)
        assert rotation_error(Pose.from_rotation(np.zeros(3), tilt @ turned.rotation), known) == pytest.approx(0.3)


def test_the_record_of_a_corrected_episode_reads_back_as_it_is(world):
    record = play(world, BentExpert(world, all_5_cm_off), replace(JOB, correction="on")).record
    assert {made["finding"] for made in record["corrections"]} == {"nothing grasped"}
    assert {str(made["remedy"]) for made in record["corrections"]} == {"retry"}
    assert json.loads(json.dumps(record)) == record | {"log": json.loads(json.dumps(record["log"]))}
