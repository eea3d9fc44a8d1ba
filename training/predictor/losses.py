"""The losses of the fine action predictor (paper, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import PreTrainedTokenizerBase

from clap.geometry.frames import Workspace, project
from clap.geometry.rotation import BIN_COUNT
from clap.policies.predictor.heatmap import gaussian_targets
from clap.policies.predictor.network import FineActionNetwork, FineInputs
from training.predictor.samples import Samples, to_inputs

LOCAL_CUBE = Workspace((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))


def losses(network: FineActionNetwork, inputs: FineInputs, samples: Samples, sigma: float,
           jitter: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:  # fmt: skip
    """Soft cross-entropy of the heatmaps, cross-entropy of rotation bins, gripper and collision, each of weight one."""
    logits, tokens = network(inputs)
    pixels = torch.from_numpy(project(samples.position, LOCAL_CUBE, logits.shape[-1])).float()
    target = gaussian_targets(pixels, logits.shape[-1], sigma)
    heatmap = -(target * logits.flatten(2).log_softmax(-1).view_as(logits)).sum((-1, -2)).mean()
    bins = torch.from_numpy(np.stack([target.bins for target in samples.targets]))
    opened = torch.tensor([int(target.gripper_open) for target in samples.targets])
    ignored = torch.tensor([int(target.ignore_collisions) for target in samples.targets])
    rotation, gripper, collision = network.act(tokens, torch.from_numpy(samples.position).float(), jitter(bins))
    return {
        "heatmap": heatmap,
        "rotation": 3 * F.cross_entropy(rotation.flatten(0, 1), bins.flatten()),
        "gripper": F.cross_entropy(gripper, opened),
        "collision": F.cross_entropy(collision, ignored),
    }


def jitter_bins(bins: Tensor) -> Tensor:
    """The ground-truth bins that condition the later axes, moved by up to two bins (RVT-2's exposure to errors)."""
    return (bins + torch.randint(-2, 3, bins.shape)) % BIN_COUNT


def batch_losses(
    network: FineActionNetwork, samples: Samples, tokenizer: PreTrainedTokenizerBase, sigma: float, bf16: bool = True
) -> dict[str, Tensor]:
    """``losses`` of a batch on the CPU."""
    inputs = to_inputs(samples, tokenizer, network.config.encoders.text_limit)
    # On CPU the plain attention kernel trains a quarter faster than the fused one, whose backward is slow.
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16), sdpa_kernel(SDPBackend.MATH):
        return losses(network, inputs, samples, sigma, jitter_bins)
