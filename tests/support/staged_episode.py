"""An episode in the world without physics, with everything at hand that a test asks about."""

from __future__ import annotations

import time

from clap.episode.episode import Episode, EpisodeState
from clap.episode.events import Refused
from clap.worlds.base import World
from clap.worlds.capabilities import Resettable
from tests.support.kinematic_world import KinematicWorld, TouchPolicy


class StagedEpisode:
    """An episode with its world, its policies and all its events at hand."""

    def __init__(self, policies=None, policy="touch", correction=True, options=None, kind=KinematicWorld, **world):
        self.worlds: list[World] = []
        self.policies: list[TouchPolicy] = []
        self.events: list = []

        def make_world():
            self.worlds.append(kind(**world))
            return self.worlds[0]

        def make_policy(world):
            self.policies.append(TouchPolicy(world))
            return self.policies[-1]

        choice = {"touch": make_policy, **(policies or {})}
        self.episode = Episode(make_world, choice, policy, 0.0, correction, **(options or {}))
        self.episode.subscribe(self.events.append)
        self.rest()

    def rest(self, state=None):
        """Wait until nothing is under way, and check the state reached."""
        snapshot = self.episode.wait(lambda s: not s.state.busy, 20)
        assert state is None or snapshot.state is state, (snapshot.state, snapshot.failure)
        return snapshot

    def ready(self, instruction=None):
        if isinstance(self.worlds[0], Resettable):
            assert self.episode.reset("touch", 7)
            self.rest(EpisodeState.READY)
        if instruction is not None:
            assert self.episode.plan(instruction)
            self.rest(EpisodeState.PLANNED)
        return self

    def kinds(self, *kinds):
        return [event for event in self.events if isinstance(event, kinds)]

    def refusal(self):
        wait_for(lambda: self.kinds(Refused))
        return self.kinds(Refused)[-1].sentence


def wait_for(condition, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.002)
