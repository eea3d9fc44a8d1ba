"""The planner's rounds, answered by a model behind an OpenAI-compatible server: vLLM, `transformers serve`, clap.serve.

The server is asked what the planner in this process would be asked, and its answers go through the same parsers. A
grammar is sent along for servers that decode under one; whether it was kept to is checked here, never assumed: vLLM
from 0.12 on ignores the older field without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Literal

from clap.errors import CheckpointError, InvalidPlannerTextError
from clap.geometry.views import CanonicalViews
from clap.policies.planner.chat_client import (
    KEY_VARIABLE,
    ChatServer,
    Limits,
    PlannerFailedError,
    PlannerRequestError,
    PlannerServerError,
)
from clap.policies.planner.model import PlannerSettings
from clap.policies.planner.question import Question
from clap.policies.planner.rounds import Parsed, PlannerRounds
from clap.policies.planner.view_images import view_parts

Guided = Literal["auto", "regex", "none"]
"""Whether the grammar is sent: "regex" always, "none" never, "auto" until the server refuses the field."""

CARD_FIELD = "clap"
"""Field of a model's card in which ``clap.serve`` tells the planner's settings and words."""

MAX_WORDS, MAX_WORD_LENGTH = 10_000, 64


class RemotePlanner(PlannerRounds):
    """CoarseTaskPlanner's rounds over the wire; ``send_depth`` adds the views' depth, which stock models do not see."""

    def __init__(
        self,
        server: ChatServer,
        model: str,
        settings: PlannerSettings | None = None,
        known_words: Collection[str] = (),
        guided: Guided = "auto",
        send_depth: bool = False,
    ):
        self.server, self.model, self.settings = server, model, settings or PlannerSettings()
        self.guided, self.send_depth = guided, send_depth
        self._known_words = frozenset(known_words)

    @property
    def known_words(self) -> frozenset[str]:
        """The words that the server said its planner knows; empty if it said nothing, or knows all."""
        return self._known_words

    def answer(self, question: Question) -> str:
        """The server's answer, not yet parsed. Raises PlannerServerError, or InvalidPlannerTextError if it was cut."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": self._content(question.text, question.views)}],
            "temperature": 0,
            "max_tokens": question.max_new_tokens or self.max_new_tokens,
        }
        if question.grammar is None or self.guided == "none":
            return self.server.complete(body, question.on_text)
        try:
            return self.server.complete({**body, **_guidance(question.grammar)}, question.on_text)
        except PlannerRequestError:
            if self.guided == "regex":
                raise
            text = self.server.complete(body, question.on_text)
            self.guided = "none"  # only now is it known that the grammar was what the server minded
            return text

    def _content(self, question: str, views: CanonicalViews | None) -> str | list[dict[str, Any]]:
        if views is None:
            return question
        return [*view_parts(views, self.send_depth), {"type": "text", "text": f" {question}"}]

    def _ask(self, question: Question, parse: Callable[[str], Parsed]) -> Parsed:
        """The parsed answer; a malformed one is asked for once more, then it is an error with the raw text."""
        try:
            return super()._ask(question, parse)
        except InvalidPlannerTextError:
            return super()._ask(question, parse)


def remote_planner(
    url: str,
    model: str | None = None,
    *,
    settings: PlannerSettings | None = None,
    guided: Guided = "auto",
    send_depth: bool | None = None,
    key_variable: str = KEY_VARIABLE,
    limits: Limits | None = None,
) -> RemotePlanner:
    """A planner at ``url``, after a look at what models it offers; without ``model``, the only one that it has.

    ``settings`` and ``send_depth`` default to what the server tells of its planner, as ``clap.serve`` does, else to a
    stock Qwen2.5-VL that sees no depth. The key is read from the environment variable ``key_variable``.

    Raises PlannerServerError if the server or the model is not there, or its planner speaks another format.
    """
    server = ChatServer(url, key_variable, limits)
    try:
        cards = {card["id"]: card for card in server.models()}
    except PlannerFailedError:
        if model is None:
            raise
        cards = {}  # transformers serve cannot list its models without a network, and answers for them all the same
    name = _choose(cards, model, server.url)
    told, words = _read_card(cards.get(name, {}), name)
    settings = settings or told or PlannerSettings()
    depth = settings.second_frame == "position" if send_depth is None else send_depth
    return RemotePlanner(server, name, settings, words, guided, depth)


def _choose(cards: Collection[str], model: str | None, url: str) -> str:
    """The model asked for, or the only one. One that is not listed may still be served, and the server says so."""
    if model is not None:
        return model
    if len(cards) != 1:
        offered = ", ".join(repr(name) for name in sorted(cards)[:8])
        raise PlannerServerError(
            f"{url} offers {len(cards)} models{': ' + offered if offered else ''}.", "Name one with --planner-model."
        )
    return next(iter(cards))


def _read_card(card: dict[str, Any], name: str) -> tuple[PlannerSettings | None, list[str]]:
    """The settings and the words that the server tells of its planner; None and no words if it tells nothing."""
    told = card.get(CARD_FIELD)
    if told is None:
        return None, []
    where = f"The server's card of {name!r}"
    words = told.get("words", []) if isinstance(told, dict) else None
    if (
        not isinstance(words, list)
        or len(words) > MAX_WORDS
        or not all(isinstance(word, str) and len(word) <= MAX_WORD_LENGTH for word in words)
    ):
        raise PlannerServerError(f"{where} is malformed.", "Serve it with the same version of this program.")
    try:
        return PlannerSettings.read(told.get("settings"), where), words
    except CheckpointError as error:
        raise PlannerServerError(error.sentence, "Serve it with the same version of this program.") from error


def _guidance(grammar: str) -> dict[str, Any]:
    """The grammar as vLLM reads it: ``structured_outputs``, and ``guided_regex``, which 0.12 removed."""
    return {"structured_outputs": {"regex": grammar}, "guided_regex": grammar}
