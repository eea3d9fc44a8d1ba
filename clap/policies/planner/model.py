"""The planner's network and how views enter it: a Qwen2.5-VL whose patch stem may be a small CNN, and patchify.

Any checkpoint of Qwen2_5_VLForConditionalGeneration fits; the config field ``patch_stem`` chooses the stem, and
``PlannerSettings`` (planner.json) says what the second temporal frame shows and how prompts are wrapped. Everything
a mini needs to learn from scratch is here and small; measured reasons are named where they decided something.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from clap.errors import CheckpointError
from clap.policies.planner.text_format import FORMAT_VERSION, Format

SETTINGS_FILE = "planner.json"
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class PlannerSettings:
    """How views and prompts are presented to a checkpoint. The defaults are those of a stock Qwen2.5-VL.

    ``second_frame``: "copy" repeats RGB, as Qwen does for still images; "position" shows (u, v, closeness) instead,
    which gives the vision tower depth and absolute position without a change of its interface.
    ``chat``: wrap prompts in Qwen's chat markers; a word-level tokenizer uses <bos> ... <answer>.
    ``misspelt``: words of the vocabulary that are misspellings of others; they are read, and never suggested.
    ``looks``: how often round two's places are looked for, in views shifted against the patches, see planner_looks; 1
    leaves them as they were written. More need a tokenizer with one token for every integer.
    ``reason_objects``, ``reason_plan``, ``last_step``: the ablations of the paper's table 2, see language.Format.
    ``look_first``: round one is told the things on the table; a planner that was taught without object data cannot
    name them.
    """

    second_frame: str = "copy"
    chat: bool = True
    image_mean: tuple[float, ...] = CLIP_MEAN
    image_std: tuple[float, ...] = CLIP_STD
    reason_objects: bool = True
    reason_plan: bool = True
    last_step: bool = True
    look_first: bool = True
    misspelt: tuple[str, ...] = ()
    looks: int = 1
    format_version: int = FORMAT_VERSION

    @property
    def format(self) -> Format:
        """How questions and answers are written for this checkpoint."""
        return Format(self.reason_objects, self.reason_plan, self.last_step)

    def save(self, folder: Path) -> None:
        """Write planner.json into a checkpoint folder."""
        (folder / SETTINGS_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")

    @staticmethod
    def load(folder: Path) -> PlannerSettings:
        """Read planner.json, or the stock settings if there is none. Raises CheckpointError if it is malformed."""
        path = folder / SETTINGS_FILE
        if not path.exists():
            return PlannerSettings()
        try:
            values = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} is malformed ({error}).") from error
        return PlannerSettings.read(values, str(path))

    @staticmethod
    def read(values: Any, where: str) -> PlannerSettings:
        """Settings from the JSON object that ``where`` holds. Raises CheckpointError if it is malformed."""
        try:
            values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
            settings = PlannerSettings(**values)
        except (TypeError, AttributeError) as error:
            raise CheckpointError(f"{where} is malformed ({error}); it may hold {sorted(known_fields())}.") from error
        if settings.second_frame not in ("copy", "position") or settings.format_version != FORMAT_VERSION:
            raise CheckpointError(
                f"{where} asks for second_frame={settings.second_frame!r}, format_version={settings.format_version}; "
                f"this program knows 'copy' and 'position', version {FORMAT_VERSION}."
            )
        return settings


def known_fields() -> list[str]:
    """Names that planner.json may hold."""
    return [field.name for field in fields(PlannerSettings)]


def fourier_features(values: Tensor, width: int) -> Tensor:
    """Sines and cosines of values in [0, 1] at frequencies 1/2 .. 32 cycles: (...,) to (..., width)."""
    frequencies = torch.pi * 2 ** torch.linspace(0, 6, width // 2, device=values.device)
    angles = values[..., None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], -1)


class CnnPatchStem(nn.Module):
    """Patch embedding by a small CNN over RGB and position frame, plus Fourier features of the patch's position.

    LayerNorm on the content before the position is added: without it position swamps colour and the vision stays
    blind at this width (dense colour accuracy .11 against .70 after 800 scenes).
    """

    POSITION_SCALE = 0.7
    POSITION_WIDTH = 32

    def __init__(self, patch_size: int, embed_dim: int):
        super().__init__()
        kernel = 4 if patch_size % 4 == 0 else 2
        side = patch_size // kernel
        self.patch_size, self.embed_dim = patch_size, embed_dim
        self.reduce = nn.Conv2d(6, 48, kernel, kernel)
        self.mix = nn.Conv2d(48, 64, 3, 1, 1)
        self.proj = nn.Linear(64 * side * side, embed_dim)
        self.norm = nn.LayerNorm(embed_dim)
        self.position = nn.Linear(3 * self.POSITION_WIDTH, embed_dim)

    def forward(self, patches: Tensor) -> Tensor:
        """(N, 3 * 2 * patch * patch) in Hugging Face's order (channel, frame, row, column) to (N, embed_dim)."""
        x = patches.view(-1, 3, 2, self.patch_size, self.patch_size)
        center = x[:, :, 1].mean((-1, -2))
        h = F.gelu(self.reduce(torch.cat([x[:, :, 0], x[:, :, 1]], 1)))
        h = self.norm(self.proj(F.gelu(self.mix(h)).flatten(1)))
        return h + self.POSITION_SCALE * self.position(fourier_features(center, self.POSITION_WIDTH).flatten(1))


