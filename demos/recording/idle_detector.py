"""When an arm that is driven by hand stands still: its operator thinks, and nothing is to be recorded."""

from __future__ import annotations

import numpy as np

from clap.worlds.snapshot import WorldSnapshot

STILL_FRAMES = 5
"""Frames at rest that are kept, so that the stop can be seen in a take, and the keyframe rule finds it once."""

STILL_SPEED = 0.01
"""Joint speed, rad/s, below which an arm with an unchanged target is not on its way to it any more."""

SAME = 1e-5
"""Metres, and parts of a quaternion, by which the target of an arm that nobody moves may differ."""


class IdleDetector:
    """Follows the instants of a take, one a frame."""

    def __init__(self) -> None:
        self._last: WorldSnapshot | None = None
        self._still = 0

    def see(self, world_snapshot: WorldSnapshot) -> None:
        """Take note of the next instant."""
        last, self._last = self._last, world_snapshot
        self._still = self._still + 1 if last is not None and _same(last, world_snapshot) else 0

    @property
    def still(self) -> bool:
        """Nothing has moved, nor been told to, since the instant before."""
        return self._still > 0

    @property
    def begins(self) -> bool:
        """It stands still now, and did not before; and once more when STILL_FRAMES have shown that it stays so."""
        return self._still in (1, STILL_FRAMES + 1)

    @property
    def lasts(self) -> bool:
        """It has stood still for more than STILL_FRAMES frames."""
        return self._still > STILL_FRAMES


def _same(last: WorldSnapshot, now: WorldSnapshot) -> bool:
    return (
        last.commanded_gripper == now.commanded_gripper
        and abs(last.robot.gripper_open - now.robot.gripper_open) < 1e-3
        and bool(np.all(np.abs(now.robot.joint_velocities) < STILL_SPEED))
        and np.allclose(last.commanded.position, now.commanded.position, rtol=0, atol=SAME)
        and np.allclose(last.commanded.quaternion, now.commanded.quaternion, rtol=0, atol=SAME)
    )
