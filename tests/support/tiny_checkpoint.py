"""An untrained policy small enough to be trained within seconds, as a checkpoint folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from clap.policies.predictor.network import FineActionNetwork, PredictorConfig
from clap.policies.predictor.predictor import FineActionPredictor
from clap.policies.predictor.tokenizer import build_tokenizer
from training.planner.model_init import new_mini_planner


def save_tiny_checkpoint(folder: Path) -> Path:
    """Write planner and predictor; the same weights each time."""
    planner = new_mini_planner(0, width=64, layers=2)
    planner.settings = dataclasses.replace(planner.settings, looks=1)
    planner.save(folder / "planner")
    torch.manual_seed(0)
    tokenizer = build_tokenizer([])
    FineActionPredictor(FineActionNetwork(PredictorConfig.mini(len(tokenizer))), tokenizer).save(folder / "predictor")
    return folder
