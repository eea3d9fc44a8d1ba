"""Keyframes by the published rule: gripper changes, stops, and the end."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from demos.keyframes import find_keyframes

MOVING, STILL = 0.5, 0.0


def keyframes(opening, speed):
    return find_keyframes(np.array(opening, float), np.tile(np.array(speed, float)[:, None], 7))


def test_a_change_of_the_gripper_is_one():
    assert keyframes([1] * 5 + [0] * 5 + [1] * 5, [MOVING] * 15) == (5, 10, 14)


def test_a_stop_is_one_and_then_none_for_a_while():
    # Frame 3 stands still first; then four frames count down, and 8 is the next that may count.
    assert keyframes([1] * 14, [MOVING] * 3 + [STILL] * 8 + [MOVING] * 3) == (3, 8, 13)


def test_a_joint_that_moves_is_no_stop():
    velocities = np.zeros((10, 7))
    velocities[:, 6] = 0.11
    assert find_keyframes(np.ones(10), velocities) == (9,)


def test_near_a_change_of_the_gripper_no_stop_counts():
    # Still from the start; 4 and 5 lie within two frames before and one after the change at 5.
    assert keyframes([1] * 5 + [0] * 7, [MOVING] * 3 + [STILL] * 3 + [MOVING] * 6) == (3, 5, 11)


def test_the_beginning_does_not_look_at_the_end():
    """With indices that wrap around, frame 1 would see that the gripper is another at the end."""
    assert keyframes([1] * 8 + [0] * 6, [STILL] * 3 + [MOVING] * 11) == (1, 8, 13)


def test_the_last_two_do_not_follow_each_other():
    assert keyframes([1] * 8 + [0, 0], [MOVING] * 10) == (9,)


def test_an_object_between_the_fingers_keeps_them_closed():
    assert keyframes([1.0] * 4 + [0.65, 0.6, 0.62, 0.6, 0.6], [MOVING] * 9) == (4, 8)


def test_one_frame_has_none():
    assert keyframes([1], [STILL]) == ()


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_the_last_frame_is_one_and_all_are_in_order(frames):
    found = keyframes([opened for opened, _ in frames], [MOVING if moving else STILL for _, moving in frames])
    assert found[-1] == len(frames) - 1 and found[0] > 0
    assert list(found) == sorted(set(found))
