"""Generate the object-position and trajectory data sets: `python -m training.data.generate --out data/mini`.

Runs can be cut and resumed: a shard that exists is not made again. Shards alternate between the two kinds, so that
training can begin before all are there. Every trajectory shard renders some of the demonstrations anew, under other
augmentations; there are never more demonstrations than ``--demos`` per task. The third data set, language plans,
needs no simulator and is drawn during training (training/data/language_plans.py).
"""

from __future__ import annotations

import argparse
import itertools
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from clap.geometry.frames import TABLE_TOP, Workspace
from clap.geometry.observation import PointCloud
from clap.geometry.views import CanonicalViews
from clap.policies.expert_keyframes import canonical_action
from clap.program_name import program_name
from clap.worlds.tabletop.phrasing import DRAWER, HANDLE, SORTER
from clap.worlds.tabletop.tasks import CONDITIONS, task_infos
from clap.worlds.tabletop.world import TabletopWorld
from training.data.capture import Shot, capture, draw_cameras, moved_poses
from training.data.demonstrations import Transition, demonstrate
from training.data.positions import set_table
from training.data.rendering import ZOOM_NOISE, ZOOM_SIZE, RigidMotion, draw_motion, moved_views, zoom
from training.data.shards import ShardWriter

SCENES_PER_SHARD = 80
DEMONSTRATIONS_PER_SHARD = 2
COPIES = {"positions": 3, "trajectory": 5}
"""How often a moment is rendered, each time with other cameras and, but for the first, moved as a whole."""

LEAST_POINTS = 12
"""Points of the cloud near a thing from which it counts as seen."""
SEEN_WITHIN = {SORTER: 0.07, DRAWER: 0.12, HANDLE: 0.03, "cup": 0.06}
SEEN_WITHIN_ELSE = 0.042
"""How near, metres, by name or by its last word. A closed drawer is seen by its cabinet."""
ABOVE_TABLE = 0.008


def _objects(points: dict[str, np.ndarray], motion: RigidMotion, cloud: PointCloud) -> list[dict[str, Any]]:
    """Each named point of the moved scene, and whether anything of the thing is in the cloud."""
    table = TABLE_TOP + motion.shift[2]
    above = cloud.points[cloud.points[:, 2] > table + ABOVE_TABLE]
    out = []
    for name, point in points.items():
        place = motion.points(point)
        reach = SEEN_WITHIN.get(name, SEEN_WITHIN.get(name.split()[-1], SEEN_WITHIN_ELSE))
        near = np.sum((above - place.astype(np.float32)) ** 2, 1) < reach**2
        seen = bool(near.sum() >= LEAST_POINTS)
        out.append({"name": name, "position": np.round(place, 5).tolist(), "visible": seen})
    return out


def add_positions(
    writer: ShardWriter, world: TabletopWorld, rng: np.random.Generator, copies: int = COPIES["positions"]
) -> None:
    """One random table: as it is, and moved."""
    set_table(world, rng)
    shot, points = capture(world, moved_poses(world, rng)), world.positions()
    for k in range(copies):
        motion = RigidMotion() if k == 0 else draw_motion(points, [], rng)
        cloud, views = _seen(shot, motion, rng)
        record = {
            "kind": "positions",
            "objects": _objects(points, motion, cloud),
            "drawer_open": world.drawer_is_open(),
        }
        writer.add(record, views, [])


