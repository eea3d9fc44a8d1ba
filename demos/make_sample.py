"""Makes the sample set that ships: ``python -m demos.make_sample [FOLDER] [--seed N]``.

The scripted expert acts in the simulated table; one take is put right by a second script that stands for a person, and
one fails. Few frames are taken, and they play faster than they were made, so that the set stays small; its shape is
that of what the console records, so that it can be copied there. The same seed gives the same frames.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clap.geometry.frames import Pose
from clap.policies.expert_keyframes import keyframe
from clap.program_name import program_name
from clap.worlds.base import Action, MotionContext
from clap.worlds.tabletop.tasks import Subtask
from clap.worlds.tabletop.world import TabletopWorld
from demos.errors import DemonstrationError
from demos.frames import HUMAN, POLICY, Outcome, RecordedFrame, TakeInfo
from demos.sample import SAMPLE
from demos.store.schema import PRIVATE
from demos.store.store import DemonstrationStore
from demos.store.take import Take

FPS = 20
EVERY_TICKS = 30
"""Control ticks of 20 ms from one frame to the next within a motion; where a motion ends there is always one."""

BESIDE = np.array([0.05, 0.03, 0.0])
"""By how much a grasp misses, or a thing is let go beside where it belongs, metres."""

RECORDED = 1_767_258_000.0
"""The wall time that the takes bear: a set that is made again is to be the same."""


@dataclass(frozen=True)
class Move:
    """One step of a take; ``subtask`` is the sub-task that it belongs to."""

    step: str
    action: Action
    subtask: Subtask
    source: str = POLICY


Script = Callable[[TabletopWorld], Iterator[Move]]


def expert(world: TabletopWorld) -> Iterator[Move]:
    """Every step as the expert takes it."""
    for subtask in world.goal or ():
        for index, step in enumerate(subtask.steps):
            yield Move(step, keyframe(world, subtask, index), subtask)


def put_right(world: TabletopWorld) -> Iterator[Move]:
    """The first grasp misses; by hand the gripper goes up again, and then to the thing."""
    for number, move in enumerate(expert(world)):
        if number != 1:
            yield move
            continue
        above = world.state()[0]
        yield replace(move, action=_beside(move.action))
        yield replace(move, action=Action(above, gripper_open=True), source=HUMAN)
        yield replace(move, action=keyframe(world, move.subtask, 1), source=HUMAN)


def let_go_beside(world: TabletopWorld) -> Iterator[Move]:
    """The thing is let go beside where it belongs."""
    moves = list(enumerate(world.goal[0].steps if world.goal else ()))
    for index, step in moves:
        assert world.goal is not None
        action = keyframe(world, world.goal[0], index)
        yield Move(step, _beside(action, 2.0) if index == moves[-1][0] else action, world.goal[0])


TAKES: tuple[tuple[str, Script, str], ...] = (
    ("block_in_same_cup", expert, "The expert's whole run."),
    ("open_drawer", expert, "The expert's whole run."),
    ("shape_in_sorter", expert, "The expert's whole run."),
    ("block_in_open_drawer", expert, "The expert's whole run."),
    ("block_in_other_cup", put_right, "The first grasp misses and is put right by hand (here by a script)."),
    ("shape_in_cup", let_go_beside, "A failure: it is let go beside the cup."),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the set in place of the one that is there."""
    parser = argparse.ArgumentParser(prog=program_name(), description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--seed", type=int, default=30_000, help="of the first take's scene; the others count on")
    given = parser.parse_args(arguments)
    size = make(given.folder, given.seed)
    sys.stdout.write(f"{len(TAKES)} takes, {size:,d} bytes in {given.folder}\n")
    return 0


def make(folder: Path, seed: int) -> int:
    """Make all takes; the bytes of the set. Raises DemonstrationError if a take does not end as it is to."""
    shutil.rmtree(folder, ignore_errors=True)
    world = TabletopWorld()
    try:
        with DemonstrationStore.open(folder) as store:
            for number, (task, script, notes) in enumerate(TAKES):
                _record(
                    store,
                    world,
                    TakeInfo(
                        world.reset(task, seed + number),
                        FPS,
                        operator="sample",
                        policy="scripted expert",
                        world="tabletop",
                        task_key=task,
                        seed=seed + number,
                        notes=notes,
                    ),
                    script,
                    RECORDED + 60 * number,
                )
    finally:
        world.close()
    shutil.rmtree(folder / PRIVATE)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _record(store: DemonstrationStore, world: TabletopWorld, info: TakeInfo, script: Script, begun: float) -> None:
    take = store.begin(info)
    camera = _Camera(world, take, begun)
    ends = []
    for move in script(world):
        camera.move = move
        world.execute(move.action, MotionContext(on_tick=camera.tick))
        camera.shoot()
        ends.append(camera.frames - 1)
    success, wanted = bool(world.success()), script is not let_go_beside
    if success is not wanted:
        raise DemonstrationError(
            f"“{info.task}” ended as a {'success' if success else 'failure'}.", "Try another seed."
        )
    record = take.commit(Outcome.SUCCESS if success else Outcome.FAILURE)
    store.set_keyframes(record.id, ends)


class _Camera:
    """Takes the frames of a take: the first at once, then while the arm moves."""

    def __init__(self, world: TabletopWorld, take: Take, begun: float):
        self._world, self._take, self._begun = world, take, begun
        self._ticks = 0
        self.frames = 0
        self.move: Move | None = None

    def tick(self, _pose: Pose, _open: float) -> None:
        if self._ticks % EVERY_TICKS == 0:
            self.shoot()
        self._ticks += 1

    def shoot(self) -> None:
        assert self.move is not None
        now, steps = self._world.world_snapshot(), self.move.subtask.steps
        frame = RecordedFrame(
            self._world.observe(),
            now.commanded,
            now.commanded_gripper,
            self.move.source,
            self._begun + self.frames / FPS,
            tuple(steps),
            "; ".join(steps),
            self.move.step,
            {name: (float(x), float(y), float(z)) for name, (x, y, z) in self._world.positions().items()},
        )
        self._take.add(frame, wait=True)
        self.frames += 1


def _beside(action: Action, times: float = 1.0) -> Action:
    return Action(Pose(np.asarray(action.pose.position) + times * BESIDE, action.pose.quaternion), action.gripper_open)


if __name__ == "__main__":
    raise SystemExit(main())
