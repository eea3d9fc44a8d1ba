"""Helpers of the recorder's tests."""

from __future__ import annotations

import itertools


def in_order(values):
    """The values without those that repeat the one before."""
    return [value for value, _ in itertools.groupby(values)]


def rest(episode, state):
    """Wait until nothing is under way, and check the state reached."""
    snapshot = episode.wait(lambda s: not s.state.busy, 60)
    assert snapshot.state is state, (snapshot.state, snapshot.failure)
    return snapshot
