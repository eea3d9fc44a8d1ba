"""Arithmetic and activation memory of one training sample, as formulae (dry runs print them).

Arithmetic counts two operations for each weight of a linear layer and token, and 4 d L^2 for attention over L tokens
of width d. A layer costs one such pass forward, one more where gradient checkpointing repeats it, one for the gradient
of its input where anything trained lies before or in it, and one for the gradient of a weight that is trained.

Activations under gradient checkpointing are the inputs of all layers, and beside them the largest of: what one layer
keeps while it is repeated, and the logits of the answer. They are estimates; PyTorch's own choices move them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn
from transformers import Qwen2_5_VLConfig

from clap.geometry.frames import IMAGE_SIZE, VIEWS
from clap.policies.predictor.encoders import EncoderConfig
from clap.policies.predictor.network import FineActionNetwork, PredictorConfig
from training.finetuning.config import FinetuneConfig
from training.finetuning.lora import PARTS, part_of

PROMPT_TOKENS, ANSWER_TOKENS, LONGEST_ANSWER = 64, 94, 240
"""Tokens of a step's question, with the markers around it and the views, and of its answer, on average over the
tabletop's conversations; and of the longest answer, eight located objects. Counted as Qwen's tokenizer splits text (a
word is one, each digit is one, and so is the space before a number), which needs no vocabulary. Plans are shorter."""

LOGIT_BYTES = 16
"""A logit in bfloat16 and float32, its probability, and the gradients of both."""


@dataclass(frozen=True)
class PlannerShape:
    """Sizes of one sample: ``patches`` of its ``images``, and tokens of images, question and answer."""

    images: int
    patches: int
    image_tokens: int
    prompt_tokens: int
    answer_tokens: int

    @property
    def tokens(self) -> int:
        """Length of the sequence."""
        return self.image_tokens + self.prompt_tokens + self.answer_tokens

    @staticmethod
    def of_views(config: Qwen2_5_VLConfig, prompt: int = PROMPT_TOKENS, answer: int = ANSWER_TOKENS) -> PlannerShape:
        """A sample with the three views."""
        vision = config.vision_config
        patches = len(VIEWS) * (IMAGE_SIZE // vision.patch_size) ** 2
        return PlannerShape(len(VIEWS), patches, patches // vision.spatial_merge_size**2, prompt, answer)

    def without_views(self) -> PlannerShape:
        """The same question and answer as text alone."""
        return replace(self, images=0, patches=0, image_tokens=0)


def linear_weights(model: nn.Module) -> dict[tuple[str, bool], int]:
    """Weights of linear layers by (part, whether it is an adapter), without the output layer."""
    counts = {(part, adapter): 0 for part in PARTS for adapter in (False, True)}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and not name.endswith("lm_head"):
            counts[part_of(name), "lora_" in name] += module.weight.numel()
    return counts


def planner_flops(
    model: nn.Module, architecture: Qwen2_5_VLConfig, config: FinetuneConfig, shape: PlannerShape
) -> float:
    """Operations of one sample in training."""
    vision, text = architecture.vision_config, architecture.text_config
    weights = linear_weights(model)
    units = {"vision": shape.patches, "aligner": shape.image_tokens, "language": shape.tokens}
    attention = {"vision": 0.0, "aligner": 0.0, "language": 4.0 * text.hidden_size * shape.tokens**2}
    attention["language"] *= text.num_hidden_layers
    if shape.images:
        view = shape.patches // shape.images
        window = min(view, (vision.window_size // vision.patch_size) ** 2)
        whole = len([index for index in vision.fullatt_block_indexes if index < vision.depth])
        lengths = whole * view + (vision.depth - whole) * window
        attention["vision"] = 4.0 * vision.hidden_size * shape.patches * lengths
    total, trained_before = 0.0, False
    for part in PARTS:
        mode = config.parts.mode(part)
        trained_before = trained_before or (mode != "frozen" and units[part] > 0)
        repeated = config.gradient_checkpointing and trained_before and part != "aligner"
        passes = 1 + repeated + trained_before
        base, adapters = (2.0 * weights[part, adapter] * units[part] for adapter in (False, True))
        total += base * (passes + (mode == "full")) + adapters * (passes + 1)
        total += attention[part] * (passes + trained_before)  # backward makes gradients of both factors
    # The patch embedding is a convolution over pixels, whose gradient nobody wants, and is never repeated.
    pixels = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    total += 2.0 * pixels * vision.hidden_size * shape.patches * (1 + (config.parts.vision == "full"))
    head = 2.0 * text.hidden_size * text.vocab_size * shape.answer_tokens
    return total + head * (2 + (config.parts.language == "full"))


def layer_bytes(width: int, query: int, key: int, inner: int, adapter_inputs: int, dropout: bool) -> int:
    """What a transformer layer keeps of one token for its backward pass, in bfloat16 with float32 norms.

    ``adapter_inputs``: summed input widths of its layers with adapters, each kept in float32 and bfloat16, and once
    more with dropout.
    """
    norms, attention, mlp = 2 * 6 * width, 2 * (3 * query + 6 * key), 2 * 4 * inner
    return norms + attention + mlp + adapter_inputs * (11 if dropout else 6)


def planner_activations(
    architecture: Qwen2_5_VLConfig, config: FinetuneConfig, shape: PlannerShape, micro_batch: int
) -> int:
    """Peak bytes of activations for a micro batch of samples with views."""
    vision, text = architecture.vision_config, architecture.text_config
    key = text.hidden_size // text.num_attention_heads * text.num_key_value_heads
    dropout = config.lora.dropout > 0
    inputs = {
        "language": 6 * text.hidden_size + text.intermediate_size,
        "vision": 4 * vision.hidden_size + vision.intermediate_size,
    }
    adapters = {part: inputs[part] * (config.parts.mode(part) == "lora") for part in inputs}
    language = shape.tokens * layer_bytes(text.hidden_size, text.hidden_size, key, text.intermediate_size,
                                          adapters["language"], dropout)  # fmt: skip
    tower = shape.patches * layer_bytes(vision.hidden_size, vision.hidden_size, vision.hidden_size,
                                        vision.intermediate_size, adapters["vision"], dropout)  # fmt: skip
    logits = LOGIT_BYTES * shape.answer_tokens * text.vocab_size
    tower_trained = config.parts.vision != "frozen"
    if config.gradient_checkpointing:
        stored = 2 * shape.tokens * text.hidden_size * text.num_hidden_layers
        stored += 2 * shape.patches * vision.hidden_size * vision.depth * tower_trained
        return micro_batch * (stored + max(language, tower, logits))
    stored = language * text.num_hidden_layers + tower * vision.depth * tower_trained
    return micro_batch * (stored + logits)


def predictor_flops(network: FineActionNetwork, towers: str) -> float:
    """Operations of one sample of the fine predictor in training."""
    encoders = network.config.encoders
    assert isinstance(encoders, EncoderConfig)
    patches, words = len(VIEWS) * encoders.grid**2, encoders.text_limit
    units = {
        "encoder.siglip.vision_model.": patches,
        "encoder.dinov2.": patches + len(VIEWS),
        "encoder.siglip.text_model.": words,
        "encoder.text_projection.": words,
        "transformer.joint_blocks.": patches + words,
    }
    total = 0.0
    for name, module in network.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)) and ".head." not in name:  # pooling heads are left out
            prefix = next((prefix for prefix in units if name.startswith(prefix)), "")
            tokens = units.get(prefix, 1 if name.startswith(("rotation", "gripper", "collision")) else patches)
            in_tower = name.startswith(("encoder.siglip.", "encoder.dinov2."))
            passes = 3
            if towers == "frozen" and name.startswith("encoder."):
                passes = 1 if in_tower else 2  # nothing before the projections wants a gradient
            total += 2.0 * module.weight.numel() * tokens * passes
    vision, shape = encoders.siglip["vision_config"], encoders.dinov2
    tower_attention = (
        4.0
        * patches
        * encoders.grid**2
        * (vision["hidden_size"] * vision["num_hidden_layers"] + shape["hidden_size"] * shape["num_hidden_layers"])
    )
    layers = network.config.transformer
    lengths = layers.view_layers * encoders.grid**2 + (layers.layers - layers.view_layers) * (patches + words)
    return total + tower_attention * (1 if towers == "frozen" else 3) + 3 * 4.0 * patches * encoders.width * lengths


def predictor_activations(config: PredictorConfig, towers: str, micro_batch: int) -> int:
    """Peak bytes of activations for a micro batch of the fine predictor, without gradient checkpointing."""
    encoders = config.encoders
    assert isinstance(encoders, EncoderConfig)
    patches = len(VIEWS) * encoders.grid**2
    pixels = len(VIEWS) * encoders.image_size**2
    width = encoders.width
    block = 2 * (12 * width + 2 * config.transformer.expansion * width)
    vision, shape = encoders.siglip["vision_config"], encoders.dinov2
    towers_bytes = sum(
        patches * sizes["num_hidden_layers"] * 2 * (12 * sizes["hidden_size"] + 3 * inner)
        for sizes, inner in ((vision, vision["intermediate_size"]), (shape, 4 * shape["hidden_size"]))
    )
    upsampling = pixels * (9 * 4 * 3 + 6 * 4)  # weights, their softmax and their gradient in float32; maps and targets
    kept = patches * block * config.transformer.layers + upsampling
    return micro_batch * (kept + (towers_bytes if towers == "full" else 0))
