"""Losses of planner training: text, soft coordinates, supervised attention and the dense vision objective.

The attention and dense terms exist in training only; the exported model is a plain Qwen2.5-VL. Attention
supervision is what makes reading coordinates off the image learnable by so small a model: 2.5 times fewer scenes
than a pointer loss, keypoints of generate() .78 against .56.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen

from clap.geometry.frames import IMAGE_SIZE
from clap.policies.planner.model import PlannerModel
from training.planner.batches import IGNORED, BatchMaker, ObjectCells, SceneBatch, TextBatch
from training.planner.image_cells import cell_shares

SUPERVISED_LAYER = 2
"""Head 0 of this language layer (of 4; the last layer of a smaller model) learns to look at the named point."""
SOFT_SIGMA_PX = 2.0
DENSE_WEIGHT = 0.5
ATTENTION_WEIGHT = 1.0
NAMES_WEIGHT = 0.5


class DenseHead(nn.Module):
    """Per image token: is an object's centre here, the first and last word of its name, and its offset in the cell."""

    def __init__(self, width: int, words: list[str]):
        super().__init__()
        self.words = {word: index for index, word in enumerate(words)}
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 1 + 2 * len(words) + 2)

    def targets(self, names: list[str]) -> tuple[Tensor, Tensor]:
        """Indices of the first and the last word of each name, IGNORED where a word is new."""
        first = [self.words.get(name.split()[0], IGNORED) for name in names]
        last = [self.words.get(name.split()[-1], IGNORED) for name in names]
        return torch.tensor(first), torch.tensor(last)

    def loss(self, features: Tensor, cells: ObjectCells) -> tuple[Tensor, dict[str, float]]:
        """Features (image tokens, width) against the objects' cells; several objects may share a cell.

        Zero without any, as where all scenes are recorded ones.
        """
        out = self.out(self.norm(features.float())).float()
        if not len(cells.cell):
            return out.sum() * 0, {"dense_first": 0.0, "dense_last": 0.0, "dense_offset_px": 0.0}
        count = len(self.words)
        present = torch.zeros(len(out)).scatter_reduce(0, cells.cell, cells.share, "amax")
        here = out[cells.cell]
        first, last = self.targets(cells.names)
        first_logits, last_logits = here[:, 1 : 1 + count], here[:, 1 + count : 1 + 2 * count]
        offset = here[:, -2:]
        center = F.binary_cross_entropy_with_logits(
            out[cells.complete, 0], present[cells.complete], pos_weight=torch.tensor(5.0)
        )
        names = F.cross_entropy(first_logits, first, ignore_index=IGNORED) + F.cross_entropy(
            last_logits, last, ignore_index=IGNORED
        )
        place = F.l1_loss(offset, cells.offset)
        with torch.no_grad():
            figures = {
                "dense_first": (first_logits.argmax(-1) == first).float().mean().item(),
                "dense_last": (last_logits.argmax(-1) == last).float().mean().item(),
                "dense_offset_px": (offset - cells.offset).abs().mean().item(),
            }
        return center + names + 4 * place, figures


