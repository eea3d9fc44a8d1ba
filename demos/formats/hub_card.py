"""The card of a published set: what it holds and how it was recorded, with the fields by which the Hub finds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from huggingface_hub import DatasetCardData

from clap.templates import fill_template
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
    facts = {
        "robot": shape.robot,
        "episodes": len(records),
        "frames": f"{frames} ({frames / shape.fps / 60:.1f} min at {shape.fps} frames a second)",
        "cameras, colour and depth": cameras,
        "joints": shape.joints,
        "keyframes": sum(len(record.labels.keyframes) for record in records),
        "format": f"LeRobot {CODEBASE_VERSION}",
    }
    tasks = Counter(record.task for record in records)
    return fill_template(
        "demos.formats",
        "dataset_card.md",
        fields=fields.to_yaml(),
        repo_id=repo_id,
        licence=licence,
        facts=facts.items(),
        tasks=tasks.most_common(MOST_TASKS),
        more_tasks=max(len(tasks) - MOST_TASKS, 0),
        counted={
            "source": _counted(record.labels.source for record in records),
            "outcome": _counted(record.labels.outcome.value for record in records),
            "world": _counted(record.labels.info.world for record in records),
            "policy": _counted(record.labels.info.policy for record in records),
        },
        rates=[record.labels.rate for record in records if record.labels.rate > 0],
        dropped=sum(record.labels.dropped for record in records),
        plain=_plain,
    )


def _counted(values: Iterable[str]) -> str:
    counts = Counter(_plain(value) or "not noted" for value in values)
    return ", ".join(f"{value} {count}" for value, count in counts.most_common(20))


def _plain(value: object) -> str:
    """Text as text: typed words must not become links, tables or HTML."""
    text = " ".join(str(value).split())[:300]
    return "".join(f"\\{c}" if c in "\\`*[]|#" else {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(c, c) for c in text)
