"""Keyframes by the rule that PerAct published and its successors follow (RVT-2, GemBench)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clap.geometry.observation import OPEN_FROM

STILL = 0.1
"""Joint speed, rad/s, up to which a joint stands still."""

COOLDOWN = 4
"""Frames after a stop in which no other stop counts."""


def find_keyframes(gripper: NDArray[np.floating], velocities: NDArray[np.floating]) -> tuple[int, ...]:
    """The keyframes of an episode by its gripper opening (N,) from 0 to 1 and joint velocities (N, J) rad/s.

    A frame after the first is one if the gripper opens or closes there; if it is the last; or if all joints stand
    still and the gripper has not changed from two frames before to one after. If the last two follow each other at
    once, the former is dropped. The rule's windows are cut at the episode's ends, where Python's negative indices
    would look at its other end. It was made for 20 frames a second.
    """
    is_open = np.asarray(gripper) > OPEN_FROM
    count, cooldown = len(is_open), 0
    at = np.arange(count)
    near = [is_open[np.clip(at + shift, 0, count - 1)] == is_open for shift in (-2, -1, 1)]
    rests = np.all(np.abs(np.asarray(velocities)) <= STILL, axis=1) & np.all(near, axis=0) & (at < count - 2)
    found: list[int] = []
    for k in range(1, count):
        stopped = cooldown <= 0 and bool(rests[k])
        cooldown = COOLDOWN if stopped else cooldown - 1
        if stopped or k == count - 1 or is_open[k] != is_open[k - 1]:
            found.append(k)
    if len(found) > 1 and found[-2] == found[-1] - 1:
        found.pop(-2)
    return tuple(found)
