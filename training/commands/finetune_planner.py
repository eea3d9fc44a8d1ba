"""Fine-tune a pretrained Qwen2.5-VL as the coarse task planner, on one GPU or several (paper, section 4.1, A.3).

    accelerate launch -m training.finetune_planner --config training/configs/gembench_planner.json
    python -m training.finetune_planner --config training/configs/gembench_planner.json --dry-run
    python -m training.finetune_planner --config training/configs/gembench_planner.json --merge models/planner

``--resume`` goes on from the last checkpoint. ``--dry-run`` prints parameters, memory and time from the configuration
alone; no weights are read or made. ``--merge`` adds the trained adapter into the base model and writes a folder that
``CoarseTaskPlanner.load`` reads. See training/configs/README.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import accelerate
import peft
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from clap.errors import ClapError
from clap.policies.planner.local import CoarseTaskPlanner
from clap.program_name import program_name
from training.finetuning.accelerated_checkpoint import CheckpointFolder
from training.finetuning.accelerators import accelerator_for
from training.finetuning.config import KINDS, FinetuneConfig, rate_factor, read_config
from training.finetuning.conversation_samples import IGNORED, ConversationSamples
from training.finetuning.dry_run import planner_report
from training.finetuning.lora import adapt, checkpoint_activations, load_adapter, merged, save_adapter

ADAPTER = "adapter"
LOG, RECORD = "log.jsonl", "training_record.json"


def summed_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy summed over the supervised tokens of a micro batch.

    Logits are made only where some row has a label: with 151,936 words they would be the largest activation by far.
    """
    targets = batch["labels"][:, 1:]
    places = (targets != IGNORED).any(0).nonzero()[:, 0]
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    logits = model(**inputs, logits_to_keep=places, use_cache=False).logits.float()
    loss = F.cross_entropy(logits.flatten(0, 1), targets[:, places].flatten(), ignore_index=IGNORED, reduction="sum")
    if "pixel_values" not in batch:
        # Every trained parameter takes part in every backward pass, which is what DistributedDataParallel waits for.
        loss = loss + sum(0.0 * p.sum() for n, p in model.named_parameters() if p.requires_grad and "visual." in n)
    return loss


