"""RVT-2, the baseline of the paper's table 3, in our own code: a coarse and a fine branch that read the task sentence.

Both are Multi-View Transformers with weights of their own, trained from scratch (RVT-2, RSS 2024; the paper's section
3): convolutional patch embedding of rgb, depth and positions, attention within each view and then over views and
words, convex upsampling to one heatmap a view. The coarse branch sees the three canonical views, and its keypoint is
the point that the three heatmaps agree on; the fine branch sees the window around it and also has the heads for
rotation, gripper and collision. No plan, no step, no last step: the sentence is all that is told, with the gripper.

Different from the original, as everything here is small and learns from scratch: word embeddings stand for CLIP's text
encoder, over a vocabulary of all words in the tabletop world's own phrasings, so that no test sentence has an unknown
one (words from elsewhere become ``<unk>``); a patch is embedded in two steps rather than by one large convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn
from transformers import PreTrainedTokenizerBase

from clap.policies.predictor.convolutional_encoder import PlainEncoder, PlainEncoderConfig
from clap.policies.predictor.multiview import MultiViewConfig
from clap.policies.predictor.network import ENCODERS, PredictorConfig
from clap.policies.predictor.tokenizer import build_tokenizer
from clap.worlds.tabletop.phrasing import instruction_templates
from clap.worlds.tabletop.tasks import task_infos

COARSE, FINE = "coarse", "fine"
BRANCHES = (COARSE, FINE)

GRID = 8
"""Patches along one side of a view: 28 px wide in the canonical views, 14 px in the window, as clap-mini's."""

CELLS = 7
"""Cells along one side of a patch, each embedded alone before the patch is."""

INPUT_CHANNELS = 9
"""What the plain encoder gathers for a pixel: rgb, depth, position, height, and whether anything was seen."""


@dataclass(frozen=True)
class CellEncoderConfig(PlainEncoderConfig):
    """The plain encoder with ``channels`` features for each cell of a patch, ``CELLS`` squared a patch."""

    kind: ClassVar[str] = "rvt2"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patch_size % CELLS:
            raise ValueError(f"a patch of {self.patch_size} px does not hold {CELLS} cells a side")

    def build(self) -> CellEncoder:
        """An encoder of these sizes, untrained."""
        return CellEncoder(self)


class CellEncoder(PlainEncoder):
    """Pixels to cells, cells with their neighbours, cells to patches: filters are shared within a patch, which one
    convolution as large as the patch would have to learn at every place anew."""

    def __init__(self, config: CellEncoderConfig):
        super().__init__(config)
        channels, cell = config.channels, config.patch_size // CELLS
        self.pixels = nn.Sequential(
            nn.Conv2d(INPUT_CHANNELS, channels, cell, cell),
            nn.GroupNorm(4, channels),
            nn.LeakyReLU(0.02),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GroupNorm(4, channels),
            nn.LeakyReLU(0.02),
        )
        self.patches = nn.Conv2d(channels, config.width, CELLS, CELLS)


ENCODERS[CellEncoderConfig.kind] = CellEncoderConfig


def branch_config(image_size: int, vocabulary: int) -> PredictorConfig:
    """Either branch for square views of ``image_size`` pixels, a multiple of 56: about 3 M parameters."""
    encoder = CellEncoderConfig(
        image_size, vocabulary, patch_size=image_size // GRID, width=160, channels=48, text_limit=32
    )
    return PredictorConfig(encoder, MultiViewConfig(layers=6, heads=5), hidden=128)


def sentence_tokenizer(sentences: set[str]) -> PreTrainedTokenizerBase:
    """One token a word, for the words of the given sentences and of everything the tabletop world can ask for."""
    templates = [template for info in task_infos() for template in instruction_templates(info.key)]
    literal = [" ".join(word for word in text.split() if "{" not in word) for text in templates]
    return build_tokenizer([*sentences, *literal])