def add_transition(
    writer: ShardWriter,
    transition: Transition,
    rng: np.random.Generator,
    copies: int = COPIES["trajectory"],
    zoom_size: int = ZOOM_SIZE,
) -> None:
    """One transition: as it is, and moved, each with two noisy zooms."""
    workspace = Workspace()
    subtask, points = transition.subtask, transition.points
    target = np.asarray(transition.action.pose.position)
    for k in range(copies):
        motion = RigidMotion() if k == 0 else draw_motion(points, [target], rng)
        cloud, views = _seen(transition.shot, motion, rng)
        action = canonical_action(subtask, transition.index, motion.pose(transition.action.pose))
        keypoint = np.asarray(action.position)
        record = {
            "kind": "trajectory",
            "task": transition.task,
            "demo": transition.number,
            "instruction": str(rng.choice(transition.instructions)),
            "objects": _objects(points, motion, cloud),
            "drawer_open": transition.drawer_open,
            "task_objects": list(subtask.objects),
            "plan": list(subtask.steps),
            "last_step": transition.last_step,
            "step": subtask.steps[transition.index],
            "step_index": transition.index,
            "contact": subtask.touches(transition.index),
            "keypoint": np.round(keypoint, 5).tolist(),
            "action": {
                "position": np.round(keypoint, 5).tolist(),
                "quaternion": np.round(action.quaternion, 6).tolist(),
                "gripper_open": transition.action.gripper_open,
            },
            "gripper_open": transition.shot.observation.gripper_is_open,
        }
        zooms = [zoom(cloud, keypoint, workspace, noise, rng, zoom_size) for noise in ZOOM_NOISE]
        writer.add(record, views, zooms)


def _seen(shot: Shot, motion: RigidMotion, rng: np.random.Generator) -> tuple[PointCloud, CanonicalViews]:
    """The moved cloud of a random set of cameras, and its canonical views; other cameras if these see nothing."""
    while (found := moved_views(draw_cameras(shot, rng), motion)) is None:
        continue
    return found


def fill_positions(writer: ShardWriter, world: TabletopWorld, number: int, args: argparse.Namespace) -> None:
    """Fill one shard with random tables; its number seeds it."""
    rng = np.random.default_rng([args.seed, zlib.crc32(b"positions"), number])
    for _ in range(args.scenes):
        add_positions(writer, world, rng, args.copies or COPIES["positions"])


def fill_trajectories(writer: ShardWriter, world: TabletopWorld, number: int, args: argparse.Namespace) -> None:
    """Fill one shard with demonstrations, those whose turn it is; its number seeds the augmentation."""
    rng = np.random.default_rng([args.seed, zlib.crc32(b"trajectory"), number])
    tasks = [info.key for info in task_infos() if info.trained or args.tasks == "all"]
    demos = range(args.first_demo, args.first_demo + args.demos)
    runs = [(task, demo, condition) for demo, condition, task in itertools.product(demos, args.conditions, tasks)]
    turn = number // 2 * DEMONSTRATIONS_PER_SHARD
    for k in range(turn, turn + DEMONSTRATIONS_PER_SHARD):
        for transition in demonstrate(world, *runs[k % len(runs)]):
            add_transition(writer, transition, rng, args.copies or COPIES["trajectory"], args.zoom_size)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("data/mini"))
    parser.add_argument("--shards", type=int, default=48, help="how many shards in all; odd ones hold positions")
    parser.add_argument("--demos", type=int, default=10, help="how many demonstrations per task (the paper's 10)")
    parser.add_argument("--first-demo", type=int, default=0, help="number of the first, to make a validation set")
    parser.add_argument("--tasks", choices=("trained", "all"), default="trained")
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=["none"])
    parser.add_argument("--scenes", type=int, default=SCENES_PER_SHARD, help="random tables per positions shard")
    parser.add_argument(
        "--copies", type=int, help=f"renderings of every moment, the first of them unmoved (else {COPIES})"
    )
    parser.add_argument("--zoom-size", type=int, default=ZOOM_SIZE, help="pixels a side of the fine stage's views")
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
        (fill_positions if number % 2 else fill_trajectories)(writer, world, number, args)
        records = len(writer)
        writer.write(args.out, number)
        left = (time.monotonic() - started) / done * (len(todo) - done)
        print(f"shard {number:5d}  {kind:10s}  {records} records  {left / 60:.1f} min left", flush=True)


if __name__ == "__main__":
    main()
