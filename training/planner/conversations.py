"""The three data sets of the paper (A.2) as questions with answers, for full fine-tuning and for LoRA alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import VIEWS, Workspace, to_pixels
from clap.policies.planner import text_format as language
from clap.policies.planner.text_format import Format
from clap.worlds.tabletop import phrasing
from training.data.language_plans import LanguagePlan
from training.planner.scenes import Scene, StepQuery

MOST_LOCATED = 8
"""Objects that one answer to LOCATE_PROMPT speaks of."""


@dataclass(frozen=True)
class Conversation:
    """One question and its answer. ``numbers_only``: the names in the answer are given, only its numbers are learned.
    ``with_views``: the three views come before the question. ``attention_targets``: where the things are that a list of
    names speaks of, each (3, 2) pixels, in its order (what attention is supervised by). ``unknown``: which of the
    answer's numbers, counted from 0, are not known and therefore not learned."""

    prompt: str
    answer: str
    numbers_only: bool = False
    with_views: bool = True
    attention_targets: tuple[NDArray[np.int64], ...] = ()
    unknown: frozenset[int] = frozenset()


def scene_conversations(
    scene: Scene, rng: np.random.Generator, form: Format, extra: StepQuery | None = None, object_data: bool = True
) -> list[Conversation]:
    """What a scene is asked: where its things are and which they are (``object_data``), and its step's questions."""
    found = object_conversations(scene, rng, form) if object_data and scene.complete else []
    queries = [query for query in (scene.query, extra) if query is not None]
    return found + [query_conversation(scene, query, form) for query in queries]


def object_conversations(scene: Scene, rng: np.random.Generator, form: Format) -> list[Conversation]:
    """The object position data: where the things are that can be seen, in random order, and the list of them."""
    located = [
        thing
        for thing, detected_objects in zip(scene.located(Workspace()), scene.visible, strict=True)
        if detected_objects
    ]
    chosen = [located[i] for i in rng.permutation(len(located))[:MOST_LOCATED]]
    names = phrasing.scene_names([thing.name for thing in located], scene.drawer_open)
    places = {thing.name: thing.pixels for thing in located}
    attention_targets = tuple(places[phrasing.DRAWER if name.endswith(phrasing.DRAWER) else name] for name in names)
    found = [
        Conversation(language.NAME_PROMPT, language.format_detected_objects(names), attention_targets=attention_targets)
    ]
    if chosen:
        answer = form.format_objects(chosen)
        found.insert(0, Conversation(language.LOCATE_PROMPT, answer, numbers_only=True))
    return found


def query_conversation(scene: Scene, query: StepQuery, form: Format) -> Conversation:
    """Round two: a step of a demonstration. Numbers that come from coordinates which are not known are not learned."""
    workspace = Workspace()
    steps = query.plan if form.plan else (language.normalise(query.instruction),)
    answer = form.format_reasoning(
        scene.query_objects(query, workspace), query.step, to_pixels(query.keypoint, workspace)
    )
    unknown: frozenset[int] = frozenset()
    if form.objects and scene.known:
        axes = [axis for k in language.TOP_FIRST for axis in (VIEWS[k].u_axis, VIEWS[k].v_axis)]
        known = [scene.known[scene.names.index(name)][axis] for name in query.objects for axis in axes]
        unknown = frozenset(number for number, is_known in enumerate(known) if not is_known)
    return Conversation(form.reasoning_prompt(steps, query.last_step), answer, unknown=unknown)


def plan_conversation(sample: LanguagePlan, form: Format) -> Conversation:
    """Round one: a language plan."""
    question = form.plan_prompt(sample.instruction, sample.last_step, sample.detected_objects)
    return Conversation(question, sample.answer if form.last else sample.whole, with_views=False)
