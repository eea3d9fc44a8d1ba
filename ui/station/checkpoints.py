"""Checkpoints that the operator puts to use while the console runs: each becomes one more policy to choose from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clap.episode.episode import Episode
from clap.policies.base import Policy
from clap.worlds.base import World
from ui.protocol.messages import Policies, PolicyChoice
from ui.station.channel import frame
from ui.station.outbox import Outbox


class Checkpoints:
    """``choices``: the policies that the pages know; every page is told when there is one more."""

    def __init__(self, outbox: Outbox):
        self.choices: tuple[PolicyChoice, ...] = ()
        self._outbox = outbox

    def use(self, episode: Episode, name: str, folder: Path) -> None:
        """Offer the checkpoint in ``folder`` under its ``name``, and choose it; the episode's thread loads it."""
        called = f"CLAP ({name})"
        if called not in episode.policy_names():
            episode.add_policy(called, _loader(folder, called))
            self.choices = (*self.choices, PolicyChoice(name=called))
            self._outbox.publish(frame(Policies(policies=list(self.choices))))
        episode.set_policy(called)
        self._outbox.refresh()


def _loader(folder: Path, called: str) -> Callable[[World], Policy]:
    def load(world: World) -> Policy:
        from clap.policies.clap import ClapPolicy

        policy = ClapPolicy.load(folder, world.workspace)
        policy.name = called
        return policy

    return load