class PlannerFinetuning:
    """One run: model, data, optimiser and schedule under ``accelerate``, with log, checkpoints, adapter and record."""

    def __init__(self, config: FinetuneConfig, resume: bool = False):
        self.config, self.out = config, Path(config.out)
        self.accelerator = accelerator_for(config)
        self.accumulation = self.accelerator.gradient_accumulation_steps
        planner = CoarseTaskPlanner.load(config.base)
        for parameter in planner.model.parameters():  # not .to(): rotary frequencies stay in float32
            parameter.data = parameter.data.to(torch.bfloat16 if config.precision == "bf16" else torch.float32)
        model = adapt(planner.model, config.parts, config.lora).train()
        if config.gradient_checkpointing:
            checkpoint_activations(planner.model)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, config.learning_rate, config.betas, weight_decay=config.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: rate_factor(step, config.steps, config.warmup_share, config.schedule)
        )
        self.model, self.optimizer, self.schedule = self.accelerator.prepare(model, optimizer, schedule)
        self.checkpoint = CheckpointFolder(self.accelerator, self.out / "checkpoints")
        self.step = self.checkpoint.load() if resume else 0
        self.samples = ConversationSamples(config, planner, self.step * config.batch)
        loader = DataLoader(
            self.samples,
            config.micro_batch,
            collate_fn=self.samples.collate,
            num_workers=config.workers,
            generator=torch.Generator(),  # its own: a resumed run must not draw from the restored one
        )
        self.loader = self.accelerator.prepare(loader)

    def train(self) -> None:
        """Run to the end; then save the adapter and the record."""
        micro_batches = iter(self.loader)
        sums, count = 0.0, 0
        while self.step < self.config.steps:
            sums, count = sums + self._optimise(micro_batches), count + 1
            self.step += 1
            if self.step % self.config.log_steps == 0 or self.step == self.config.steps:
                self._log(loss=round(sums / count, 4), rate=self.schedule.get_last_lr()[0])
                sums, count = 0.0, 0
            if self.step % self.config.checkpoint_steps == 0:
                self.checkpoint.save(self.step)
        self.checkpoint.save(self.step)
        self._finish()
        self.accelerator.end_training()

    def _optimise(self, micro_batches: Iterator[dict[str, Tensor]]) -> float:
        """One optimiser step over a whole batch; returns the mean loss of its supervised tokens."""
        batch = list(itertools.islice(micro_batches, self.accumulation))
        own = torch.stack([(part["labels"] != IGNORED).sum() for part in batch]).sum()
        tokens = self.accelerator.reduce(own, "sum")
        # backward() divides by the accumulation, and gradients are averaged over processes: undo both, so that every
        # token of the batch weighs the same wherever it is.
        scale = self.accelerator.num_processes * self.accumulation / tokens
        total = torch.zeros((), device=self.accelerator.device)
        for part in batch:
            with self.accelerator.accumulate(self.model):
                loss = summed_loss(self.model, part)
                self.accelerator.backward(loss * scale)
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip)
                self.optimizer.step()
                self.optimizer.zero_grad()
            total += loss.detach()
        self.schedule.step()
        return float(self.accelerator.reduce(total, "sum") / tokens)

    def _log(self, **figures: float) -> None:
        if self.accelerator.is_main_process:
            line = json.dumps({"step": self.step, "of": self.config.steps, **figures})
            with (self.out / LOG).open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            print(line, flush=True)

    def _finish(self) -> None:
        if not self.accelerator.is_main_process:
            return
        model = self.accelerator.unwrap_model(self.model)
        save_adapter(model, self.out / ADAPTER)
        seen = self.samples.seen(self.step * self.config.batch)
        record: dict[str, Any] = {
            "config": asdict(self.config),
            "parameters": sum(p.numel() for p in model.parameters()),
            "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "data": {"samples_seen": seen, "mix": {kind: round(seen[kind] / sum(seen.values()), 4) for kind in KINDS}},
            "steps": self.step,
            "processes": self.accelerator.num_processes,
            "versions": {"torch": torch.__version__, "peft": peft.__version__, "accelerate": accelerate.__version__},
        }
        (self.out / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def merge(base: Path | str, adapter: Path, folder: Path) -> None:
    """Write the base model with an adapter merged in as a planner folder. Raises CheckpointError if they don't fit."""
    planner = CoarseTaskPlanner.load(base)
    model = merged(load_adapter(planner.model, adapter))
    CoarseTaskPlanner(model, planner.tokenizer, planner.settings).save(folder)  # type: ignore[arg-type]


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="JSON file of the run")
    parser.add_argument("--base", help="folder of the pretrained model, instead of the configuration's")
    parser.add_argument("--data", help="folder of shards, instead of the configuration's")
    parser.add_argument("--out", help="folder of the run, instead of the configuration's")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--resume", action="store_true", help="go on from the last checkpoint, if there is one")
    what.add_argument("--dry-run", action="store_true", help="print parameters, memory and time; needs no weights")
    what.add_argument("--merge", type=Path, metavar="FOLDER", help="write the trained planner as a plain folder")
    options = parser.parse_args(arguments)
    try:
        config = read_config(FinetuneConfig, options.config, base=options.base, data=options.data, out=options.out)
        if options.dry_run:
            print(planner_report(config, options.config.parent))
        elif options.merge:
            merge(config.base, Path(config.out) / ADAPTER, options.merge)
        else:
            Path(config.out).mkdir(parents=True, exist_ok=True)
            PlannerFinetuning(config, options.resume).train()
    except ClapError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
