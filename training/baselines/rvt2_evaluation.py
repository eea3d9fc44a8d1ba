"""Held-out errors of a branch of RVT-2, made as the policy makes them: from its own waypoint and bins."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from clap.geometry.frames import Workspace, project
from clap.geometry.rotation import bins_to_quaternion, rotation_angle
from clap.policies.predictor.network import FineActionNetwork
from training.baselines.rvt2 import FINE
from training.baselines.rvt2_data import BranchData
from training.predictor.evaluation import decisions

NEAR_PIXELS = 8
LOCAL_CUBE = Workspace((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))


@torch.inference_mode()
def evaluate(network: FineActionNetwork, data: BranchData, tokenizer: PreTrainedTokenizerBase, limit: int,
             batch: int = 16) -> dict[str, Any]:  # fmt: skip
    """Errors over at most ``limit`` held-out samples, spread evenly.

    ``within_8px``: the share that is no more than 8 px off along any axis of any view (35.7 mm in the coarse branch,
    17.9 mm in the fine one); the rest in millimetres and degrees, and shares of right gripper and collision states.
    """
    network.eval()
    size = data.image_size
    pixels, metres, turns, gripper, collision = [], [], [], [], []
    for samples, local, action in decisions(network, data, tokenizer, limit, batch):
        off = project(local, LOCAL_CUBE, size) - project(samples.position, LOCAL_CUBE, size)
        pixels += np.abs(off).max((1, 2)).tolist()
        bins, opened, ignored = (part.argmax(-1).numpy() for part in action)
        for k, target in enumerate(samples.targets):
            metres.append(np.linalg.norm(local[k] - samples.position[k]) * target.edge / 2)
            turns.append(rotation_angle(bins_to_quaternion(bins[k]), target.quaternion))
            gripper.append(bool(opened[k]) == target.gripper_open)
            collision.append(bool(ignored[k]) == target.ignore_collisions)
    network.train()
    report = {
        "count": len(metres),
        "within_8px": _share(np.array(pixels) <= NEAR_PIXELS),
        "median_px": round(float(np.median(pixels)), 2),
        "median_mm": round(1000 * float(np.median(metres)), 2),
        "p90_mm": round(1000 * float(np.quantile(metres, 0.9)), 2),
        "within_1cm": _share(np.array(metres) <= 0.01),
    }
    if data.branch == FINE:
        report |= {
            "median_degrees": round(float(np.median(turns)), 2),
            "p90_degrees": round(float(np.quantile(turns, 0.9)), 2),
            "gripper": _share(np.array(gripper)),
            "collision": _share(np.array(collision)),
        }
    return report


def _share(right: np.ndarray) -> float:
    return round(float(right.mean()), 3)
