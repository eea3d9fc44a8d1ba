"""Text branches behind one image prefix, packed for training exactly as generate() will see them.

A row is the prefix (three views) and then several branches (questions with answers): each branch attends to the
prefix and to itself, and its positions go on from the prefix. So one encoding of the images serves them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clap.geometry.frames import IMAGE_SIZE, VIEW_NAMES, Workspace
from clap.policies.planner.local import ANSWER, BOS, CoarseTaskPlanner, image_prefix, wrap_prompt
from clap.policies.planner.model import patch_grid, patchify
from training.data.language_plans import LanguagePlan
from training.planner.conversations import Conversation, plan_conversation, scene_conversations
from training.planner.first_steps import FirstSteps
from training.planner.image_cells import cell_shares
from training.planner.model_init import number_token_zero
from training.planner.scenes import Scene, color_gains

IGNORED = -100
CORRUPTED_SHARE, RANDOM_SHARE = 0.6, 0.35
"""Share of coordinate inputs that are corrupted, and the part of those that become any number at all.

Labels stay clean. Without it generate() copies its own earlier mistakes: step-0 keypoints .62 against .80.
"""
CORRUPTION_PX = 4.0
ROWS_TOGETHER = 14
"""Text rows of a batch. Four such batches of like lengths take 0.7 times as long as one of 56 rows."""


@dataclass(frozen=True)
class ObjectCells:
    """Dense targets, one row per object, view and cell with a share in it: ``cell`` index into the batch's image
    tokens (scene-major), ``name`` of the object, ``offset`` (2,) of its point from the cell's corner in cells, and the
    cell's ``share``, see planner_cells. ``complete`` (image tokens,): whether all things of its scene are known."""

    cell: Tensor
    names: list[str]
    offset: Tensor
    share: Tensor
    complete: Tensor


@dataclass(frozen=True)
class AttentionTargets:
    """Where attention is supervised beside the coordinates: ``row``, position ``at`` in the row, and the index
    ``target`` of the image token to look at, (N,) each."""

    row: Tensor
    at: Tensor
    target: Tensor


@dataclass(frozen=True)
class SceneBatch:
    """Tensors of packed rows: patches, ids/labels (B, L), positions (3, B, L), mask (B, 1, L, L), dense targets,
    where to look before a name is written, and ``misled`` (B, L): labels of a v whose u was made a random number.

    Those are not learned: v has to be that of the thing whose u was written, or the two end on different things."""

    patches: Tensor
    grid: Tensor
    ids: Tensor
    labels: Tensor
    positions: Tensor
    mask: Tensor
    cells: ObjectCells
    attention_targets: AttentionTargets
    misled: Tensor


@dataclass(frozen=True)
class Branch:
    """One question with its answer as token ``ids`` and ``labels``; ``attention_targets``: (offset, (3, 2) pixels)."""

    ids: list[int]
    labels: list[int]
    attention_targets: list[tuple[int, NDArray[np.int64]]]


@dataclass(frozen=True)
class TextBatch:
    """Right-padded rows of text only."""

    ids: Tensor
    labels: Tensor


