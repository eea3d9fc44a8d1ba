"""Episodes of a demonstration set as a folder of shards, one an episode: the format that all of training reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clap.errors import ClapError
from demos.store.store import DemonstrationStore
from training.data.recordings.records import Copies, add_episode
from training.data.recordings.skipped import LeftOutError
from training.data.recordings.steps import recorded_steps, subtask_plans
from training.data.shards import ShardWriter
from training.predictor.samples import TrainingDataError


@dataclass(frozen=True)
class ExportedEpisode:
    """An episode that was made into a shard: its instruction, the plans of its sub-tasks, and how many records."""

    id: str
    instruction: str
    plans: tuple[tuple[str, ...], ...]
    records: int


@dataclass(frozen=True)
class Export:
    """What became of the chosen episodes; ``left_out`` holds ids with the reason."""

    episodes: tuple[ExportedEpisode, ...]
    left_out: tuple[tuple[str, str], ...]


def export_training(
    store: DemonstrationStore,
    episodes: Sequence[str],
    out: Path,
    copies: Copies | None = None,
    seed: int = 0,
    told: Callable[[str], None] = lambda sentence: None,
) -> Export:
    """Write the shards of these episodes into ``out``; one that is there already is not made again.

    Raises UnknownEpisodeError for an id that there is not, LeftOutError if none of them can be learned from, and
    TrainingDataError if the folder holds the shards of others.
    """
    out.mkdir(parents=True, exist_ok=True)
    made, left_out = [], []
    for number, identity in enumerate(episodes):
        record = store.get(identity)
        try:
            episode = store.read(identity)
            steps = recorded_steps(episode)
            records = _records_there(out / f"shard-{number:05d}", identity)
            if not records:
                writer = ShardWriter()
                add_episode(writer, episode, steps, copies or Copies(), seed)
                if not len(writer):
                    raise LeftOutError("its cameras saw nothing inside the workspace")
                writer.write(out, number)
                records = len(writer)
        except TrainingDataError:
            raise
        except ClapError as error:
            left_out.append((identity, error.sentence))
            told(f"left out  “{record.task}” ({identity}): {error.sentence}")
            continue
        made.append(ExportedEpisode(identity, record.task, subtask_plans(steps), records))
        told(f"shard {number:5d}  “{record.task}” ({identity}): {len(steps)} steps, {records} records")
    if not made:
        reasons = "; ".join(dict.fromkeys(reason for _, reason in left_out)) or "no episode was chosen"
        raise LeftOutError(f"None of the {len(episodes)} episodes can be learned from: {reasons}.")
    return Export(tuple(made), tuple(left_out))


def _records_there(shard: Path, identity: str) -> int:
    """Records of a shard that is there, 0 if it is not. Raises TrainingDataError if it is another episode's."""
    if not shard.exists():
        return 0
    lines = (shard / "records.jsonl").read_text("utf-8").splitlines()
    if any(json.loads(line).get("episode") != identity for line in lines):
        raise TrainingDataError(f"{shard} was made from another episode.", "Name an empty folder.")
    return len(lines)
