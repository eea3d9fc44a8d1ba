"""Every frame of a demonstration led through again: the arm is driven from one commanded pose to the next."""

from __future__ import annotations

import threading
import time

from clap.episode.episode import Episode, EpisodeState
from clap.geometry.frames import Pose
from clap.worlds.base import World
from clap.worlds.teleoperation import Jog
from demos.errors import DemonstrationError
from demos.store.episode import RecordedEpisode

NEAR, NEAR_TURN = 0.008, 0.05
"""Metres and radians from a frame's pose at which the next one is led to."""

PATIENCE_S = 3.0
"""Longest way to a frame: where the arm cannot get there, it was not there when it was recorded either."""

GRIPPER_S = 0.6
"""The gripper opens or closes before the arm goes on."""

BEAT_S = 0.05
START_S = 10.0


class FrameFollower:
    """Leads the arm of an episode whose scene is set up. ``success``: what the world judges where the arm rests."""

    def __init__(self, episode: Episode, recorded: RecordedEpisode):
        self._episode, self._recorded = episode, recorded
        self._tool: Pose | None = None
        self._moved = threading.Event()
        self.success: bool | None = None

    def run(self) -> bool:
        """Drive from frame to frame in driving's own pace; False if it was stopped before the last one.

        Raises DemonstrationError if the arm cannot be driven now.
        """
        episode, unwatch = self._episode, self._episode.watch(self._on_tick)
        try:
            if not episode.drive(True):
                raise DemonstrationError("The replay could not begin now.")
            episode.wait(lambda now: now.state is EpisodeState.DRIVING, START_S)
            is_open = bool(self._recorded.state[0, 7] > 0.5)
            for values in self._recorded.action:
                opens = bool(values[7] > 0.5)
                if not self._lead(Pose(values[:3].astype(float), values[3:7].astype(float)), opens, opens != is_open):
                    return False
                is_open = opens
            return episode.drive(False)
        finally:
            episode.wait(lambda now: not now.state.busy, START_S)
            unwatch()

    def _lead(self, pose: Pose, opens: bool, grips: bool) -> bool:
        """Drive to a pose, then, if it ``grips``, open or close the gripper; False once the arm is driven no more."""
        if not self._hold(Jog(target=pose), PATIENCE_S, pose):
            return False
        return not grips or self._hold(Jog(target=pose, gripper="open" if opens else "close"), GRIPPER_S)

    def _hold(self, jog: Jog, seconds: float, until: Pose | None = None) -> bool:
        """Go on asking for the same, at most so long, or ``until`` the tool is near a pose."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._episode.snapshot().state is not EpisodeState.DRIVING:
                return False
            if until is not None and self._tool is not None:
                distance, angle = self._tool.distance(until)
                if distance < NEAR and angle < NEAR_TURN:
                    return True
            self._episode.jog(jog)
            self._moved.wait(BEAT_S)
            self._moved.clear()
        return True

    def _on_tick(self, world: World, moving: bool) -> None:
        self._tool = world.state()[0]
        if not moving:
            self.success = world.success()
        self._moved.set()
