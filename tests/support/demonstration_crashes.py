"""Programs that are killed on purpose: `points` at every step of a change, `work` at random instants.

python demonstration_crashes.py points <operation> <folder> <first> <stride>
python demonstration_crashes.py work <folder> <log> <seed>
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from demos.frames import Outcome
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import INFO, make_frame, record

STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
"""The audit events before whatever changes the file system; between two of them only staged bytes are written."""

Operation = Callable[[DemonstrationStore, Path], object]


def _first(store: DemonstrationStore) -> str:
    return store.episodes()[0].id


def _merge(store: DemonstrationStore, folder: Path) -> None:
    with DemonstrationStore.open(folder.parent / "other") as other:
        store.merge(other)


OPERATIONS: dict[str, Operation] = {
    "commit": lambda store, _: store.resume(store.unfinished()[0].id).commit(),
    "discard": lambda store, _: store.resume(store.unfinished()[0].id).discard(),
    "trim": lambda store, _: store.trim(_first(store), 1, 3),
    "split": lambda store, _: store.split(_first(store), 2),
    "relabel": lambda store, _: store.relabel(_first(store), task="another task"),
    "delete": lambda store, _: store.delete([_first(store)]),
    "restore": lambda store, _: store.restore(store.trash()[0].id),
    "merge": _merge,
    "renumber": lambda store, _: store.renumber(),
    "set_step": lambda store, _: store.set_step(_first(store), 0, 2, "grasp"),
}


def prepare(folder: Path) -> None:
    """Two episodes with a gap before each, two in the trash, a take that was left; and another set to merge."""
    with DemonstrationStore.open(folder / "set") as store:
        ids = [record(store, 3 + k, first=5 * k).id for k in range(4)]
        store.delete([ids[0], ids[2]])
        take = store.begin(INFO)
        for number in range(4):
            take.add(make_frame(number))
    with DemonstrationStore.open(folder / "other") as store:
        record(store, 3, first=30)


def state(folder: Path) -> str:
    """What a set holds, without the ids that are drawn anew: episodes with their steps, trash, unfinished takes."""
    with DemonstrationStore.open(folder, read_only=True, deep_check=True) as store:
        assert store.report.clean, store.report
        episodes = []
        for entry in store.episodes():
            episode = store.read(entry.id)
            times = [round(float(t), 3) for t in episode.wall_time]
            episodes.append((entry.slot, entry.task, times, episode.steps, list(entry.labels.keyframes)))
        trash = sorted((entry.task, entry.slot, entry.is_take) for entry in store.trash())
        return json.dumps([episodes, trash, [(take.frames, take.info.task) for take in store.unfinished()]])


def killed_at(step: int, operation: Operation, folder: Path) -> bool:
    """Run the operation in a child that is killed before its ``step``-th step; False if it ended before."""
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(event: str, arguments: tuple) -> None:
            nonlocal seen
            writes = event != "open" or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
            if event in STEPS and writes:
                seen += 1
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        store = DemonstrationStore.open(folder)
        sys.addaudithook(hook)
        operation(store, folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def points(folder: Path, stride: int) -> None:
    """Kill every operation at every ``stride``-th step: each time the set is as before, or as after. Prints counts."""
    prepare(folder / "base")
    before = state(folder / "base" / "set")
    for number, (name, operation) in enumerate(OPERATIONS.items()):
        done = folder / f"done-{name}"
        shutil.copytree(folder / "base", done)
        with DemonstrationStore.open(done / "set") as store:
            operation(store, done / "set")
        after = state(done / "set")
        assert before != after
        counts = {before: 0, after: 0}
        step, killed = 1 + number % stride, True
        while killed:
            trial = folder / f"trial-{name}-{step}"
            shutil.copytree(folder / "base", trial)
            killed = killed_at(step, operation, trial / "set")
            with DemonstrationStore.open(trial / "set") as store:
                said = store.report
            found = state(trial / "set")
            assert found in counts, f"{name}, step {step}: {said}\n{found}\nis neither\n{before}\nnor\n{after}"
            counts[found] += killed
            shutil.rmtree(trial)
            step += stride
        assert found == after
        print(json.dumps({"operation": name, "as before": counts[before], "as after": counts[after]}), flush=True)


def work(folder: Path, log: Path, seed: int) -> None:
    """Record at 40 Hz, commit, trim, split, relabel, delete, restore and merge until killed; tell the log of it."""
    rng = np.random.default_rng(seed)
    out = log.open("a", buffering=1)

    def say(**values: object) -> None:
        out.write(json.dumps(values) + "\n")

    say(started=time.time())
    other = DemonstrationStore.open(folder / "other")
    if not other.episodes():
        record(other, 3)
    store = DemonstrationStore.open(folder / "set")
    while True:
        take = store.resume(store.unfinished()[0].id) if store.unfinished() else store.begin(INFO)
        say(begun=take.id, frames=take.status().frames)
        for number in range(int(rng.integers(3, 25))):
            if take.add(make_frame(number, wall_time=time.time())):
                say(frame=take.id, time=time.time())
            time.sleep(0.025)
        entry = take.commit(Outcome.SUCCESS)
        say(committed=entry.id, length=entry.length)
        episodes = [one for one in store.episodes() if one.length > 2]
        one = episodes[int(rng.integers(len(episodes)))]
        match int(rng.integers(6)):
            case 0:
                say(removing=one.id)
                store.trim(one.id, 1, one.length)
            case 1:
                say(removing=one.id)
                store.split(one.id, one.length // 2)
            case 2:
                store.relabel(one.id, task=f"task {rng.integers(3)}")
            case 3:
                say(removing=one.id)
                store.delete([one.id])
                store.restore(one.id)
                say(committed=one.id, length=one.length)
            case 4:
                store.merge(other)
            case 5:
                store.renumber()
        doomed = [one.id for one in store.episodes()[:-6]]
        if doomed:
            for one_id in doomed:
                say(removing=one_id)
            store.delete(doomed)
            store.empty_trash()


def workers(folder: Path, log: Path) -> None:
    """For every seed on the standard input fork a worker, print its process id, and then that it has ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            work(folder, log, int(line))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else f"failed: {status}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "points":
        points(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        workers(Path(sys.argv[2]), Path(sys.argv[3]))
