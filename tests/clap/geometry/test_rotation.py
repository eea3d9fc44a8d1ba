"""Rotation bins: round trips, the gimbal fix, and agreement with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from clap.geometry.rotation import (
    BIN_COUNT,
    bins_to_quaternion,
    euler_to_quaternion,
    quaternion_to_bins,
    quaternion_to_euler,
    rotation_angle,
)

angles = st.floats(-180, 180)
eulers = st.tuples(angles, st.floats(-90, 90), angles)


@given(eulers)
def test_euler_to_quaternion_agrees_with_scipy(euler):
    expected = Rotation.from_euler("xyz", euler, degrees=True).as_quat()
    assert rotation_angle(euler_to_quaternion(euler), expected) < 1e-3


@given(st.tuples(angles, st.floats(-87, 87), angles))
def test_angles_survive_the_round_trip_away_from_the_gimbal(euler):
    again = quaternion_to_euler(euler_to_quaternion(euler))
    assert np.allclose((again - euler + 180) % 360, 180, atol=1e-5)


@given(eulers)
def test_binning_moves_a_rotation_by_no_more_than_half_a_bin_per_axis(euler):
    quaternion = euler_to_quaternion(euler)
    assert rotation_angle(quaternion, bins_to_quaternion(quaternion_to_bins(quaternion))) <= 3 * 2.5 + 1e-3


@given(st.integers(0, BIN_COUNT - 1), st.integers(19, 53), st.integers(0, BIN_COUNT - 1))
def test_every_bin_triple_away_from_the_gimbal_is_its_own_label(x, y, z):
    assert quaternion_to_bins(bins_to_quaternion(np.array([x, y, z]))).tolist() == [x, y, z]


@given(angles, angles, st.sampled_from([-90.0, 90.0]), st.floats(-1, 1))
def test_at_the_gimbal_roll_absorbs_yaw(roll, yaw, pitch, wobble):
    euler = quaternion_to_euler(euler_to_quaternion((roll, np.clip(pitch + wobble, -90, 90), yaw)))
    assert euler[1] == pitch and euler[2] == 0
    expected = roll - yaw if pitch > 0 else roll + yaw
    assert abs((euler[0] - expected + 180) % 360 - 180) < 0.1


def test_a_gripper_that_points_down_has_roll_180_and_keeps_its_yaw():
    quaternion = Rotation.from_euler("xyz", (180, 0, 35), degrees=True).as_quat()
    assert quaternion_to_bins(quaternion).tolist() == [0, 36, 43]


def test_opposite_quaternions_are_the_same_rotation():
    quaternion = euler_to_quaternion((10, 20, 30))
    assert quaternion_to_bins(-quaternion).tolist() == quaternion_to_bins(quaternion).tolist()
    assert rotation_angle(quaternion, -quaternion) == pytest.approx(0, abs=1e-4)
