"""The card of a published set: what it holds and how it was recorded, with the fields by which the Hub finds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from huggingface_hub import DatasetCardData

from demos.store.episode_record import EpisodeRecord
from demos.store.schema import CODEBASE_VERSION, SetShape

MOST_TASKS = 50
"""Instructions that the card lists by name."""


def dataset_card(records: Sequence[EpisodeRecord], shape: SetShape, repo_id: str, licence: str | None = None) -> str:
    """README.md of the episodes: fields in YAML, then text. Without a ``licence`` it says that one is to be chosen."""
    fields = DatasetCardData(
        license=licence,
        task_categories=["robotics"],
        tags=["LeRobot", "robotics", "rgb-d", shape.robot],
        pretty_name=repo_id.split("/")[-1],
        configs=[{"config_name": "default", "data_files": "data/*/*.parquet"}],
    )
    cameras = ", ".join(f"{camera.name} ({camera.width} x {camera.height})" for camera in shape.cameras)
    frames = sum(record.length for record in records)
    keyframes = sum(len(record.labels.keyframes) for record in records)
    facts = {
        "robot": shape.robot,
        "episodes": len(records),
        "frames": f"{frames} ({frames / shape.fps / 60:.1f} min at {shape.fps} frames a second)",
        "cameras, colour and depth": cameras,
        "joints": shape.joints,
        "keyframes": keyframes,
        "format": f"LeRobot {CODEBASE_VERSION}",
    }
    rates = [record.labels.rate for record in records if record.labels.rate > 0]
    dropped = sum(record.labels.dropped for record in records)
    tasks = Counter(record.task for record in records)
    more = f"\n\nand {len(tasks) - MOST_TASKS} more instructions." if len(tasks) > MOST_TASKS else ""
    missing = "" if licence else "No licence has been chosen yet: without one, nobody may use the set.\n"
    return f"""---
{fields.to_yaml()}
---

# {_plain(repo_id)}

Demonstrations of robot manipulation with calibrated RGB-D cameras.
{missing}
{_table(("", ""), facts.items())}

## Tasks

{_table(("instruction", "episodes"), tasks.most_common(MOST_TASKS))}{more}

## How it was recorded

- Commanded by (episodes): {_counted(record.labels.source for record in records)}.
- Outcome (episodes): {_counted(record.labels.outcome.value for record in records)}.
- World: {_counted(record.labels.info.world for record in records)}.
- Policy: {_counted(record.labels.info.policy for record in records)}.
- Measured rate: {f"{min(rates):.1f} to {max(rates):.1f} frames a second" if rates else "not known"}; \
frames dropped: {dropped}.
- Keyframes are where the gripper opens or closes, where the arm stops, the last frame, and those set by hand.

## What is in a frame

- `observation.images.NAME` colour, and `observation.images.NAME_depth` depth, 16 bits, millimetres, 0 = invalid.
- `observation.camera.NAME.intrinsics` (3 x 3, pixels; the centre of pixel k lies at k + 0.5) and \
`observation.camera.NAME.cam2world` (4 x 4, metres; OpenCV's axes).
- `observation.state` is the gripper's measured pose, `action` the commanded one: x y z in metres, quaternion x y z w, \
opening from 0 to 1.
- `keyframe`, `source`, `plan`, `subtask`, `step`, `wall_time`, and the joints' positions and velocities.

```python
from lerobot.datasets.lerobot_dataset import LeRobotDataset

dataset = LeRobotDataset("{repo_id}")
```
"""


def _table(head: tuple[str, str], rows: Iterable[tuple[object, object]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "| --- | --- |"]
    return "\n".join(lines + [f"| {_plain(name)} | {_plain(value)} |" for name, value in rows])


def _counted(values: Iterable[str]) -> str:
    counts = Counter(_plain(value) or "not noted" for value in values)
    return ", ".join(f"{value} {count}" for value, count in counts.most_common(20))


def _plain(value: object) -> str:
    """Text as text: typed words must not become links, tables or HTML."""
    text = " ".join(str(value).split())[:300]
    return "".join(f"\\{c}" if c in "\\`*[]|#" else {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(c, c) for c in text)
