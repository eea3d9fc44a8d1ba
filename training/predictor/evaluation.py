"""Held-out errors of the fine action predictor, made as the policy makes them: from its own waypoint and bins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from clap.geometry.frames import Array
from clap.geometry.rotation import bins_to_quaternion, rotation_angle
from clap.policies.predictor.heatmap import decode_position
from clap.policies.predictor.network import ActionLogits, FineActionNetwork
from training.data.step_kinds import step_kind
from training.predictor.samples import Samples, ZoomData, to_inputs


def decisions(
    network: FineActionNetwork, data: ZoomData, tokenizer: PreTrainedTokenizerBase, limit: int, batch: int
) -> Iterator[tuple[Samples, Array, ActionLogits]]:
    """At most ``limit`` held-out samples, spread evenly, in batches; with each the positions (B, 3), local, and the
    actions that the policy would decide on: from its own waypoint, and its own bins."""
    count = data.count(held_out=True)
    chosen = np.unique(np.linspace(0, count - 1, min(limit, count)).astype(int))
    for start in range(0, len(chosen), batch):
        samples = data.read(chosen[start : start + batch], held_out=True)
        logits, tokens = network(to_inputs(samples, tokenizer, network.config.encoders.text_limit))
        maps = logits.flatten(2).log_softmax(-1).view_as(logits).float().numpy()
        local = np.stack([decode_position(one).local for one in maps])
        yield samples, local, network.act(tokens, torch.from_numpy(local).float())


@torch.inference_mode()
def evaluate(
    network: FineActionNetwork, data: ZoomData, tokenizer: PreTrainedTokenizerBase, limit: int, batch: int = 16
) -> dict[str, Any]:
    """Errors on the held-out part as the policy would make them: own waypoint, own bins. All and per kind of step."""
    network.eval()
    position, rotation, gripper, collision, kinds = [], [], [], [], []
    for samples, local, (turn, state, ignore) in decisions(network, data, tokenizer, limit, batch):
        for k, target in enumerate(samples.targets):
            position.append(np.linalg.norm(local[k] - target.position) * target.edge / 2 * 1000)
            rotation.append(rotation_angle(bins_to_quaternion(turn[k].argmax(-1).numpy()), target.quaternion))
            gripper.append(bool(state[k].argmax()) == target.gripper_open)
            collision.append(bool(ignore[k].argmax()) == target.ignore_collisions)
            kinds.append(step_kind(target.step))
    network.train()
    errors, turns, right, contact = (np.array(part) for part in (position, rotation, gripper, collision))

    def summary(rows: np.ndarray) -> dict[str, float]:
        return {
            "count": int(rows.sum()),
            "median_mm": round(float(np.median(errors[rows])), 2),
            "p90_mm": round(float(np.quantile(errors[rows], 0.9)), 2),
            "within_1cm": round(float((errors[rows] <= 10).mean()), 3),
            "median_degrees": round(float(np.median(turns[rows])), 2),
            "p90_degrees": round(float(np.quantile(turns[rows], 0.9)), 2),
            "gripper": round(float(right[rows].mean()), 3),
            "collision": round(float(contact[rows].mean()), 3),
        }

    of_kind = np.array(kinds)
    return {
        **summary(np.ones(len(errors), bool)),
        "kinds": {kind: summary(of_kind == kind) for kind in sorted(set(kinds))},
    }
