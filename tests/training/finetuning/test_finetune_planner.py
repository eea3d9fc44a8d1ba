"""LoRA fine-tuning of a stock Qwen2.5-VL, every line of it, on a tiny random model of the same classes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import debug_launcher
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from clap.errors import CheckpointError
from clap.geometry.frames import Workspace
from clap.geometry.views import CanonicalViews
from clap.policies.base import INITIAL_STEP
from clap.policies.planner.local import CoarseTaskPlanner, image_prefix, wrap_prompt
from clap.policies.prediction import Plan, PlanStatus
from clap.worlds.tabletop import phrasing
from tests.support.killed_training import kill_at
from tests.support.synthetic_shards import write_shard
from tests.support.tiny_qwen import save_tiny_qwen
from training.commands.finetune_planner import PlannerFinetuning, main, merge, summed_loss
from training.finetuning.config import FinetuneConfig, SampleCounts, micro_batches, rate_factor
from training.finetuning.conversation_samples import IGNORED, ConversationSamples, encode
from training.finetuning.lora import FinetuningError, LoraSizes, TrainedParts, load_adapter, part_of
from training.planner.conversations import Conversation

PLAN = Plan(PlanStatus.STEPS, phrasing.pick_and_place_steps("red block", "red cup"))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    save_tiny_qwen(folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_shard(folder, 0, 8, seed=0)
    return folder


@pytest.fixture(scope="module")
def planner(base) -> CoarseTaskPlanner:
    return CoarseTaskPlanner.load(base)


@pytest.fixture
def config(base, data, tmp_path) -> FinetuneConfig:
    return FinetuneConfig(
        base=str(base),
        data=str(data),
        out=str(tmp_path / "run"),
        samples=SampleCounts(trajectories=3, positions=1, plans=2),
        learning_rate=1e-2,
        lora=LoraSizes(rank=4, alpha=8, dropout=0.1),
        batch=2,
        micro_batch=1,
        precision="no",
        checkpoint_steps=2,
        log_steps=1,
    )


def run(config: FinetuneConfig, resume: bool = False) -> PlannerFinetuning:
    AcceleratorState._reset_state(reset_partial_state=True)  # a process has one for all its runs
    Path(config.out).mkdir(parents=True, exist_ok=True)
    training = PlannerFinetuning(config, resume)
    training.train()
    return training


def logged(config: FinetuneConfig) -> list[dict]:
    return [json.loads(line) for line in (Path(config.out) / "log.jsonl").read_text("utf-8").splitlines()]


def trained_weights(config: FinetuneConfig) -> dict[str, torch.Tensor]:
    return load_file(Path(config.out) / "checkpoints" / "step-00000012" / "trained.safetensors")


def base_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters that are no adapters, by their names in the stock model."""
    named = ((name.replace(".base_layer", ""), p) for name, p in model.named_parameters() if "lora_" not in name)
    return {name.removeprefix("base_model.model."): parameter.detach() for name, parameter in named}


def logits(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(**{name: value for name, value in batch.items() if name != "labels"}).logits


@pytest.fixture
def batch(config, planner) -> dict[str, torch.Tensor]:
    samples = ConversationSamples(config, planner)
    views = next(index for index, kind in enumerate(samples.kinds) if kind == 0)
    text = next(index for index, kind in enumerate(samples.kinds) if kind == 2)
    return samples.collate([samples[views], samples[text]])


def test_a_run_trains_and_a_killed_one_goes_on_as_if_it_had_not_been(config, tmp_path):
    config = replace(config, epochs=4)
    whole = run(config)
    assert [line["step"] for line in logged(config)] == list(range(1, 13))
    record = json.loads((Path(config.out) / "training_record.json").read_text("utf-8"))
    assert record["data"]["samples_seen"] == {"trajectories": 12, "positions": 4, "plans": 8}
    assert record["trained_parameters"] < 0.2 * record["parameters"]

    killed = replace(config, out=str(tmp_path / "killed"))
    kill_at(lambda: run(killed), Path(killed.out) / "checkpoints" / "step-00000002")
    resumed = run(killed, resume=True)
    assert list({line["step"]: line for line in logged(killed)}.values()) == logged(config)
    for name, value in trained_weights(config).items():
        assert torch.equal(value, trained_weights(killed)[name]), name
    assert resumed.progress.step == whole.progress.step == 12


def test_saved_adapters_reload_and_merge_into_a_planner_of_the_policy(config, planner, base, batch, tmp_path):
    training = run(config)
    folder = Path(config.out) / "adapter"
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".safetensors", ".md"}
    wanted = logits(training.accelerator.unwrap_model(training.model), batch)
    assert not torch.allclose(wanted, logits(planner.model, batch), atol=1e-3)

    again = load_adapter(CoarseTaskPlanner.load(base).model, folder)
    assert torch.equal(logits(again, batch), wanted)

    main(["--config", _written(config, tmp_path), "--merge", str(tmp_path / "merged")])
    plain = CoarseTaskPlanner.load(tmp_path / "merged")
    assert type(plain.model) is type(planner.model)
    assert torch.allclose(logits(plain.model, batch), wanted, atol=1e-4)
    rng = np.random.default_rng(0)
    depth = rng.uniform(0, 1, (3, 224, 224)).astype(np.float32)
    rgb = rng.integers(0, 255, (3, 224, 224, 3), np.uint8)
    views = CanonicalViews(rgb, depth, np.zeros((3, 224, 224, 3), np.float32), depth > 0, Workspace())
    assert plain.reason(views, PLAN, INITIAL_STEP).step in PLAN.steps