class PlannerLosses:
    """Computes the losses of one planner's batches; listens to the supervised layer's inputs while alive.

    Without a ``dense`` head, which no checkpoint holds, the dense objective is left out.
    """

    def __init__(self, model: PlannerModel, batches: BatchMaker, dense: DenseHead | None = None):
        self.model, self.batches, self.dense = model, batches, dense
        layers = model.model.language_model.layers
        self._attention = layers[min(SUPERVISED_LAYER, len(layers) - 1)].self_attn
        self._hidden = torch.empty(0)
        self._rope = (torch.empty(0), torch.empty(0))
        self._hook = self._attention.register_forward_pre_hook(self._listen, with_kwargs=True)

    def _listen(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        self._hidden = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]
        self._rope = kwargs["position_embeddings"]

    def close(self) -> None:
        """Stop listening."""
        self._hook.remove()

    def vision(self, batch: SceneBatch) -> tuple[Tensor, dict[str, float]]:
        """The dense objective alone: the warm-up, 19 scenes per CPU-second."""
        assert self.dense is not None, "the vision warm-up is the dense objective"
        features = self.model.model.visual(batch.patches, grid_thw=batch.grid).pooler_output
        loss, figures = self.dense.loss(features, batch.cells)
        return loss, {"dense": loss.item(), **self._in_pixels(figures)}

    def scenes(self, batch: SceneBatch) -> tuple[Tensor, dict[str, float]]:
        """All terms for packed scenes."""
        language_model = self.model.model.language_model
        features = self.model.model.visual(batch.patches, grid_thw=batch.grid).pooler_output
        embedded = language_model.embed_tokens(batch.ids)
        is_image = batch.ids == self.model.config.image_token_id
        embedded = embedded.masked_scatter(is_image[..., None], features.to(embedded.dtype))
        hidden = language_model(
            inputs_embeds=embedded, position_ids=batch.positions, attention_mask=batch.mask, use_cache=False
        ).last_hidden_state
        text, coordinates, figures = self._token_losses(hidden, batch.labels.masked_fill(batch.misled, IGNORED))
        attention, attention_hits = self._attention_loss(batch)
        figures |= {"attention": attention.item(), "attention_hits": attention_hits}
        loss = text + coordinates + ATTENTION_WEIGHT * attention
        if self.dense is not None and self.batches.object_data:
            dense, dense_figures = self.dense.loss(features, batch.cells)
            figures |= {"dense": dense.item(), **self._in_pixels(dense_figures)}
            loss = loss + DENSE_WEIGHT * dense
        return loss, {"loss": loss.item(), **figures}

    def plans(self, batches: Sequence[TextBatch]) -> tuple[Tensor, dict[str, float]]:
        """Cross entropy of round one's answers, the mean over the tokens of all ``batches``."""
        total, correct, count = torch.zeros(()), 0.0, 0
        for batch in batches:
            positions = torch.arange(batch.ids.shape[1]).expand(3, *batch.ids.shape)
            hidden = self.model.model.language_model(
                input_ids=batch.ids, position_ids=positions, use_cache=False
            ).last_hidden_state
            text, _, figures = self._token_losses(hidden, batch.labels)
            tokens = int((batch.labels != IGNORED).sum())
            total, count = total + tokens * text, count + tokens
            correct += tokens * figures["text_accuracy"]
        loss = total / count
        return loss, {"plan": loss.item(), "plan_accuracy": correct / count}

    def _in_pixels(self, figures: dict[str, float]) -> dict[str, float]:
        return figures | {"dense_offset_px": figures["dense_offset_px"] * IMAGE_SIZE / self.batches.side}

    def _token_losses(self, hidden: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, dict[str, float]]:
        """Cross entropy of words, and of numbers against a Gaussian of SOFT_SIGMA_PX around the right one."""
        wanted = labels[:, 1:]
        chosen = wanted != IGNORED
        target = wanted[chosen]
        log_p = self.model.lm_head(hidden[:, :-1][chosen]).float().log_softmax(-1)
        zero = self.batches.zero
        number = target >= zero
        text = F.nll_loss(log_p[~number], target[~number]) if (~number).any() else log_p.sum() * 0
        figures = {"text": text.item()}
        with torch.no_grad():
            figures["text_accuracy"] = (log_p[~number].argmax(-1) == target[~number]).float().mean().item()
        if not number.any():
            return text, log_p.sum() * 0, figures
        value = (target[number] - zero).float()
        distance = torch.arange(IMAGE_SIZE)[None] - value[:, None]
        soft = torch.softmax(-(distance**2) / (2 * SOFT_SIGMA_PX**2), -1)
        guesses = log_p[number][:, zero : zero + IMAGE_SIZE]
        coordinates = -(soft * guesses).sum(-1).mean()
        with torch.no_grad():
            error = (guesses.argmax(-1) - value).abs()
            figures |= {"coordinates": coordinates.item(), "within_8px": (error <= 8).float().mean().item()}
        return text, coordinates, figures

    def _attention_loss(self, batch: SceneBatch) -> tuple[Tensor, float]:
        """At each view word and at the u that follows, head 0 should look at the image token holding the point; and
        before a name in the list of what is seen, at the thing."""
        ids, wanted = batch.ids[:, :-1], batch.labels[:, 1:]
        is_number = wanted >= self.batches.zero
        # A pixel whose v is not known is nowhere to look at.
        is_view = (ids[..., None] == self.batches.view_tokens).any(-1) & is_number & F.pad(is_number[:, 1:], (0, 1))
        row, at = is_view.nonzero(as_tuple=True)
        view = (ids[row, at][:, None] == self.batches.view_tokens).float().argmax(-1)
        side, zero = self.batches.side, self.batches.zero
        u, v = wanted[row, at] - zero, wanted[row, at + 1] - zero
        cells, shares = cell_shares(torch.stack([u, v], 1), side)
        targets = self.batches.image_positions[view[:, None] * side**2 + cells]
        attention, hidden = self._attention, self._hidden
        cos, sin = self._rope
        width = attention.head_dim
        query = _first_head(attention.q_proj, hidden, width)[:, None]
        key = _first_head(attention.k_proj, hidden, width)[:, None]
        query, key = qwen.apply_rotary_pos_emb(query.float(), key.float(), cos.float(), sin.float())
        query, key = query[:, 0], key[:, 0]
        loss, hits = torch.zeros(()), 0.0
        scores_all = torch.matmul(query, key.transpose(1, 2)) / width**0.5
        for offset in (0, 1):
            scores = scores_all[row, at + offset].masked_fill(~batch.mask[row, 0, at + offset], -1e4)
            learned = ~batch.misled[row, at + 1 + offset]
            log_p = scores.log_softmax(-1).gather(1, targets)
            loss = loss - 0.5 * (shares * log_p).sum(1)[learned].sum() / learned.sum().clamp(min=1)
            hits = (scores.argmax(-1) == targets[:, 0]).float().mean().item()
        attention_targets = batch.attention_targets
        if len(attention_targets.row):
            scores = scores_all[attention_targets.row, attention_targets.at].masked_fill(
                ~batch.mask[attention_targets.row, 0, attention_targets.at], -1e4
            )
            loss = loss + NAMES_WEIGHT * F.cross_entropy(scores, attention_targets.target)
        return loss, hits