class PlannerModel(Qwen2_5_VLForConditionalGeneration):
    """Qwen2.5-VL with the patch stem that the config's ``patch_stem`` names: "stock" (default) or "cnn"."""

    def __init__(self, config: Qwen2_5_VLConfig):
        super().__init__(config)
        if getattr(config, "patch_stem", "stock") == "cnn":
            vision = config.vision_config
            self.model.visual.patch_embed = CnnPatchStem(vision.patch_size, vision.hidden_size)


def patch_grid(config: Qwen2_5_VLConfig, size: int) -> int:
    """Patches along a side of a view before merging. Raises CheckpointError if the view does not divide."""
    unit = config.vision_config.patch_size * config.vision_config.spatial_merge_size
    if size % unit:
        raise CheckpointError(f"A {size} px view cannot be cut into units of {unit} px (patch size x merge).")
    return size // config.vision_config.patch_size


def second_frame(rgb: Tensor, depth: Tensor, edge: float, kind: str) -> Tensor:
    """The second temporal frame of views: ``rgb`` (N, S, S, 3) normalised, ``depth`` (N, S, S) m -> (N, S, S, 3).

    Closeness is 1 at the face of the cube that the view looks through, 0 at its far face or where nothing was seen.
    """
    if kind == "copy":
        return rgb
    size = rgb.shape[1]
    axis = torch.arange(size, dtype=rgb.dtype) / size
    u, v = axis.expand(size, size), axis[:, None].expand(size, size)
    closeness = torch.where(depth > 0, 1 - depth / edge, torch.zeros_like(depth)).to(rgb.dtype)
    return torch.stack([u.expand_as(closeness), v.expand_as(closeness), closeness], -1)


def patchify(
    rgb: NDArray[np.uint8],
    depth: NDArray[np.floating],
    edge: float,
    config: Qwen2_5_VLConfig,
    settings: PlannerSettings,
    gain: Tensor | None = None,
) -> Tensor:
    """Views as Qwen's flattened patches: rgb (N, S, S, 3) uint8, depth (N, S, S) metres, ``edge`` of the cube in m.

    Returns (N * grid * grid, 3 * 2 * patch * patch) float32 in the order of Qwen2VLImageProcessor, which needs
    torchvision or PIL images; ``gain`` (N, 1, 1, 3) multiplies the colours first (augmentation in training).
    """
    color = torch.tensor(rgb).float()
    if gain is not None:
        color = (color * gain).clamp_(0, 255)
    mean, std = torch.tensor(settings.image_mean), torch.tensor(settings.image_std)
    color = (color / 255 - mean) / std
    frames = torch.stack([color, second_frame(color, torch.tensor(depth).float(), edge, settings.second_frame)], 1)
    count, _, size = frames.shape[:3]
    patch, merge = config.vision_config.patch_size, config.vision_config.spatial_merge_size
    units = patch_grid(config, size) // merge
    x = frames.view(count, 2, units, merge, patch, units, merge, patch, 3)
    x = x.permute(0, 2, 5, 3, 6, 8, 1, 4, 7)  # view, unit row, unit column, row, column, channel, frame, v, u
    return x.reshape(count * units * units * merge * merge, -1).contiguous()
