"""Going back: the moments before each step, of the world and of the run, newest last."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clap.episode.snapshot import shown
from clap.episode.world_session import WorldSession
from clap.rollout.state import RolloutState
from clap.worlds.capabilities import Restorable, require

MOST_MOMENTS = 50
"""Steps that can be undone. A moment of the simulated table takes about one megabyte."""

_WRITTEN = ("plan_raw", "round_texts")
"""Fields of the snapshot that hold what the planner had written."""


@dataclass(frozen=True)
class SavedState:
    """The world, the run and what the planner had written, before a ``step``."""

    step: str
    state: RolloutState
    _world: object
    _written: Mapping[str, Any]
    _arm_left_home: bool

    def restore(self, world_session: WorldSession) -> None:
        """Make the world, and what is shown of the run, as they were."""
        require(world_session.world, Restorable).restore(self._world)
        world_session.arm_left_home = self._arm_left_home
        world_session.worker.note(**shown(self.state), **self._written, success=None)


class UndoStack:
    """The moments of the present scene."""

    def __init__(self, world_session: WorldSession):
        self._world_session = world_session
        self._saved_states: deque[SavedState] = deque(maxlen=MOST_MOMENTS)

    def keep(self, state: RolloutState, step: str) -> None:
        """Remember this moment, before a step; a world that cannot be set back is not remembered."""
        world = self._world_session.world
        if not isinstance(world, Restorable):
            return
        snapshot = self._world_session.worker.event_bus.snapshot
        written = {name: getattr(snapshot, name) for name in _WRITTEN}
        self._saved_states.append(SavedState(step, state, world.save(), written, self._world_session.arm_left_home))
        self._publish()

    def pop(self) -> SavedState:
        """The latest moment, which is then forgotten. Raises IndexError if there is none."""
        saved_state = self._saved_states.pop()
        self._publish()
        return saved_state

    def clear(self) -> None:
        """Forget all: the scene is another one."""
        self._saved_states.clear()
        self._publish()

    def _publish(self) -> None:
        self._world_session.worker.note(undo=len(self._saved_states))
