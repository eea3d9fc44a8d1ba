"""Verdicts: what may move the arm, what must be asked, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clap.geometry.frames import Pose, Workspace, lift, project
from clap.geometry.observation import Observation
from clap.policies.base import PlanRequest, PredictRequest
from clap.policies.prediction import Prediction
from clap.rollout.safety import TABLE_TOP, Decision, Pace, Verdict, judge
from clap.worlds.base import Action
from tests.support.kinematic_world import DOWN, KinematicWorld, TouchPolicy

WORLD = KinematicWorld()
OBSERVATION: Observation = WORLD.observe()
POLICY = TouchPolicy(WORLD)
PREDICTION = POLICY.predict(PredictRequest(OBSERVATION, POLICY.plan(PlanRequest("touch"))))


def verdict_at(position, prediction: Prediction = PREDICTION, age: float = 0.0, quaternion=DOWN, reach=True) -> Verdict:
    action = Action(Pose(np.asarray(position, float), np.asarray(quaternion, float)), True)
    now = OBSERVATION.timestamp + age
    return judge(replace(prediction, action=action), OBSERVATION, Workspace(), lambda pose: reach, now)


def test_a_good_prediction_is_allowed_and_every_check_says_so():
    verdict = verdict_at([0.2, 0.0, 0.9])
    assert verdict.decision is Decision.ALLOW
    assert all(check.ok and check.sentence and not check.failure for check in verdict.checks)


@pytest.mark.parametrize(
    ("keywords", "decision", "failure"),
    [
        ({"position": [0.2, 0.0, 1.7]}, Decision.REFUSE, "out of the workspace"),
        ({"position": [0.2, 0.0, 0.9], "reach": False}, Decision.REFUSE, "unreachable pose"),
        ({"position": [0.2, 0.0, TABLE_TOP - 0.011]}, Decision.REFUSE, "below the table"),
        ({"position": [np.nan, 0.0, 0.9]}, Decision.REFUSE, "invalid target pose"),
        ({"position": [0.2, 0.0, 0.9], "quaternion": [0, 0, 0, 0]}, Decision.REFUSE, "invalid target pose"),
        ({"position": [0.2, 0.0, 0.9], "age": 2.5}, Decision.ASK, "stale frame"),
        ({"position": [0.2, 0.0, 0.9], "age": 11.0}, Decision.REFUSE, "stale frame"),
        ({"position": [0.2, 0.0, 0.9], "age": float("nan")}, Decision.REFUSE, "stale frame"),
    ],
)
def test_each_fault_is_named(keywords, decision, failure):
    verdict = verdict_at(**keywords)
    assert (verdict.decision, verdict.worst.failure) == (decision, failure)
    assert verdict.sentence == verdict.worst.sentence


def test_a_target_slightly_below_the_table_top_is_still_allowed():
    assert verdict_at([0.2, 0.0, TABLE_TOP - 0.009]).decision is Decision.ALLOW


def test_a_target_outside_the_zoom_window_is_asked_about():
    window = Workspace().zoomed(np.array([0.2, 0.0, 0.9]))
    verdict = verdict_at([0.4, 0.0, 0.9], replace(PREDICTION, window=window))
    assert (verdict.decision, verdict.worst.failure) == (Decision.ASK, "outside the zoom window")


@given(st.floats(0, 60))
def test_the_more_the_views_disagree_the_stricter_the_verdict(shift):
    point = np.array([0.2, 0.0, 0.9])
    pixels = project(point, Workspace())
    pixels[0, 0] += shift
    verdict = verdict_at(point, replace(PREDICTION, keypoint=lift(pixels, Workspace())))
    agreement = float(np.float64(lift(pixels, Workspace()).agreement_px))
    expected = Decision.ALLOW if agreement <= 6 else Decision.ASK if agreement <= 28 else Decision.REFUSE
    assert verdict.decision is expected


@given(st.tuples(*[st.floats(-1, 2)] * 3), st.floats(0, 20), st.booleans())
def test_the_verdict_is_as_strict_as_its_strictest_check(position, age, reach):
    verdict = verdict_at(position, age=age, reach=reach)
    decisions = {check.decision for check in verdict.checks}
    strictest = next(d for d in (Decision.REFUSE, Decision.ASK, Decision.ALLOW) if d in decisions)
    assert verdict.decision is strictest is verdict.worst.decision


def test_a_long_way_is_asked_about():
    assert verdict_at(OBSERVATION.gripper_pose.position + [0.3, 0, 0]).decision is Decision.ALLOW
    far = judge(
        replace(PREDICTION, action=Action(Pose(np.array([0.7, -0.5, 0.8]), DOWN), True)),
        replace(OBSERVATION, gripper_pose=Pose(np.array([-0.2, 0.4, 1.3]), DOWN)),
        Workspace(),
        lambda pose: True,
        OBSERVATION.timestamp,
    )
    assert (far.decision, far.worst.failure) == (Decision.ASK, "far away")
    assert "137 cm" in far.sentence


@pytest.mark.parametrize(
    ("pace", "decision", "words"),
    [
        (Pace(0.3, 1.0, is_real=False), Decision.ALLOW, "30 cm a second"),
        (Pace(0.3, 2.0, is_real=False), Decision.ALLOW, "60 cm a second"),
        (Pace(0.3, 0.0, is_real=False), Decision.ALLOW, "as fast as it can"),
        (Pace(0.2, 1.0, is_real=True), Decision.ALLOW, "20 cm a second"),
        (Pace(0.5, 0.5, is_real=True), Decision.ALLOW, "25 cm a second"),
        (Pace(0.5, 1.0, is_real=True), Decision.ASK, "choose a slower speed"),
        (Pace(0.5, 0.0, is_real=True), Decision.ASK, "50 cm a second"),
    ],
)
def test_the_speed_of_the_tool_is_said_and_asked_about_beside_a_person(pace, decision, words):
    verdict = judge(PREDICTION, OBSERVATION, Workspace(), lambda pose: True, OBSERVATION.timestamp, pace)
    (speed,) = [check for check in verdict.checks if check.name == "speed"]
    assert (speed.decision, verdict.decision) == (decision, decision)
    assert words in speed.sentence
