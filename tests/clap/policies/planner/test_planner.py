"""The coarse task planner: checkpoints, instruction checks, constrained answers, and images as Qwen sees them."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig

from clap.errors import CheckpointError, InvalidInstructionError
from clap.geometry.frames import Workspace
from clap.geometry.views import CanonicalViews
from clap.policies.base import INITIAL_STEP, PlanRequest
from clap.policies.planner import text_format as language
from clap.policies.planner.constrained_decoding import Grammar
from clap.policies.planner.generation import Answers
from clap.policies.planner.instruction_words import read_instruction
from clap.policies.planner.local import IMAGE_PAD, VISION_END, VISION_START, CoarseTaskPlanner
from clap.policies.planner.model import PlannerModel, PlannerSettings, patchify
from clap.policies.planner.prefix_cache import PrefixCache
from clap.policies.planner.question import Question
from clap.policies.planner.text_format import (
    DETECTED_OBJECTS_GRAMMAR,
    PLAN_GRAMMAR,
    format_detected_objects,
    format_plan,
)
from clap.policies.prediction import Plan, PlanStatus
from clap.worlds.tabletop import phrasing
from training.benchmarks.library_generation import LibraryPlanner
from training.planner.model_init import new_mini_planner

PLAN = Plan(PlanStatus.STEPS, phrasing.pick_and_place_steps("red block", "red cup"))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def planner() -> CoarseTaskPlanner:
    planner = new_mini_planner(seed=0, width=64, layers=2)
    planner.model.eval()
    return planner


@pytest.fixture(scope="module")
def views() -> CanonicalViews:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (3, 224, 224, 3), np.uint8)
    depth = rng.uniform(0, 1, (3, 224, 224)).astype(np.float32)
    return CanonicalViews(rgb, depth, np.zeros((3, 224, 224, 3), np.float32), depth > 0, Workspace())


def test_even_an_untrained_planner_answers_within_the_grammar(planner, views):
    texts: list[str] = []
    answer = planner.reason(views, PLAN, INITIAL_STEP, texts.append)
    assert answer.step in PLAN.steps
    assert answer.keypoint_pixels.shape == (3, 2)
    assert 0 <= answer.keypoint_pixels.min() <= answer.keypoint_pixels.max() <= 223
    assert answer.objects
    assert texts[-1] == answer.raw
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts)), "what is shown is never taken back"
    assert isinstance(planner.plan(PlanRequest("open the drawer", detected_objects=("red block",))).status, PlanStatus)
    assert all(name.replace(" ", "").isalpha() for name in planner.detect_objects(views))


def changed(planner, **settings) -> CoarseTaskPlanner:
    """The same weights under other settings."""
    return CoarseTaskPlanner(planner.model, planner.tokenizer, replace(planner.settings, **settings))


@pytest.fixture
def questions(monkeypatch) -> list[str]:
    """What the planners are asked from now on."""
    asked: list[str] = []
    answer = Answers.answer

    def listen(self, question, *others):
        asked.append(question.text)
        return answer(self, question, *others)

    monkeypatch.setattr(Answers, "answer", listen)
    return asked


def test_a_checkpoint_of_another_language_format_is_refused(planner, tmp_path):
    changed(planner, format_version=1).save(tmp_path)
    with pytest.raises(CheckpointError, match="format_version=1"):
        CoarseTaskPlanner.load(tmp_path)


def test_the_three_rounds_ask_what_the_format_says(planner, views, questions):
    planner.detect_objects(views)
    planner.plan(PlanRequest("Open the drawer!", detected_objects=("red cup", "closed drawer")))
    planner.plan(PlanRequest("open the drawer", detected_objects=()))
    planner.plan(PlanRequest("open the drawer"))
    planner.reason(views, PLAN, INITIAL_STEP)
    assert questions == [
        "name all objects",
        f"task : open the drawer seen : red cup ; closed drawer last : {INITIAL_STEP}",
        f"task : open the drawer seen : nothing last : {INITIAL_STEP}",
        f"task : open the drawer seen : unknown last : {INITIAL_STEP}",
        f"plan : {' ; '.join(PLAN.steps)} last : {INITIAL_STEP}",
    ]
    assert planner.knows_completion


def test_without_a_plan_round_two_is_given_the_instruction(planner, views, questions):
    direct = changed(planner, reason_plan=False)
    assert direct.detect_objects(views) is None
    plan = direct.plan(PlanRequest("Open the drawer!", detected_objects=("closed drawer",)))
    assert plan == Plan(PlanStatus.STEPS, ("open the drawer",))
    answer = direct.reason(views, plan, INITIAL_STEP)
    assert answer.step.startswith("the robot ")
    assert questions == [f"task : open the drawer last : {INITIAL_STEP}"]
    assert not direct.knows_completion


def test_a_planner_that_was_not_taught_names_is_not_asked_for_them(planner, views, questions):
    camera_fault = changed(planner, look_first=False)
    assert camera_fault.detect_objects(views) is None
    camera_fault.plan(PlanRequest("open the drawer", detected_objects=camera_fault.detect_objects(views)))
    assert questions == [f"task : open the drawer seen : unknown last : {INITIAL_STEP}"]


def test_without_objects_the_answer_begins_with_the_step(planner, views):
    answer = changed(planner, reason_objects=False).reason(views, PLAN, INITIAL_STEP)
    assert answer.objects == ()
    assert answer.raw.startswith("step : ")


def test_without_the_last_step_nobody_is_told_of_it(planner, views, questions):
    forgetful = changed(planner, last_step=False)
    forgetful.plan(PlanRequest("open the drawer", PLAN.steps[0], detected_objects=()))
    forgetful.reason(views, PLAN, PLAN.steps[0])
    assert questions == ["task : open the drawer seen : nothing", f"plan : {' ; '.join(PLAN.steps)}"]
    assert not forgetful.knows_completion


def test_what_was_read_of_the_views_is_used_again_and_changes_no_answer(planner, views):
    asked = changed(planner, reason_objects=False, looks=1)
    encoded: list[int] = []
    handle = planner.model.model.visual.register_forward_hook(lambda *_: encoded.append(1))
    kept = [asked.detect_objects(views), asked.reason(views, PLAN, INITIAL_STEP).raw]
    asked.plan(PlanRequest("open the drawer"))  # text alone, which has positions of its own
    kept.append(asked.reason(views, PLAN, INITIAL_STEP).raw)
    assert len(encoded) == 1
    handle.remove()
    anew = [changed(planner, reason_objects=False, looks=1) for _ in range(2)]
    assert kept == [anew[0].detect_objects(views), *[anew[1].reason(views, PLAN, INITIAL_STEP).raw] * 2]


def test_answers_are_those_of_the_librarys_own_generation(planner, views):
    asked, library = changed(planner, looks=1), LibraryPlanner(planner)
    form, last = asked.format, PLAN.steps[0]
    for text, grammar, detected_objects in (
        (language.NAME_PROMPT, language.DETECTED_OBJECTS_GRAMMAR, views),
        (form.plan_prompt("open the drawer", INITIAL_STEP, ["red cup"]), form.plan_grammar, None),
        (form.reasoning_prompt(PLAN.steps, last), form.reasoning_grammar(PLAN.steps, last), views),
        (form.reasoning_prompt(PLAN.steps, last), form.reasoning_grammar(PLAN.steps, wanted=last), views),
    ):
        question = Question(text, grammar, detected_objects)
        assert asked.answer(question) == library.answer(question)


def test_a_token_without_an_alternative_costs_no_pass_through_the_model(planner, views, monkeypatch):
    passes, read = [], PrefixCache.read
    monkeypatch.setattr(PrefixCache, "read", lambda self, ids, **images: passes.append(1) or read(self, ids, **images))
    question = Question("name all objects", "seen : nothing (?:here|there) at all ?", views)
    answer = changed(planner, looks=1).answer(question)
    assert answer in ("seen : nothing here at all", "seen : nothing there at all")
    assert len(passes) == 2, "the views, and the one choice"


def test_other_views_are_read_anew(planner, views):
    asked = changed(planner)
    other = replace(views, rgb=255 - views.rgb, depth=views.depth[:, ::-1].copy())
    alone = [changed(planner).reason(each, PLAN, INITIAL_STEP).raw for each in (views, other)]
    assert [asked.reason(each, PLAN, INITIAL_STEP).raw for each in (views, other)] == alone


def test_saved_planner_answers_the_same(planner, views, tmp_path):
    planner.save(tmp_path)
    again = CoarseTaskPlanner.load(tmp_path)
    assert again.settings == planner.settings
    assert again.reason(views, PLAN, INITIAL_STEP).raw == planner.reason(views, PLAN, INITIAL_STEP).raw
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


@pytest.mark.parametrize("lost", ["config.json", "tokenizer.json", "model.safetensors"])
def test_incomplete_checkpoint_is_named(planner, tmp_path, lost):
    planner.save(tmp_path)
    (tmp_path / lost).unlink()
    with pytest.raises(CheckpointError, match=lost):
        CoarseTaskPlanner.load(tmp_path)


def test_missing_and_malformed_checkpoints_are_named(planner, tmp_path):
    with pytest.raises(CheckpointError, match="no planner checkpoint"):
        CoarseTaskPlanner.load(tmp_path / "nowhere")
    planner.save(tmp_path)
    (tmp_path / "planner.json").write_text('{"color": 1}')
    with pytest.raises(CheckpointError, match=r"planner\.json"):
        CoarseTaskPlanner.load(tmp_path)
    planner.save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="cannot be read"):
        CoarseTaskPlanner.load(tmp_path)


@pytest.mark.parametrize(
    ("instruction", "sentence"),
    [
        ("", "empty"),
        (" \n ?! ", "empty"),
        ("put " * 500, "2,000 characters"),
        ("ставь красный куб в чашку", "English"),
        ("把红色方块放进杯子", "English"),
        ("put the redd block in the quxote", r'^I do not know the words "redd" \(did you mean .*red.*\?\), "quxote"'),
        ("put the blok here", r'"blok" \(did you mean .*block.*\?\)\.'),
        ("drwaer", r'"drwaer" \(did you mean .*drawer.*\?\)\.'),
        ("zzz zzz put qqq zzz xxxxx vvvvv", '"zzz", "qqq", "xxxxx", "vvvvv"'),
    ],
)
def test_instructions_that_cannot_be_read(planner, instruction, sentence):
    with pytest.raises(InvalidInstructionError, match=sentence):
        planner.plan(PlanRequest(instruction))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("Put the RED-block in the shape sorters, please!", "put the red block in the shape sorter please"),
        ("open the drawer's handle", "open the drawer handle"),
    ],
)
def test_case_punctuation_and_plurals_are_read(planner, typed, read):
    assert planner.check_instruction(typed) == read


def test_every_integer_is_one_token(planner):
    ids = planner.tokenizer(" ".join(map(str, range(224))), add_special_tokens=False)["input_ids"]
    assert ids == list(range(ids[0], ids[0] + 224))


def test_patchify_is_what_qwen_image_processor_does():
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    rgb = np.random.default_rng(0).integers(0, 255, (3, 224, 224, 3), np.uint8)
    processor = Qwen2VLImageProcessorPil(size={"shortest_edge": 56 * 56, "longest_edge": 224 * 224})
    wanted = processor([Image.fromarray(image) for image in rgb], return_tensors="pt")
    ours = patchify(rgb, np.zeros((3, 224, 224)), 1.0, Qwen2_5_VLConfig(), PlannerSettings())
    assert wanted["image_grid_thw"].tolist() == [[1, 16, 16]] * 3
    assert torch.allclose(ours, wanted["pixel_values"].float(), atol=1e-5)


def test_position_frame_shows_pixel_and_closeness():
    config = Qwen2_5_VLConfig(vision_config={"patch_size": 28, "spatial_merge_size": 1})
    depth = np.zeros((1, 224, 224), np.float32)
    depth[0, 0, 0] = 0.25
    settings = PlannerSettings(second_frame="position", chat=False)
    patches = patchify(np.zeros((1, 224, 224, 3), np.uint8), depth, 1.0, config, settings).view(64, 3, 2, 28, 28)
    assert patches[0, 2, 1, 0, 0] == pytest.approx(0.75)
    assert patches[0, 2, 1, 0, 1] == 0
    assert patches[9, 0, 1, 0, 0] == pytest.approx(28 / 224)
    assert patches[9, 1, 1, 5, 0] == pytest.approx(33 / 224)


def subword_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level subword tokenizer with Qwen's special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("r", "e"), ("t", "h"), ("th", "e"), ("Ġ", "the"), ("Ġ", "r")]
    vocabulary = {symbol: index for index, symbol in enumerate([*alphabet, *("".join(pair) for pair in merges)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", VISION_START, VISION_END, IMAGE_PAD],
    )


def test_a_stock_checkpoint_with_subwords_loads_through_the_same_class(views, tmp_path):
    tokenizer = subword_tokenizer()
    token = tokenizer.convert_tokens_to_ids
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "bos_token_id": None,
            "eos_token_id": token("<|im_end|>"),
            "pad_token_id": token("<|endoftext|>"),
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
        },
        vision_config={
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [0],
        },
        image_token_id=token(IMAGE_PAD),
        video_token_id=token("<|im_start|>"),
        vision_start_token_id=token(VISION_START),
        vision_end_token_id=token(VISION_END),
    )
    torch.manual_seed(0)
    PlannerModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    mean = [0.5, 0.5, 0.5]
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": mean, "image_std": mean}))
    planner = CoarseTaskPlanner.load(tmp_path)
    assert planner.settings == PlannerSettings(image_mean=tuple(mean), image_std=tuple(mean))
    assert planner.known_words == frozenset()
    assert planner.model.model.visual.patch_embed.proj.weight.shape == (32, 3, 2, 14, 14)
    answer = planner.reason(views, PLAN, INITIAL_STEP)
    assert answer.step in PLAN.steps


ANSWERS = {
    format_plan(PlanStatus.STEPS, phrasing.OPEN_DRAWER_STEPS): PLAN_GRAMMAR,
    format_plan(PlanStatus.COMPLETE): PLAN_GRAMMAR,
    format_plan(PlanStatus.REFUSED, reason="all red"): PLAN_GRAMMAR,
    format_detected_objects(phrasing.CATALOGUE[:10]): DETECTED_OBJECTS_GRAMMAR,
    format_detected_objects(()): DETECTED_OBJECTS_GRAMMAR,
}


@pytest.mark.parametrize("kind", ["words", "subwords"])
@pytest.mark.parametrize("text", ANSWERS)
def test_the_grammar_lets_every_valid_answer_through(planner, kind, text):
    tokenizer = planner.tokenizer if kind == "words" else subword_tokenizer()
    follower = Grammar(tokenizer, len(tokenizer)).follow(ANSWERS[text])
    for token in [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]:
        assert follower.allowed(len(tokenizer))[token]
        follower.take(token)


def test_misspelt_words_are_read_but_never_suggested():
    known, misspelt = ("block", "blok", "put", "the"), ("blok",)
    assert read_instruction("put the blok", known, misspelt) == "put the blok"
    with pytest.raises(InvalidInstructionError) as unknown:
        read_instruction("put the blokk", known, misspelt)
    assert "block" in str(unknown.value) and "mean block?" in str(unknown.value)
