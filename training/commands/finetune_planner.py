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
from collections.abc import Iterator
from pathlib import Path

import accelerate
import peft
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from clap.errors import ClapError
from clap.policies.planner.local import CoarseTaskPlanner
from clap.program_name import program_name
from training.finetuning.accelerated_training import AcceleratedTraining
from training.finetuning.config import KINDS, FinetuneConfig, rate_factor
from training.finetuning.conversation_samples import IGNORED, ConversationSamples
from training.finetuning.dry_run import planner_report
from training.finetuning.lora import adapt, checkpoint_activations, load_adapter, merged, save_adapter
from training.trainer.config import read_config

ADAPTER = "adapter"


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


class PlannerFinetuning(AcceleratedTraining):
    """One run: model, data, optimiser and schedule; of it come an adapter and a record."""

    def __init__(self, config: FinetuneConfig, resume: bool = False):
        super().__init__(config)
        self.config = config
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
        self.begin(config, config.steps, resume)
        self.samples = ConversationSamples(config, planner, self.progress.step * config.batch)
        loader = DataLoader(
            self.samples,
            config.micro_batch,
            collate_fn=self.samples.collate,
            num_workers=config.workers,
            generator=torch.Generator(),  # its own: a resumed run must not draw from the restored one
        )
        self._micro_batches: Iterator[dict[str, Tensor]] = iter(self.accelerator.prepare(loader))

    def pace(self) -> dict[str, float]:
        """See ``AcceleratedTraining``."""
        return {"rate": self.schedule.get_last_lr()[0]}

    def optimise(self) -> dict[str, float]:
        """One optimiser step over a whole batch; returns the mean loss of its supervised tokens."""
        batch = list(itertools.islice(self._micro_batches, self.accumulation))
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
        return {"loss": float(self.accelerator.reduce(total, "sum") / tokens)}

    def finish(self) -> None:
        """Save the adapter and the record."""
        model = self.accelerator.unwrap_model(self.model)
        save_adapter(model, self.out / ADAPTER)
        seen = self.samples.seen(self.progress.step * self.config.batch)
        mix = {kind: round(seen[kind] / sum(seen.values()), 4) for kind in KINDS}
        versions = {"torch": torch.__version__, "peft": peft.__version__, "accelerate": accelerate.__version__}
        data = {"samples_seen": seen, "mix": mix}
        self.write_record(self.config, model, data=data, versions=versions)


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
        folders = {"base": options.base, "data": options.data, "out": options.out}
        config = read_config(FinetuneConfig, options.config, folders)
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
