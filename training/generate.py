"""Generate the object-position and trajectory data sets: `python -m training.generate --out data/mini`.

Runs can be cut and resumed: a shard that exists is not made again. Shards alternate between the two kinds, so that
training can begin before all are there. The third data set, language plans, needs no simulator and is drawn during
training (training/language_plans.py).
"""

from __future__ import annotations

import argparse
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from clap.failures import ClapError
from clap.geometry import Workspace
from clap.observation import Observation, PointCloud, fuse
from clap.views import CanonicalViews, render_views
from clap.worlds.tabletop.expert import canonical_action
from clap.worlds.tabletop.tasks import task_infos
from clap.worlds.tabletop.world import TabletopWorld
from training.augment import RigidMotion
from training.demonstrations import Transition, demonstrate
from training.positions import set_table
from training.shards import ShardWriter

ZOOM_SIZE = 112
ZOOM_NOISE = (0.05, 0.02)
"""Half width of the zoom centre's uniform noise, metres: RVT-2's 5 cm, and a closer one as at test time."""

RECORDS_PER_SHARD = 240
SEED_LIMIT = 10_000
"""Evaluation uses seeds from here on; demonstrations stay below."""


def wide_cloud(observation: Observation) -> PointCloud:
    """The cloud with a margin around the workspace, so that a shifted scene has no bare edges."""
    return fuse(observation, Workspace((-0.6, -0.8, 0.6), (1.0, 0.8, 1.6)))


def _inside(points: dict[str, np.ndarray], extra: list[np.ndarray], workspace: Workspace) -> bool:
    margin = 0.02
    inner = Workspace(
        tuple(v + margin for v in workspace.low),  # type: ignore[arg-type]
        tuple(v - margin for v in workspace.high),  # type: ignore[arg-type]
    )
    return bool(inner.contains(np.array([*points.values(), *extra])).all())


def draw_motion(points: dict[str, np.ndarray], extra: list[np.ndarray], rng: np.random.Generator) -> RigidMotion:
    """A random motion that keeps all points in the workspace; none after 20 tries."""
    for _ in range(20):
        motion = RigidMotion.draw(rng)
        moved = {name: motion.points(point) for name, point in points.items()}
        if _inside(moved, [motion.points(point) for point in extra], Workspace()):
            return motion
    return RigidMotion()


def _objects(points: dict[str, np.ndarray], motion: RigidMotion) -> list[dict[str, Any]]:
    return [{"name": name, "position": np.round(motion.points(p), 5).tolist()} for name, p in points.items()]


def add_positions(writer: ShardWriter, world: TabletopWorld, rng: np.random.Generator, copies: int) -> None:
    """One random table: as it is, and moved ``copies - 1`` times."""
    set_table(world, rng)
    cloud, points = wide_cloud(world.observe()), world.positions()
    for k in range(copies):
        motion = RigidMotion() if k == 0 else draw_motion(points, [], rng)
        record = {"kind": "positions", "objects": _objects(points, motion)}
        writer.add(record, render_views(motion.cloud(cloud), Workspace()), [])


def add_transition(writer: ShardWriter, transition: Transition, rng: np.random.Generator, copies: int) -> None:
    """One transition: as it is, and moved ``copies - 1`` times, each with two noisy zooms."""
    workspace = Workspace()
    cloud, points = wide_cloud(transition.observation), transition.positions
    target = np.asarray(transition.action.pose.position)
    for k in range(copies):
        motion = RigidMotion() if k == 0 else draw_motion(points, [target], rng)
        moved = motion.cloud(cloud)
        action = canonical_action(transition.subtask, transition.index, motion.pose(transition.action.pose))
        keypoint = np.asarray(action.position)
        record = {
            "kind": "trajectory",
            "task": transition.task,
            "objects": _objects(points, motion),
            "task_objects": list(transition.subtask.objects),
            "plan": list(transition.subtask.steps),
            "last_step": transition.last_step,
            "step": transition.subtask.steps[transition.index],
            "step_index": transition.index,
            "keypoint": np.round(keypoint, 5).tolist(),
            "action": {
                "position": np.round(keypoint, 5).tolist(),
                "quaternion": np.round(action.quaternion, 6).tolist(),
                "gripper_open": transition.action.gripper_open,
            },
            "gripper_open": transition.observation.gripper_is_open,
        }
        zooms = [_zoom(moved, keypoint, workspace, noise, rng) for noise in ZOOM_NOISE]
        writer.add(record, render_views(moved, workspace), zooms)


def _zoom(
    cloud: PointCloud, keypoint: np.ndarray, workspace: Workspace, noise: float, rng: np.random.Generator
) -> CanonicalViews:
    low, high = np.asarray(workspace.low) + 1e-3, np.asarray(workspace.high) - 1e-3
    while True:
        center = np.clip(keypoint + rng.uniform(-noise, noise, 3), low, high)
        try:
            return render_views(cloud, workspace.zoomed(center), ZOOM_SIZE, splat=2)
        except ClapError:
            continue  # nothing to see from a centre high in the air: draw another


def fill_shard(writer: ShardWriter, world: TabletopWorld, kind: str, number: int, args: argparse.Namespace) -> None:
    """Fill one shard of a kind; its number seeds it."""
    rng = np.random.default_rng([args.seed, zlib.crc32(kind.encode()), number])
    trained = [info.key for info in task_infos() if info.trained]
    while len(writer) < RECORDS_PER_SHARD:
        if kind == "positions":
            add_positions(writer, world, rng, copies=3)
            continue
        task, seed = str(rng.choice(trained)), int(rng.integers(args.demos))
        try:
            for transitions in demonstrate(world, task, seed, rng, args.frames, noise=0.01):
                for transition in transitions:
                    add_transition(writer, transition, rng, copies=2)
        except ClapError as error:
            print(f"skipped {task} seed {seed}: {error}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data/mini"))
    parser.add_argument("--shards", type=int, default=48, help="how many shards in all; odd ones hold positions")
    parser.add_argument("--demos", type=int, default=SEED_LIMIT, help="how many distinct demonstrations per task")
    parser.add_argument("--frames", type=int, default=3, help="observations kept per step, of the m + 1 = 6")
    parser.add_argument("--worker", default="0/1", help="k/n: make every n-th shard, starting with the k-th")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    worker, workers = (int(word) for word in args.worker.split("/"))
    args.out.mkdir(parents=True, exist_ok=True)
    todo = [n for n in range(args.shards) if n % workers == worker and not (args.out / f"shard-{n:05d}").exists()]
    world, started = TabletopWorld(), time.monotonic()
    for done, number in enumerate(todo, 1):
        kind = "positions" if number % 2 else "trajectory"
        writer = ShardWriter()
        fill_shard(writer, world, kind, number, args)
        records = len(writer)
        writer.write(args.out, number)
        left = (time.monotonic() - started) / done * (len(todo) - done)
        print(f"shard {number:5d}  {kind:10s}  {records} records  {left / 60:.1f} min left", flush=True)


if __name__ == "__main__":
    main()