def _written(config: FinetuneConfig, folder: Path) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(asdict(config)), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    "parts",
    [
        TrainedParts("lora", "frozen", "full"),
        TrainedParts("full", "lora", "frozen"),
        TrainedParts("frozen", "full", "lora"),
    ],
    ids=lambda parts: "-".join(asdict(parts).values()),
)
def test_each_part_is_trained_as_the_configuration_says(config, planner, base, batch, parts, tmp_path):
    config = replace(config, parts=parts, samples=SampleCounts(1, 0, 1))
    training = run(config)
    model = training.accelerator.unwrap_model(training.model)
    stock = dict(planner.model.named_parameters())
    changed = {"vision": 0, "aligner": 0, "language": 0}
    adapters = dict.fromkeys(changed, 0)
    for name, value in base_weights(model).items():
        changed[part_of(name)] += not torch.equal(value, stock[name])
    for name, value in model.named_parameters():
        adapters[part_of(name)] += "lora_B" in name and bool(value.abs().max() > 0)
    for part in changed:
        assert (changed[part] > 0) == (parts.mode(part) == "full"), part
        assert (adapters[part] > 0) == (parts.mode(part) == "lora"), part
    merge(base, Path(config.out) / "adapter", tmp_path / "merged")
    merged = CoarseTaskPlanner.load(tmp_path / "merged")
    assert torch.allclose(logits(merged.model, batch), logits(model, batch), atol=1e-4)


def test_bfloat16_keeps_what_is_trained_in_float32_and_frozen_weights_in_bfloat16(config):
    training = run(replace(config, precision="bf16", samples=SampleCounts(1, 0, 1)))
    for name, parameter in training.model.named_parameters():
        assert parameter.dtype == (torch.float32 if parameter.requires_grad else torch.bfloat16), name
    model = training.accelerator.unwrap_model(training.model)
    assert model.base_model.model.model.language_model.rotary_emb.inv_freq.dtype == torch.float32
    assert np.isfinite(logged(training.config)[-1]["loss"])


def test_the_loss_falls_on_the_same_few_samples(config):
    parts = TrainedParts("frozen", "frozen", "full")
    run(replace(config, parts=parts, samples=SampleCounts(0, 0, 2), epochs=12))
    losses = [line["loss"] for line in logged(config)]
    assert losses[-1] < 0.8 * losses[0]


def run_here(config: FinetuneConfig) -> None:
    run(config)


def test_a_batch_weighs_every_token_alike_however_it_is_cut_and_spread(config, tmp_path):
    config = replace(config, lora=LoraSizes(4, 8), samples=SampleCounts(3, 1, 4), batch=4)
    ways = {name: replace(config, micro_batch=size, out=str(tmp_path / name))
            for name, size in (("whole", 4), ("cut", 1), ("spread", 1))}  # fmt: skip
    run(ways["whole"])
    run(ways["cut"])
    debug_launcher(run_here, (ways["spread"],), num_processes=2)
    wanted = load_file(tmp_path / "whole" / "adapter" / "adapter_model.safetensors")
    for name in ("cut", "spread"):
        assert [line["loss"] for line in logged(ways[name])] == pytest.approx(
            [line["loss"] for line in logged(ways["whole"])], abs=5e-4
        )
        for key, value in load_file(tmp_path / name / "adapter" / "adapter_model.safetensors").items():
            assert torch.allclose(value, wanted[key], atol=5e-3), (name, key)
    assert json.loads((tmp_path / "spread" / "training_record.json").read_text("utf-8"))["processes"] == 2


