"""Going back: the moments before each step, of the world and of the run, newest last."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clap.episode.checklist import Checklist
from clap.episode.world_session import Stage
from clap.rollout.rollout import Rollout
from clap.worlds.capabilities import Restorable, require

MOST_MOMENTS = 50
"""Steps that can be undone. A moment of the simulated table takes about one megabyte."""

_SHOWN = ("instruction", "progress", "seen", "plan_raw", "round_texts", "last_step", "steps_done", "corrections")
"""Fields of the snapshot that belong to the run."""


@dataclass(frozen=True)
class Moment:
    """The world, the run and what was shown of it, before a ``step``."""

    step: str
    rollout: Rollout
    checklist: Checklist
    _world: object
    _run: Mapping[str, Any]
    _shown: Mapping[str, Any]
    _away: bool

    def restore(self, stage: Stage) -> None:
        """Make the world, the run and what is shown of it as they were."""
        require(stage.world, Restorable).restore(self._world)
        stage.away = self._away
        self.rollout.restore(self._run)
        stage.worker.note(**self._shown, success=None, plan=self.checklist.lines())


class Memories:
    """The moments of the present scene."""

    def __init__(self, stage: Stage):
        self._stage = stage
        self._moments: deque[Moment] = deque(maxlen=MOST_MOMENTS)

    def keep(self, rollout: Rollout | None, checklist: Checklist, step: str) -> None:
        """Remember this moment, before a step; a world that cannot be set back is not remembered."""
        world = self._stage.world
        if not isinstance(world, Restorable) or rollout is None:
            return
        snapshot = self._stage.worker.board.snapshot
        shown = {name: getattr(snapshot, name) for name in _SHOWN}
        self._moments.append(Moment(step, rollout, checklist, world.save(), rollout.save(), shown, self._stage.away))
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
