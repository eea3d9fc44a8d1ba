"""The language data: what a request means on a table, and that its splits and labels never contradict each other."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from clap.policies.base import INITIAL_STEP
from clap.policies.planner.text_format import normalise, parse_plan
from clap.policies.prediction import PlanStatus
from clap.worlds.tabletop import phrasing
from clap.worlds.tabletop.phrasing import OPEN_DRAWER_STEPS, pick_and_place_steps
from training.data.language import meaning
from training.data.language.lexicon import inflect, lexicon
from training.data.language.meaning import Ref, Refused, Request, subtasks_of
from training.data.language.requests import Requests, world_texts
from training.data.language.tables import random_table
from training.data.language_plans import SPLITS, LanguagePlanSampler, answer_for
from training.planner.model_init import vocabulary_words

DRAWN = 20_000
HELD_OUT = 1_500


@pytest.fixture(scope="module")
def drawn():
    """Split -> samples with their keys."""
    counts = {split: DRAWN if split == "train" else HELD_OUT for split in SPLITS}
    rng = np.random.default_rng(5)
    return {split: [sampler.draw(rng) for _ in range(counts[split])] for split, sampler in samplers().items()}


def samplers():
    return {split: LanguagePlanSampler(split) for split in SPLITS}


def test_no_prompt_has_two_answers(drawn):
    answers = defaultdict(set)
    for samples in drawn.values():
        for plan in (sample.plan for sample in samples):
            answers[plan.instruction, plan.detected_objects, plan.last_step].add(plan.answer)
    assert not {prompt: found for prompt, found in answers.items() if len(found) > 1}


def test_no_instruction_means_two_things():
    meanings = defaultdict(set)
    rng = np.random.default_rng(6)
    for requests in (Requests(held_out=False), Requests(held_out=True)):
        for kind in ("task", "missing", "composition", "refusal"):
            for _ in range(600):
                wording = getattr(requests, kind)(rng, random_table(rng))
                if wording is not None:
                    # Opening is the same whatever is said of the drawer.
                    asked = tuple(request if request.thing else Request() for request in wording.requests)
                    meanings[normalise(wording.text)].add((asked, wording.reason))
    assert not {text: found for text, found in meanings.items() if len(found) > 1}


@pytest.mark.parametrize("split", SPLITS[1:])
def test_no_test_sentence_occurs_in_training(drawn, split):
    trained_keys = {key for sample in drawn["train"] for key in sample.keys}
    trained_texts = {sample.plan.instruction for sample in drawn["train"]} | world_texts()
    held_out = drawn[split]
    assert not trained_texts & {sample.plan.instruction for sample in held_out}
    # The first key is the one that is held out; a composition's clauses are worded as in training.
    assert not trained_keys & {sample.keys[0] for sample in held_out if sample.keys}
    assert len({sample.keys[0] for sample in held_out if sample.keys}) > 300


def test_shares_of_the_training_data(drawn):
    plans = [sample.plan for sample in drawn["train"]]
    refused = np.mean([plan.answer.startswith("refuse") for plan in plans])
    unknown = np.mean([plan.detected_objects is None for plan in plans])
    assert 0.18 < refused < 0.30
    assert 0.12 < unknown < 0.18
    reasons = {parse_plan(plan.answer).reason for plan in plans}
    assert set(meaning.FIXED_REASONS) <= reasons
    assert {"there is no drawer", "there is no shape sorter", "there is no pink block", "several cups match"} <= reasons


@pytest.mark.parametrize(("split", "refused"), [("phrasing", False), ("composition", False), ("impossible", True)])
def test_only_the_impossible_is_refused_in_the_tests(drawn, split, refused):
    assert {sample.plan.answer.startswith("refuse") for sample in drawn[split]} == {refused}


def test_answers_parse_and_all_words_are_known(drawn):
    known = {*vocabulary_words(), *map(str, range(224))}
    words = set()
    for samples in drawn.values():
        for plan in (sample.plan for sample in samples):
            parse_plan(plan.answer)
            words.update(
                plan.instruction.split(),
                plan.answer.split(),
                plan.last_step.split(),
                *map(str.split, plan.detected_objects or ()),
            )
    assert not words - known
    assert 3_000 <= len(known) <= 6_500


def test_every_typo_is_one_words_alone():
    typos = [typo for found in lexicon().typos.values() for typo in found]
    assert len(typos) == len(set(typos)) > 800
    assert not set(typos) & lexicon().known_words()


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("put", ("put", "putting", "put")),
        ("pick up", ("pick up", "picking up", "picked up")),
        ("place", ("place", "placing", "placed")),
        ("tie", ("tie", "tying", "tied")),
        ("carry _ over", ("carry _ over", "carrying _ over", "carried _ over")),
        ("slip", ("slip", "slipping", "slipped")),
    ],
)
def test_inflection(verb, forms):
    assert inflect(verb).forms == forms


DETECTED_OBJECTS = ("red block", "blue block", "blue cup", "triangle", "closed drawer", "orange ball", "white plate")
IN_DRAWER = Ref("drawer")


def into_drawer(name):
    return pick_and_place_steps(name, "drawer")


@pytest.mark.parametrize(
    ("requests", "detected_objects", "subtasks"),
    [
        ([Request(Ref("block", "red"), IN_DRAWER)], DETECTED_OBJECTS, [OPEN_DRAWER_STEPS, into_drawer("red block")]),
        ([Request(Ref("block", "red"), Ref("drawer", state="open"))], DETECTED_OBJECTS, [into_drawer("red block")]),
        ([Request(Ref("block", "red"), IN_DRAWER)], None, [into_drawer("red block")]),
        (
            [Request(Ref("block", "red"), Ref("drawer", state="closed"))],
            ("red block", "open drawer"),
            [OPEN_DRAWER_STEPS, into_drawer("red block")],
        ),
        (
            [Request(), Request(Ref("block", every=True), IN_DRAWER)],
            DETECTED_OBJECTS,
            [OPEN_DRAWER_STEPS, into_drawer("red block"), into_drawer("blue block")],
        ),
        (
            [Request(Ref("thing", every=True), Ref("cup"))],
            DETECTED_OBJECTS,
            [pick_and_place_steps(n, "blue cup") for n in ("red block", "blue block", "triangle", "orange ball")],
        ),
        (
            [Request(Ref("block", "blue"), Ref("matching cup"))],
            DETECTED_OBJECTS,
            [pick_and_place_steps("blue block", "blue cup")],
        ),
        (
            [Request(Ref("matching block"), Ref("cup"))],
            DETECTED_OBJECTS,
            [pick_and_place_steps("blue block", "blue cup")],
        ),
        (
            [Request(Ref("triangle", "orange"), Ref("cup"))],
            DETECTED_OBJECTS,
            [pick_and_place_steps("triangle", "blue cup")],
        ),
    ],
)
def test_meaning(requests, detected_objects, subtasks):
    assert list(subtasks_of(requests, detected_objects)) == subtasks


@pytest.mark.parametrize(
    ("request_", "detected_objects", "reason"),
    [
        (Request(Ref("block"), Ref("cup")), DETECTED_OBJECTS, "several blocks match"),
        (Request(Ref("block"), Ref("cup")), None, meaning.TABLE_UNKNOWN),
        (Request(Ref("block", "pink"), Ref("cup")), None, "there is no pink block"),
        (Request(Ref("block", "green"), Ref("cup")), DETECTED_OBJECTS, "there is no green block"),
        (Request(Ref("block", "red"), Ref("matching cup")), DETECTED_OBJECTS, "there is no red cup"),
        (Request(Ref("triangle", "green"), Ref("cup")), DETECTED_OBJECTS, "there is no green triangle"),
        (Request(Ref("cylinder"), Ref("cup")), DETECTED_OBJECTS, "there is no cylinder"),
        (Request(Ref("triangle"), Ref("sorter")), DETECTED_OBJECTS, "there is no shape sorter"),
        (Request(), ("red block",), "there is no drawer"),
        (Request(Ref("cup", "blue"), IN_DRAWER), DETECTED_OBJECTS, meaning.NOT_PICKABLE),
        (Request(Ref("block", "red"), Ref("block", "blue")), DETECTED_OBJECTS, meaning.NOT_A_PLACE),
    ],
)
def test_refusals(request_, detected_objects, reason):
    with pytest.raises(Refused) as refused:
        subtasks_of([request_], detected_objects)
    assert refused.value.reason == reason


def test_a_composition_goes_on_with_the_next_subtask():
    subtasks = subtasks_of(
        [Request(Ref("block", "red"), IN_DRAWER), Request(Ref("block", "blue"), IN_DRAWER)], DETECTED_OBJECTS
    )
    assert parse_plan(answer_for(subtasks, INITIAL_STEP)).steps == OPEN_DRAWER_STEPS
    assert parse_plan(answer_for(subtasks, OPEN_DRAWER_STEPS[-1])).steps == into_drawer("red block")
    assert parse_plan(answer_for(subtasks, into_drawer("red block")[-1])).steps == into_drawer("blue block")
    assert parse_plan(answer_for(subtasks, into_drawer("blue block")[-1])).status is PlanStatus.COMPLETE


def test_tables_are_listed_in_the_catalogues_order():
    rng = np.random.default_rng(0)
    for _ in range(200):
        names = random_table(rng)
        assert list(names) == sorted(names, key=phrasing.CATALOGUE.index)


def test_the_same_seed_draws_the_same_plans():
    first, second = (LanguagePlanSampler("train").sample(np.random.default_rng(9)) for _ in range(2))
    assert first == second