def test_padding_and_neighbours_do_not_change_a_sample(config, planner, batch):
    samples = ConversationSamples(config, planner)
    chosen = [samples[index] for index in range(4)]
    together = logits(planner.model, samples.collate(chosen))
    for row, sample in enumerate(chosen):
        alone = logits(planner.model, samples.collate([sample]))[0]
        assert torch.allclose(together[row, : len(sample.ids)], alone, atol=1e-4)


def test_only_the_answer_is_supervised_and_the_question_is_the_planner_s_own(planner):
    item = Conversation("locate all objects", "objects : red block front 101 80", numbers_only=True)
    sample = encode(planner.tokenizer, item, chat=True, view_tokens=64)
    prompt = planner.tokenizer(wrap_prompt(image_prefix(64) + item.prompt, True), add_special_tokens=False)["input_ids"]
    assert sample.ids[: len(prompt)] == prompt
    supervised = [token for token, label in zip(sample.ids, sample.labels, strict=True) if label != IGNORED]
    assert planner.tokenizer.decode(supervised) == "10180"
    item = Conversation("task : open the drawer", "complete", with_views=False)
    sample = encode(planner.tokenizer, item, chat=True, view_tokens=64)
    supervised = [token for token, label in zip(sample.ids, sample.labels, strict=True) if label != IGNORED]
    assert planner.tokenizer.decode(supervised) == "complete<|im_end|>"
    assert planner.model.config.image_token_id not in sample.ids


def test_loss_is_the_model_s_own_at_the_answers(planner, batch):
    count = int((batch["labels"][:, 1:] != IGNORED).sum())
    with torch.inference_mode():
        own = planner.model.eval()(**batch).loss
        assert summed_loss(planner.model, batch) / count == pytest.approx(float(own), rel=1e-5)


def test_a_sample_depends_on_its_number_alone_and_epochs_keep_the_mix(config, planner):
    config = replace(config, epochs=2)
    samples, later = ConversationSamples(config, planner), ConversationSamples(config, planner, start=5)
    assert len(samples) == 12 and len(later) == 7
    assert later[2].ids == samples[7].ids and later[2].labels == samples[7].labels
    assert samples.seen(6) == {"trajectories": 3, "positions": 1, "plans": 2}
    assert samples.seen(12) == {"trajectories": 6, "positions": 2, "plans": 4}
    assert not np.array_equal(samples.kinds[:6], samples.kinds[6:])


def test_an_adapter_that_does_not_fit_is_a_named_error(config, planner, base, tmp_path):
    with pytest.raises(CheckpointError, match="no adapter folder"):
        load_adapter(planner.model, tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"adapter_model\.safetensors"):
        load_adapter(planner.model, tmp_path)


def test_a_checkpoint_of_another_run_is_a_named_error_and_never_unpickled(config):
    run(replace(config, samples=SampleCounts(1, 0, 1)))
    with pytest.raises(CheckpointError, match="other parameters"):
        run(replace(config, parts=TrainedParts("frozen", "lora", "frozen")), resume=True)
    folder = next((Path(config.out) / "checkpoints").iterdir())
    torch.save(subprocess.Popen, folder / "optimizer.bin")
    with pytest.raises(CheckpointError, match="cannot be used"):
        run(config, resume=True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch": 3, "micro_batch": 2}, "micro batches of 2"),
        ({"samples": SampleCounts(0, 0, 1)}, "do not fill a batch"),
        ({"schedule": "sine"}, "sine"),
    ],
)
def test_settings_that_cannot_be_run_are_named(config, changes, sentence):
    with pytest.raises(FinetuningError, match=sentence):
        changed = replace(config, **changes)
        micro_batches(changed.batch, changed.micro_batch, 1)


def test_the_rate_warms_up_and_falls_to_nothing():
    assert rate_factor(0, 100, 0.1, "cosine") == pytest.approx(0.1)
    assert rate_factor(10, 100, 0.1, "cosine") == 1
    assert rate_factor(55, 100, 0.1, "cosine") == pytest.approx(0.5)
    assert rate_factor(55, 100, 0.1, "linear") == pytest.approx(0.5)
    assert rate_factor(99, 100, 0.1, "constant") == 1
    assert rate_factor(99, 100, 0.1, "cosine") < 0.001


def test_accelerate_launch_runs_it(config, tmp_path):
    config = replace(config, samples=SampleCounts(1, 0, 1))
    options = ["--cpu", "--num_processes", "1", "--num_machines", "1", "--dynamo_backend", "no"]
    launch = [sys.executable, "-m", "accelerate.commands.launch", *options, "--mixed_precision", "no"]
    command = [*launch, "-m", "training.finetune_planner", "--config", _written(config, tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (Path(config.out) / "adapter" / "adapter_model.safetensors").is_file()
