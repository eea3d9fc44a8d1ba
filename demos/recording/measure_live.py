"""Measures recording beside control: `python -m demos.recording.measure_live FOLDER` lets the expert act in
real time, and prints JSON on the control ticks without recording and with it.

Frames of four cameras are rendered and written at 20 Hz beside the simulation, as in the console.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any, cast

from clap.episode.episode import Episode, EpisodeState
from clap.policies.base import Policy
from clap.policies.expert import ExpertPolicy
from clap.program_name import program_name
from clap.worlds.base import World
from clap.worlds.tabletop.world import TabletopWorld
from demos.recording.recorder import Recorder
from demos.store.store import DemonstrationStore

TASK = "block_in_same_cup"
REAL_TIME = 1.0
TIMEOUT_S = 300.0


def main(arguments: list[str] | None = None) -> int:
    """Run ``--runs`` instructions without recording, and as many with it."""
    parser = argparse.ArgumentParser(prog=program_name(), description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="an empty folder")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    episode = Episode(TabletopWorld, {"expert": _expert}, "expert", speed=REAL_TIME, correction=False)
    try:
        seeds = range(options.seed, options.seed + options.runs)
        without = [_run(episode, seed)[0] for seed in seeds]
        with DemonstrationStore.open(options.folder) as store:
            recorder = Recorder(episode, store)
            recorded = [_run(episode, seed, recorder) for seed in seeds]
            recorder.close()
    finally:
        episode.close()
    gaps, takes = zip(*recorded, strict=True)
    chain = itertools.chain.from_iterable
    measured = {"gaps_without": list(chain(without)), "gaps": list(chain(gaps)), "takes": takes}
    sys.stdout.write(json.dumps(measured) + "\n")
    return 0


def _expert(world: World) -> Policy:
    return ExpertPolicy(cast(TabletopWorld, world))


def _run(episode: Episode, seed: int, recorder: Recorder | None = None) -> tuple[list[float], dict[str, Any]]:
    """Seconds between the control ticks of an instruction, and how its recording went."""
    _settle(episode, EpisodeState.READY, lambda: episode.reset(TASK, seed))
    _settle(episode, EpisodeState.PLANNED, lambda: episode.plan(episode.snapshot().instruction))
    gaps: list[float] = []
    last: list[float] = []

    def tick(world: World, moving: bool) -> None:
        now = time.monotonic()
        gaps.extend(now - one for one in last)
        last[:] = [now] if moving else []

    unwatch = episode.watch(tick)
    if recorder is not None:
        recorder.begin()
    _settle(episode, EpisodeState.DONE, episode.run)
    unwatch()
    if recorder is None:
        return gaps, {}
    recorder.end()
    status = recorder.status()
    record = recorder.commit()
    told = {"frames": record.length, "dropped": record.labels.dropped, "rate": status.rate, "bytes": record.size}
    return gaps, {**told, "tick_ms": status.tick_ms, "worst_tick_ms": status.worst_tick_ms}


def _settle(episode: Episode, state: EpisodeState, verb: Any) -> None:
    """Do something and wait for what comes of it. Raises RuntimeError if that is something else."""
    episode.wait(lambda now: not now.state.busy, TIMEOUT_S)
    verb()
    reached = episode.wait(lambda now: not now.state.busy, TIMEOUT_S)
    if reached.state is not state:
        raise RuntimeError(f"{state.value} was expected, not {reached.state.value}: {reached.failure}")


if __name__ == "__main__":
    raise SystemExit(main())