def _first_head(projection: nn.Module, hidden: Tensor, width: int) -> Tensor:
    """What a projection makes of hidden states for its first head, without the others if it is a plain layer."""
    if type(projection) is nn.Linear:
        return F.linear(hidden, projection.weight[:width], projection.bias[:width])
    out: Tensor = projection(hidden)
    return out[..., :width]


@contextmanager
def batched_vision_attention(tokens_per_view: int) -> Iterator[None]:
    """Attend within all views of a batch at once; Hugging Face loops over the images. Same result, for training."""

    def forward(
        self: qwen.Qwen2_5_VLVisionAttention,
        hidden_states: Tensor,
        cu_seqlens: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        **_: object,
    ) -> Tensor:
        count = hidden_states.shape[0]
        qkv = self.qkv(hidden_states).reshape(count, 3, self.num_heads, -1).permute(1, 0, 2, 3)
        query, key, value = qkv.unbind(0)
        query, key = qwen.apply_rotary_pos_emb_vision(query, key, *position_embeddings)
        views = [
            part.reshape(count // tokens_per_view, tokens_per_view, self.num_heads, -1).transpose(1, 2)
            for part in (query, key, value)
        ]
        out = F.scaled_dot_product_attention(*views)
        return self.proj(out.transpose(1, 2).reshape(count, -1))

    original = qwen.Qwen2_5_VLVisionAttention.forward
    qwen.Qwen2_5_VLVisionAttention.forward = forward
    try:
        yield
    finally:
        qwen.Qwen2_5_VLVisionAttention.forward = original