class BatchMaker:
    """Makes batches for one planner (its tokenizer, grid and settings); ``first_steps`` adds questions to scenes.

    ``object_data`` False leaves out all that is known of objects but the demonstrations' own (table 2, row 4).
    """

    def __init__(self, planner: CoarseTaskPlanner, first_steps: FirstSteps | None = None, object_data: bool = True):
        self.planner, self.workspace, self.first_steps = planner, Workspace(), first_steps
        self.object_data = object_data
        config = planner.model.config
        self.patch_side = patch_grid(config, IMAGE_SIZE)
        self.side = self.patch_side // config.vision_config.spatial_merge_size
        self.zero = number_token_zero(planner.tokenizer)
        self.eos = planner.tokenizer.eos_token_id
        self.pad = planner.tokenizer.pad_token_id
        self.separators = {self.encode(mark)[0] for mark in (":", ";")}
        self.view_tokens = torch.tensor([self.encode(name)[0] for name in VIEW_NAMES])
        self.prefix = self.encode(f"{BOS} {image_prefix(self.side**2)}")
        self.image_positions = torch.tensor([t == config.image_token_id for t in self.prefix]).nonzero()[:, 0]
        self.prefix_positions, self.next_position = self._prefix_positions()

    def encode(self, text: str) -> list[int]:
        """Token ids of a text without additions."""
        return self.planner.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _prefix_positions(self) -> tuple[Tensor, int]:
        ids = torch.tensor([self.prefix])
        grid = torch.tensor([[1, self.patch_side, self.patch_side]] * len(VIEW_NAMES))
        types = (ids == self.planner.model.config.image_token_id).int()
        positions, _ = self.planner.model.model.get_rope_index(ids, types, image_grid_thw=grid)
        return positions[:, 0], int(positions.max()) + 1

    def branches(self, scene: Scene, rng: np.random.Generator) -> list[Branch]:
        """What is there and where, and the scene's queries."""
        extra = self.first_steps.draw(scene, rng) if self.first_steps and scene.complete else None
        form = self.planner.settings.format
        return [self._branch(item) for item in scene_conversations(scene, rng, form, extra, self.object_data)]

    def _branch(self, item: Conversation) -> Branch:
        prompt_ids, answer_ids = self.encode(f"{item.prompt} {ANSWER}"), [*self.encode(item.answer), self.eos]
        supervised = [i if i >= self.zero or not item.numbers_only else IGNORED for i in answer_ids]
        numbers = [place for place, i in enumerate(answer_ids) if i >= self.zero]
        for k in item.unknown:
            supervised[numbers[k]] = IGNORED
        before_names = [len(prompt_ids) + k for k, token in enumerate(answer_ids) if token in self.separators]
        attention_targets = (
            list(zip(before_names, item.attention_targets, strict=False)) if item.attention_targets else []
        )
        return Branch(prompt_ids + answer_ids, [IGNORED] * len(prompt_ids) + supervised, attention_targets)

    def scenes(self, scenes: Sequence[Scene], rng: np.random.Generator, text: bool = True) -> SceneBatch:
        """Pack scenes; ``text`` False leaves the branches out (dense warm-up)."""
        rows = [self.branches(scene, rng) if text else [] for scene in scenes]
        length = len(self.prefix) + max(sum(len(branch.ids) for branch in row) for row in rows)
        length = (length + 15) // 16 * 16
        ids = torch.full((len(rows), length), self.pad)
        labels = torch.full((len(rows), length), IGNORED)
        owner = torch.full((len(rows), length), -1)
        positions = torch.zeros(3, len(rows), length, dtype=torch.long)
        attention_targets: list[tuple[int, int, int]] = []
        start = len(self.prefix)
        for b, row in enumerate(rows):
            ids[b, :start], owner[b, :start] = torch.tensor(self.prefix), 0
            positions[:, b, :start] = self.prefix_positions
            at = start
            for number, branch in enumerate(row, 1):
                end = at + len(branch.ids)
                ids[b, at:end], labels[b, at:end] = torch.tensor(branch.ids), torch.tensor(branch.labels)
                owner[b, at:end] = number
                positions[:, b, at:end] = self.next_position + torch.arange(end - at)
                attention_targets += [
                    (b, at + offset, self._top_token(pixels)) for offset, pixels in branch.attention_targets
                ]
                at = end
        order = torch.arange(length)
        visible = (owner[:, None, :] == 0) | (owner[:, None, :] == owner[:, :, None])
        mask = (order[:, None] >= order[None, :]) & visible
        grid = torch.tensor([[1, self.patch_side, self.patch_side]] * (len(VIEW_NAMES) * len(rows)))
        patches, (inputs, misled) = self._patches(scenes, rng), self._corrupt(ids, labels, rng)
        where = AttentionTargets(*torch.tensor(attention_targets, dtype=torch.long).view(-1, 3).unbind(1))
        return SceneBatch(patches, grid, inputs, labels, positions, mask[:, None], self._cells(scenes), where, misled)

    def _top_token(self, pixels: NDArray[np.int64]) -> int:
        """Index in the row of the image token that shows a point from above, where least is hidden."""
        view = VIEW_NAMES.index("top")
        column, row = np.clip(pixels[view] * self.side // IMAGE_SIZE, 0, self.side - 1)
        return int(self.image_positions[(view * self.side + row) * self.side + column])

    def _patches(self, scenes: Sequence[Scene], rng: np.random.Generator) -> Tensor:
        rgb = np.concatenate([scene.rgb for scene in scenes])
        depth = np.concatenate([scene.depth for scene in scenes])
        gains = torch.from_numpy(color_gains(len(scenes), rng)).repeat_interleave(len(VIEW_NAMES), 0)[:, None, None]
        config, settings = self.planner.model.config, self.planner.settings
        return patchify(rgb, depth, 2 * self.workspace.half_extent, config, settings, gain=gains)

    def _cells(self, scenes: Sequence[Scene]) -> ObjectCells:
        pixels, names, views = [], [], []
        for b, scene in enumerate(scenes):
            if not scene.complete:
                continue
            located = zip(scene.located(self.workspace), scene.visible, strict=True)
            for thing in (thing for thing, seen in located if seen):
                pixels += list(thing.pixels)
                names += [thing.name] * len(VIEW_NAMES)
                views += [b * len(VIEW_NAMES) + k for k in range(len(VIEW_NAMES))]
        points = torch.from_numpy(np.array(pixels, np.int64).reshape(-1, 2))
        cells, shares = cell_shares(points, self.side)
        of, which = (shares > 0).nonzero(as_tuple=True)
        cell = cells[of, which]
        corner = torch.stack([cell % self.side, cell // self.side], 1)
        offset = (points[of] + 0.5) / IMAGE_SIZE * self.side - corner
        index = torch.tensor(views, dtype=torch.long)[of] * self.side**2 + cell
        complete = torch.tensor([scene.complete for scene in scenes]).repeat_interleave(len(VIEW_NAMES) * self.side**2)
        return ObjectCells(index, [names[i] for i in of.tolist()], offset, shares[of, which], complete)

    def _corrupt(self, ids: Tensor, labels: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The inputs with some coordinates changed, and which labels are misled."""
        draw = torch.from_numpy(rng.random(tuple(ids.shape), np.float32))
        noise = torch.from_numpy(np.rint(rng.normal(0, CORRUPTION_PX, tuple(ids.shape)))).long()
        anything = torch.from_numpy(rng.integers(0, IMAGE_SIZE, tuple(ids.shape)))
        number = ids - self.zero
        near = (number + noise).clamp(0, IMAGE_SIZE - 1)
        is_random = draw < CORRUPTED_SHARE * RANDOM_SHARE
        is_number = labels >= self.zero
        inputs = torch.where(
            is_number & (draw < CORRUPTED_SHARE), torch.where(is_random, anything, near) + self.zero, ids
        )
        misled = torch.zeros_like(is_number)
        misled[:, 1:] = is_number[:, 1:] & (is_number & is_random)[:, :-1]
        return inputs, misled

    def plans(self, samples: Sequence[LanguagePlan]) -> list[TextBatch]:
        """Round one's rows, question and answer, text only; rows of like length together, for less padding."""
        rows = []
        for sample in samples:
            item = plan_conversation(sample, self.planner.settings.format)
            prompt_ids, answer_ids = self.encode(wrap_prompt(item.prompt, chat=False)), self.encode(item.answer)
            rows.append((prompt_ids + answer_ids + [self.eos], [IGNORED] * len(prompt_ids) + answer_ids + [self.eos]))
        rows.sort(key=lambda row: len(row[0]))
        return [self._text_batch(rows[k : k + ROWS_TOGETHER]) for k in range(0, len(rows), ROWS_TOGETHER)]

    def _text_batch(self, rows: Sequence[tuple[list[int], list[int]]]) -> TextBatch:
        length = max(len(ids) for ids, _ in rows)
        ids = torch.full((len(rows), length), self.pad)
        labels = torch.full((len(rows), length), IGNORED)
        for b, (row_ids, row_labels) in enumerate(rows):
            ids[b, : len(row_ids)], labels[b, : len(row_labels)] = torch.tensor(row_ids), torch.tensor(row_labels)
        return TextBatch(ids, labels)
