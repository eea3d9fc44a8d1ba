"""The paper's configurations say what its tables say, and the dry run's figures are those of real models."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import Dinov2Config, Dinov2Model, Qwen2_5_VLConfig, SiglipConfig, SiglipModel

from clap.errors import CheckpointError
from clap.policies.planner.model import PlannerModel
from clap.policies.predictor.encoders import EncoderConfig
from clap.policies.predictor.network import FineActionNetwork, PredictorConfig
from clap.policies.predictor.predictor import FineActionPredictor
from clap.policies.predictor.tokenizer import build_tokenizer
from tests.support.killed_training import kill_at
from tests.support.predictor_shards import write_shard
from tests.support.tiny_qwen import chat_tokenizer, tiny_config
from training.commands.finetune_planner import main as planner_command
from training.commands.finetune_planner import summed_loss
from training.data.shards import TrainingDataError
from training.finetuning.config import FinetuneConfig, micro_batches
from training.finetuning.cost_model import PlannerShape, layer_bytes, planner_flops, predictor_flops
from training.finetuning.dry_run import largest_micro_batch, meta_planner, planner_report, state_bytes
from training.finetuning.lora import LoraSizes, TrainedParts, adapt, checkpoint_activations
from training.finetuning.pretrained_predictor import PaperPredictorConfig, freeze_towers
from training.finetuning.train_predictor import PaperPredictorTraining
from training.finetuning.train_predictor import main as predictor_command
from training.predictor.samples import ZoomData, to_inputs
from training.trainer.config import TrainingConfigError, config_of, read_config, read_json

CONFIGS = Path(__file__).parents[3] / "training" / "configs"
SIZE = 28


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize(("name", "rate"), [("gembench", 3e-4), ("realworld", 1e-4)])
def test_planner_configurations_are_the_columns_of_table_6(name, rate):
    config = read_config(FinetuneConfig, CONFIGS / f"{name}_planner.json")
    assert (config.learning_rate, config.batch, config.epochs) == (rate, 64, 1)
    assert (config.lora.rank, config.lora.alpha) == (8, 32)
    assert (config.parts.vision, config.parts.aligner, config.parts.language) == ("lora", "frozen", "lora")
    assert micro_batches(config.batch, config.micro_batch, 4) >= 1
    if name == "gembench":  # table 4
        assert asdict(config.samples) == {"trajectories": 169665, "positions": 39777, "plans": 30515}


@pytest.mark.parametrize(("name", "epochs"), [("gembench", 5), ("realworld", 3)])
def test_predictor_configurations_are_the_columns_of_table_6(name, epochs):
    config = read_config(PaperPredictorConfig, CONFIGS / f"{name}_predictor.json")
    assert (config.learning_rate, config.batch, config.epochs) == (0.0024, 192, epochs)
    assert config.sizes(EncoderConfig.paper()) == PredictorConfig.paper()


def test_the_architecture_has_the_parameters_of_the_published_model():
    with torch.device("meta"):
        model = PlannerModel(Qwen2_5_VLConfig(**read_json(CONFIGS / "qwen2_5_vl_3b.json")))
    assert sum(parameter.numel() for parameter in model.parameters()) == 3_754_622_976


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"base": "a"}, "the key data is missing"),
        ({"colour": 1}, "colour: there is no such key; known are: base, data, out"),
        ({"parts": {"visoin": "lora"}}, "parts.visoin: there is no such key; did you mean vision"),
        ({"batch": "64"}, "batch: expected a number, found '64'"),
        ({"parts": {"vision": "half"}}, "parts.vision is 'half'"),
        ({"parts": {"vision": "frozen", "language": "frozen"}}, "nothing to train"),
    ],
)
def test_malformed_configurations_are_named(values, sentence):
    if "base" not in values:
        values = {**read_json(CONFIGS / "gembench_planner.json"), **values}
    with pytest.raises(TrainingConfigError, match=sentence):
        config_of(FinetuneConfig, values, "the configuration")


def test_dry_runs_print_parameters_memory_and_time(capsys):
    for command, name in ((planner_command, "gembench_planner"), (predictor_command, "gembench_predictor")):
        command(["--config", str(CONFIGS / f"{name}.json"), "--dry-run"])
        printed = capsys.readouterr().out
        for words in ("AdamW states", "Largest micro batch that fits", "h on one GPU", "fits a GPU of 24 GiB"):
            assert words in printed


def test_the_dry_run_reads_no_weights(tmp_path):
    config = replace(read_config(FinetuneConfig, CONFIGS / "realworld_planner.json"), base="nowhere")
    config = replace(config, parts=TrainedParts("full", "frozen", "lora"))
    architecture = tiny_config(chat_tokenizer())
    (tmp_path / config.architecture).write_text(json.dumps(architecture.to_dict()), "utf-8")
    assert "vision        full" in planner_report(config, tmp_path)
    assert all(parameter.is_meta for parameter in meta_planner(config, architecture).parameters())


def tiny_setup(parts: TrainedParts, precision: str) -> tuple[torch.nn.Module, Qwen2_5_VLConfig, FinetuneConfig]:
    """A real tiny model set up for training, and its configuration."""
    architecture = tiny_config(chat_tokenizer(), width=64)
    values = {**read_json(CONFIGS / "gembench_planner.json"), "parts": asdict(parts), "precision": precision}
    config = replace(config_of(FinetuneConfig, values, "test"), lora=LoraSizes(8, 32, 0.0))
    torch.manual_seed(0)
    model = PlannerModel(architecture)
    if precision == "bf16":
        model = model.to(torch.bfloat16)
    adapted = adapt(model, parts, config.lora).train()
    checkpoint_activations(model)
    return adapted, architecture, config


def one_batch(architecture: Qwen2_5_VLConfig, shape: PlannerShape) -> dict[str, torch.Tensor]:
    """Random tokens and patches of the given shape."""
    ids = torch.randint(0, 200, (1, shape.tokens))
    grid = int((shape.patches / shape.images) ** 0.5) if shape.images else 0
    per_view = shape.image_tokens // max(1, shape.images)
    for view in range(shape.images):
        start = view * (per_view + 2)
        ids[0, start] = architecture.vision_start_token_id
        ids[0, start + 1 : start + 1 + per_view] = architecture.image_token_id
    labels = torch.full_like(ids, -100)
    labels[0, -shape.answer_tokens :] = 5
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    batch["mm_token_type_ids"] = (ids == architecture.image_token_id).int()
    if shape.images:
        batch["pixel_values"] = torch.randn(shape.patches, 3 * 2 * 14 * 14)
        batch["image_grid_thw"] = torch.tensor([[1, grid, grid]] * shape.images)
    return batch


@pytest.mark.parametrize("precision", ["bf16", "no"])
def test_state_bytes_are_exact(precision):
    model, architecture, config = tiny_setup(TrainedParts("full", "frozen", "lora"), precision)
    estimate = state_bytes(meta_planner(config, architecture))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained)
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moments = [value for state in optimizer.state.values() for name, value in state.items() if name != "step"]
    assert estimate.weights == sum(parameter.nbytes for parameter in model.parameters())
    assert estimate.gradients == sum(parameter.grad.nbytes for parameter in trained)
    assert estimate.optimizer == sum(value.nbytes for value in moments)


@pytest.mark.parametrize("views", [True, False])
@pytest.mark.parametrize(
    "parts",
    [
        TrainedParts("lora", "frozen", "lora"),
        TrainedParts("full", "frozen", "lora"),
        TrainedParts("frozen", "frozen", "lora"),
        TrainedParts("frozen", "frozen", "full"),
    ],
    ids=lambda parts: "-".join(asdict(parts).values()),
)
def test_arithmetic_is_what_pytorch_counts(parts, views):
    model, architecture, config = tiny_setup(parts, "no")
    shape = PlannerShape.of_views(architecture, prompt=40, answer=20)
    shape = shape if views else shape.without_views()
    batch = one_batch(architecture, shape)
    # PyTorch does not count its fused attention on CPU.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        summed_loss(model, batch).backward()
    assert planner_flops(model, architecture, config, shape) == pytest.approx(counter.get_total_flops(), rel=0.12)


def test_a_layer_keeps_about_what_is_estimated():
    model, architecture, _ = tiny_setup(TrainedParts("lora", "frozen", "lora"), "bf16")
    layer = model.get_base_model().model.language_model.layers[0]
    layer.gradient_checkpointing = False
    tokens, width = 128, 64
    hidden = torch.randn(1, tokens, width, dtype=torch.bfloat16, requires_grad=True)
    angles = torch.randn(1, tokens, width // 4)
    kept: dict[int, int] = {}
    weights = {parameter.data_ptr() for parameter in model.parameters()}

    def pack(value: torch.Tensor) -> torch.Tensor:
        storage = value.untyped_storage()
        if value.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        held.append(value)  # a freed block would be counted once for all who get it
        return value

    held: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value), torch.autocast("cpu", torch.bfloat16):
        layer(hidden, position_embeddings=(angles.cos(), angles.sin()))
    text = architecture.text_config
    inputs = 6 * text.hidden_size + text.intermediate_size
    estimate = tokens * layer_bytes(text.hidden_size, text.hidden_size, 32, text.intermediate_size, inputs, False)
    assert 0.5 < estimate / sum(kept.values()) < 2


def test_the_largest_micro_batch_divides_the_batch_and_fits():
    gigabyte = 2**30
    assert largest_micro_batch(64, 10 * gigabyte, lambda size: size * gigabyte) == 8
    assert largest_micro_batch(64, 10 * gigabyte, lambda size: 20 * size * gigabyte) == 0


@pytest.fixture(scope="module")
def towers(tmp_path_factory) -> Path:
    """Tiny random towers in the format of pretrained ones, with a tokenizer."""
    folder = tmp_path_factory.mktemp("towers")
    tokenizer = build_tokenizer([])
    sizes = EncoderConfig.mini(len(tokenizer), SIZE, width=32)
    siglip = {**sizes.siglip, "vision_config": {**sizes.siglip["vision_config"], "vision_use_head": True}}
    torch.manual_seed(0)
    SiglipModel(SiglipConfig(**siglip)).save_pretrained(folder / "siglip")
    tokenizer.save_pretrained(folder / "siglip")
    Dinov2Model(Dinov2Config(**sizes.dinov2)).save_pretrained(folder / "dinov2")
    write_shard(folder / "data", 0, 20, SIZE)
    return folder


@pytest.fixture
def predictor_config(towers, tmp_path) -> PaperPredictorConfig:
    return PaperPredictorConfig(
        siglip=str(towers / "siglip"),
        dinov2=str(towers / "dinov2"),
        data=str(towers / "data"),
        out=str(tmp_path),
        expected_samples=18,
        epochs=2,
        batch=8,
        micro_batch=4,
        width=64,
        layers=2,
        heads=2,
        hidden=32,
        precision="no",
        checkpoint_steps=2,
        log_steps=1,
        evaluation_samples=2,
    )


def run(config: PaperPredictorConfig, resume: bool = False) -> PaperPredictorTraining:
    AcceleratorState._reset_state(reset_partial_state=True)  # a process has one for all its runs
    Path(config.out).mkdir(parents=True, exist_ok=True)
    training = PaperPredictorTraining(config, resume)
    training.train()
    return training


@pytest.mark.parametrize("mode", ["frozen", "full"])
def test_the_predictor_trains_around_pretrained_towers(predictor_config, towers, mode):
    config = replace(predictor_config, towers=mode)
    run(config)
    exported = FineActionPredictor.load(Path(config.out) / "predictor").network
    stock = SiglipModel.from_pretrained(towers / "siglip").vision_model.state_dict()
    same = [
        torch.equal(value, stock[name]) for name, value in exported.encoder.siglip.vision_model.state_dict().items()
    ]
    assert all(same) if mode == "frozen" else not all(same)
    record = json.loads((Path(config.out) / "training_record.json").read_text("utf-8"))
    assert (record["steps"], record["samples_seen"]) == (4, 32)
    assert record["evaluation"]["count"] == 2


def test_a_killed_predictor_run_goes_on_as_if_it_had_not_been(predictor_config, tmp_path):
    whole = replace(predictor_config, epochs=6, out=str(tmp_path / "whole"))
    killed = replace(whole, out=str(tmp_path / "killed"))
    run(whole)
    kill_at(lambda: run(killed), Path(killed.out) / "checkpoints" / "step-00000002")
    run(killed, resume=True)
    networks = [FineActionPredictor.load(Path(config.out) / "predictor").network for config in (whole, killed)]
    for name, value in networks[0].state_dict().items():
        assert torch.equal(value, networks[1].state_dict()[name]), name


def test_what_the_predictor_cannot_train_on_is_named(predictor_config, tmp_path):
    AcceleratorState._reset_state(reset_partial_state=True)
    with pytest.raises(CheckpointError, match="cannot be read"):
        PaperPredictorTraining(replace(predictor_config, siglip=str(tmp_path / "nowhere")))
    write_shard(tmp_path / "large", 0, 20, 42)
    with pytest.raises(TrainingDataError, match="42 px"):
        PaperPredictorTraining(replace(predictor_config, data=str(tmp_path / "large")))
    with pytest.raises(TrainingDataError, match="fewer zooms"):
        PaperPredictorTraining(replace(predictor_config, batch=400))


@pytest.mark.parametrize("mode", ["frozen", "full"])
def test_predictor_arithmetic_is_what_pytorch_counts(predictor_config, towers, mode):
    sizes = predictor_config.sizes(EncoderConfig.from_folders(towers / "siglip", towers / "dinov2"))
    network = freeze_towers(FineActionNetwork(sizes), mode, "no")
    rng = np.random.default_rng(0)
    samples = ZoomData(towers / "data").read(rng.integers(0, 18, 1))
    inputs = to_inputs(samples, build_tokenizer([]), sizes.encoders.text_limit)
    words = torch.ones(1, sizes.encoders.text_limit, dtype=torch.long)
    inputs = replace(inputs, text_ids=words, text_mask=words.bool())
    # PyTorch does not count its fused attention on CPU.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        logits, tokens = network(inputs)
        action = network.act(tokens, torch.zeros(1, 3))
        (logits.sum() + sum(part.sum() for part in action)).backward()
    assert predictor_flops(network, mode) == pytest.approx(counter.get_total_flops(), rel=0.15)
