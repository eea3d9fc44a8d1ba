"""Policy checkpoints on disk: a folder with the planner, the predictor, the training record and the evaluation.

    planner/              the coarse task planner (safetensors, configs, tokenizer)
    predictor/            the fine action predictor (safetensors, config, tokenizer)
    record.json           how it was trained
    training_curves.json  thinned logs of both trainings (optional)
    evaluation.json       how it did (optional)

Nothing in it is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clap.errors import CheckpointError

PLANNER, PREDICTOR = "planner", "predictor"
RECORD, EVALUATION, CURVES = "record.json", "evaluation.json", "training_curves.json"
DEFAULT_NAME = "clap-mini"


@dataclass(frozen=True)
class Checkpoint:
    """A checked checkpoint folder. ``record`` and ``evaluation`` are the JSON objects, empty where there is none."""

    folder: Path
    record: dict[str, Any]
    evaluation: dict[str, Any]

    @property
    def name(self) -> str:
        """The folder's name, which is how the policy is called."""
        return self.folder.name

    @property
    def planner(self) -> Path:
        """Folder of the coarse task planner."""
        return self.folder / PLANNER

    @property
    def predictor(self) -> Path:
        """Folder of the fine action predictor."""
        return self.folder / PREDICTOR

    def fingerprint(self) -> str:
        """Twelve hex digits that change with any file of the planner or the predictor."""
        digest = hashlib.sha256()
        for part in (self.planner, self.predictor):
            for path in sorted(path for path in part.rglob("*") if path.is_file()):
                digest.update(str(path.relative_to(self.folder)).encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:12]


def default_checkpoint() -> Path:
    """The folder of the checkpoint that ships with the package."""
    return Path(__file__).parents[1] / "pretrained" / DEFAULT_NAME


def open_checkpoint(folder: str | Path | None = None) -> Checkpoint:
    """Check a checkpoint folder (the shipped one if None) and read its records; no weights are loaded.

    Raises CheckpointError if the folder or a part of it is missing, or a record is no JSON object.
    """
    path = default_checkpoint() if folder is None else Path(folder).expanduser()
    if not path.exists():
        raise CheckpointError(f"There is no checkpoint at {path}.")
    if not path.is_dir():
        raise CheckpointError(f"The checkpoint {path} is a file; a folder was expected.")
    missing = [part for part in (PLANNER, PREDICTOR) if not any((path / part).glob("*.safetensors"))]
    if missing:
        raise CheckpointError(
            f"The checkpoint {path} is incomplete: no safetensors in "
            + " and ".join(f"{part}/" for part in missing)
            + "."
        )
    return Checkpoint(path.resolve(), _read(path / RECORD), _read(path / EVALUATION))


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds a {type(values).__name__}; a JSON object was expected.")
    return values
