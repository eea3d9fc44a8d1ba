"""Going back: the moments before each step, of the world and of the run, newest last."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clap.episode.snapshot import shown
from clap.episode.world_session import Stage
from clap.rollout.state import RolloutState
from clap.worlds.capabilities import Restorable, require

MOST_MOMENTS = 50
"""Steps that can be undone. A moment of the simulated table takes about one megabyte."""

_WRITTEN = ("plan_raw", "round_texts")
"""Fields of the snapshot that hold what the planner had written."""


@dataclass(frozen=True)
class Moment:
    """The world, the run and what the planner had written, before a ``step``."""

    step: str
    state: RolloutState
    _world: object
    _written: Mapping[str, Any]
    _away: bool

    def restore(self, stage: Stage) -> None:
        """Make the world, and what is shown of the run, as they were."""
        require(stage.world, Restorable).restore(self._world)
        stage.away = self._away
        stage.worker.note(**shown(self.state), **self._written, success=None)


class Memories:
    """The moments of the present scene."""

    def __init__(self, stage: Stage):
        self._stage = stage
        self._moments: deque[Moment] = deque(maxlen=MOST_MOMENTS)

    def keep(self, state: RolloutState, step: str) -> None:
        """Remember this moment, before a step; a world that cannot be set back is not remembered."""
        world = self._stage.world
        if not isinstance(world, Restorable):
            return
        snapshot = self._stage.worker.board.snapshot
        written = {name: getattr(snapshot, name) for name in _WRITTEN}
        self._moments.append(Moment(step, state, world.save(), written, self._stage.away))
        self._tell()

    def pop(self) -> Moment:
        """The latest moment, which is then forgotten. Raises IndexError if there is none."""
        moment = self._moments.pop()
        self._tell()
        return moment

    def clear(self) -> None:
        """Forget all: the scene is another one."""
        self._moments.clear()
        self._tell()

    def _tell(self) -> None:
        self._stage.worker.note(undo=len(self._moments))
