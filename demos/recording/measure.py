"""Measures recording: `python -m demos.recording.measure FOLDER` records takes of the tabletop into it and prints JSON.

Also writes the frames to FOLDER/frames.npz, so that another program's writer can be given the same ones.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clap.geometry.frames import Pose
from clap.geometry.observation import Observation
from clap.program_name import program_name
from clap.worlds.base import Action, MotionContext
from clap.worlds.tabletop.world import TabletopWorld
from demos.frames import POLICY, RecordedFrame, TakeInfo
from demos.store.journal import pack
from demos.store.rows import row_of
from demos.store.store import DemonstrationStore

TASK = "block_in_same_cup"
FPS = 20


def main(arguments: list[str] | None = None) -> int:
    """Record ``--takes`` takes of ``--frames`` frames at 20 Hz, and print what each stage took."""
    parser = argparse.ArgumentParser(prog=program_name(), description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="an empty folder")
    parser.add_argument("--takes", type=int, default=15)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    observations, task = _observations(options.frames, options.seed)
    options.folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"state": np.stack([seen.joint_positions for seen in observations]).astype(np.float32)}
    for number, camera in enumerate(observations[0].frames):
        arrays[f"{camera.name}_rgb"] = np.stack([seen.frames[number].rgb for seen in observations])
        arrays[f"{camera.name}_depth"] = np.stack([seen.frames[number].depth for seen in observations])
    np.savez(options.folder / "frames.npz", **arrays)
    measured = _record(options.folder / "set", observations, task, options.takes)
    sys.stdout.write(json.dumps(measured) + "\n")
    return 0


def _observations(count: int, seed: int) -> tuple[list[Observation], str]:
    """What the cameras see while the arm goes up and down over the table; time stamps as at 20 Hz."""
    found: list[Observation] = []
    world = TabletopWorld()
    try:
        task = world.reset(TASK, seed=seed)
        pose, _ = world.state()

        def look(*_: object) -> None:
            if len(found) < count:
                found.append(world.observe())

        while len(found) < count:
            for down in (0.15, 0.0):
                target = Pose(pose.position - np.array([0.0, 0.0, down]), pose.quaternion)
                world.execute(Action(target, gripper_open=True), MotionContext(on_tick=look))
    finally:
        world.close()
    return [_at(seen, number / FPS) for number, seen in enumerate(found)], task


def _at(seen: Observation, when: float) -> Observation:
    return replace(seen, frames=tuple(replace(frame, timestamp=when) for frame in seen.frames), timestamp=when)


def _record(folder: Path, observations: list[Observation], task: str, takes: int) -> dict[str, list[float]]:
    names = ("add_ms", "encode_cpu_ms", "commit_s", "commit_cpu_ms", "bytes_per_frame", "dropped")
    measured: dict[str, list[float]] = {name: [] for name in names}
    with DemonstrationStore.open(folder) as store:
        for _ in range(takes):
            take = store.begin(TakeInfo(task, FPS))
            begun = time.monotonic()
            for number, observation in enumerate(observations):
                time.sleep(max(0.0, begun + number / FPS - time.monotonic()))
                frame = RecordedFrame(observation, observation.gripper_pose, 1.0, POLICY, time.time(), step="go down")
                start = time.perf_counter()
                take.add(frame)
                measured["add_ms"].append(1000 * (time.perf_counter() - start))
            start_cpu, start = time.process_time(), time.perf_counter()
            entry = take.commit()
            measured["commit_s"].append(time.perf_counter() - start)
            measured["commit_cpu_ms"].append(1000 * (time.process_time() - start_cpu))
            measured["bytes_per_frame"].append(entry.size / entry.length)
            measured["dropped"].append(entry.labels.dropped)
            start_cpu = time.process_time()
            pack(row_of(frame))
            measured["encode_cpu_ms"].append(1000 * (time.process_time() - start_cpu))
    return measured


if __name__ == "__main__":
    raise SystemExit(main())
