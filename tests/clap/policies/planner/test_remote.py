"""The planner over the wire: the same answers as in this process, and a named failure for all that a server can do."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch

from clap.errors import InvalidInstructionError, InvalidPlannerTextError
from clap.geometry.frames import Workspace
from clap.geometry.observation import fuse
from clap.geometry.views import CanonicalViews, render_views, views_from_arrays
from clap.policies.base import INITIAL_STEP, PlanRequest
from clap.policies.checkpoint import default_checkpoint
from clap.policies.planner.bounded_transport import Limits
from clap.policies.planner.chat_client import KEY_VARIABLE, ChatServer
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.remote import RemotePlanner, remote_planner
from clap.policies.planner.server_errors import (
    PlannerRequestError,
    PlannerServerError,
    PlannerStreamError,
    PlannerTimeoutError,
)
from clap.policies.planner.view_images import view_parts, views_from_images
from clap.policies.prediction import Plan, PlanStatus
from clap.serving.application import make_application
from clap.worlds.tabletop import phrasing
from clap.worlds.tabletop.world import TabletopWorld
from tests.support.openai_server import Scripted, chunk, scripted, served
from training.planner.model_init import new_mini_planner

STEPS = phrasing.pick_and_place_steps("red block", "red cup")
PLAN = Plan(PlanStatus.STEPS, STEPS)
INSTRUCTION = "put the red block in the red cup"
QUICK = Limits(connect_s=1, silence_s=1, answer_s=1, answer_bytes=100_000, answer_characters=1000)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def views() -> CanonicalViews:
    """What the cameras of the simulated table see."""
    world = TabletopWorld()
    world.reset("block_in_same_cup", 3, 0)
    detected_objects = render_views(fuse(world.observe(), Workspace()), Workspace())
    world.close()
    return detected_objects


@pytest.fixture(scope="module")
def shipped() -> CoarseTaskPlanner:
    return CoarseTaskPlanner.load(default_checkpoint() / "planner")


@pytest.fixture(scope="module")
def untrained() -> CoarseTaskPlanner:
    """A planner of the present format, whose answers mean nothing but follow the grammar."""
    planner = new_mini_planner(seed=0, width=64, layers=1)
    planner.model.eval()
    return planner


@pytest.fixture(scope="module")
def remote(shipped: CoarseTaskPlanner) -> Iterator[RemotePlanner]:
    with served(make_application(shipped, "clap-mini")) as url:
        yield remote_planner(url)


@pytest.fixture(scope="module")
def remote_untrained(untrained: CoarseTaskPlanner) -> Iterator[RemotePlanner]:
    with served(make_application(untrained, "untrained")) as url:
        yield remote_planner(f"{url}/v1/", "untrained")


def test_the_server_tells_what_its_planner_is(remote, shipped):
    assert (remote.model, remote.settings, remote.known_words) == ("clap-mini", shipped.settings, shipped.known_words)
    assert remote.send_depth
    assert remote.knows_completion == shipped.knows_completion
    with pytest.raises(InvalidInstructionError, match='"quxote"'):
        remote.plan(PlanRequest("put the red block in the quxote"))


def test_the_shipped_planner_answers_the_same_from_afar(remote, shipped, views):
    texts: list[str] = []
    plan = remote.plan(PlanRequest(INSTRUCTION, on_text=texts.append))
    assert plan == shipped.plan(PlanRequest(INSTRUCTION))
    assert texts[-1] == plan.raw
    assert len(texts) > 10
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert remote.reason(views, plan, INITIAL_STEP).raw == shipped.reason(views, plan, INITIAL_STEP).raw


def test_all_rounds_of_the_present_format_answer_the_same(remote_untrained, untrained, views):
    assert remote_untrained.detect_objects(views) == untrained.detect_objects(views)
    request = PlanRequest(INSTRUCTION, STEPS[0], detected_objects=["red block"])
    assert remote_untrained.plan(request) == untrained.plan(request)
    assert remote_untrained.reason(views, PLAN, STEPS[0]).raw == untrained.reason(views, PLAN, STEPS[0]).raw


def test_views_survive_the_wire():
    rng = np.random.default_rng(0)
    depth = rng.uniform(0, 2, (3, 224, 224)) * (rng.random((3, 224, 224)) < 0.7)
    depth[0, 0, :2] = 1e-6, 2
    sent = views_from_arrays(rng.integers(0, 255, (3, 224, 224, 3), np.uint8), depth, Workspace(high=(1.7, 0.5, 1.6)))
    parts = view_parts(sent, with_depth=True)
    names = [part["text"].strip() for part in parts[::2]]
    got = views_from_images(dict(zip(names, (part["image_url"]["url"] for part in parts[1::2]), strict=True)))
    assert np.array_equal(got.rgb, sent.rgb)
    assert np.array_equal(got.depth > 0, sent.depth > 0)
    assert np.abs(got.depth * 2 - sent.depth).max() < 2 / 65535


def answers(*texts: str) -> Callable[[Scripted], None]:
    """A script that streams one text after the other, request by request, and then the last one again."""

    def script(request: Scripted) -> None:
        text = texts[min(len(request.asked), len(texts)) - 1]
        request.stream(iter([chunk(text[:5]), chunk(text[5:]), chunk(None, "stop"), b"data: [DONE]\n\n"]))

    return script


def test_an_answer_outside_the_grammar_is_asked_for_once_more_and_never_guessed_at():
    with scripted(answers("Sure! Here is the plan: steps : fly")) as (url, server):
        with pytest.raises(InvalidPlannerTextError) as caught:
            remote_planner(url).plan(PlanRequest("fly"))
        assert caught.value.raw == "Sure! Here is the plan: steps : fly"
        assert len(server.asked) == 2
    with scripted(answers("nonsense", "complete")) as (url, server):
        assert remote_planner(url).plan(PlanRequest("fly")).status is PlanStatus.COMPLETE


def test_what_is_asked(views):
    answer = f"step : {STEPS[0]} keypoint : top 5 6 front 1 2 left 3 4"
    with scripted(answers(f"objects : red block top 5 6 front 1 2 left 3 4 {answer}")) as (url, server):
        planner = remote_planner(url, settings=None, send_depth=True)
        assert planner.reason(views, PLAN, INITIAL_STEP).step == STEPS[0]
        (asked,) = server.asked
    assert (asked["model"], asked["temperature"], asked["stream"]) == ("m", 0, True)
    grammar = planner.format.reasoning_grammar(STEPS, INITIAL_STEP)
    assert asked["structured_outputs"] == {"regex": grammar}
    texts = [part["text"] for part in asked["messages"][0]["content"] if part["type"] == "text"]
    assert texts[:3] == ["front ", " left ", " top "]
    assert texts[3:6] == [" front depth ", " left depth ", " top depth "]
    assert texts[6] == " " + planner.format.reasoning_prompt(STEPS, INITIAL_STEP)


def refuses_unknown_fields(request: Scripted) -> None:
    if "structured_outputs" in request.asked[-1]:
        request.send(b'{"detail": "Unexpected fields in the request: {\'structured_outputs\'}"}', 422)
    else:
        request.stream(iter([chunk("complete"), chunk(None, "stop")]))


def test_a_server_that_knows_no_grammars_is_asked_without_one():
    with scripted(refuses_unknown_fields) as (url, server):
        planner = remote_planner(url)
        for _ in range(2):
            assert planner.plan(PlanRequest("fly")).status is PlanStatus.COMPLETE
        assert ["structured_outputs" in asked for asked in server.asked] == [True, False, False]
        with pytest.raises(PlannerRequestError, match="Unexpected fields"):
            remote_planner(url, guided="regex").plan(PlanRequest("fly"))


def test_a_server_that_does_not_stream_is_understood():
    body = b'{\n "choices": [{"message": {"content": " complete"}, "finish_reason": "stop"}]\n}\n'
    with scripted(lambda request: request.send(body)) as (url, _):
        assert remote_planner(url).plan(PlanRequest("fly")).status is PlanStatus.COMPLETE


def repeat(piece: bytes, pause: float = 0.0) -> Callable[[Scripted], None]:
    def pieces() -> Iterator[bytes]:
        for _ in itertools.count():
            yield piece
            time.sleep(pause)

    return lambda request: request.stream(pieces())


def says(body: bytes, status: int = 200, **more) -> Callable[[Scripted], None]:
    return lambda request: request.send(body, status, **more)


@pytest.mark.parametrize(
    ("script", "failure", "sentence"),
    [
        (repeat(chunk("steps ")), PlannerStreamError, "1,000 characters"),
        (repeat(b"data: " + b"x" * 1000), PlannerStreamError, "100,000 bytes"),
        (repeat(b": still here\n\n", 0.05), PlannerTimeoutError, "not finished within"),
        (lambda request: time.sleep(3), PlannerTimeoutError, "silent"),
        (says(chunk("steps : the"), length=1000), PlannerStreamError, "broke"),
        (says(chunk("steps : the")), PlannerStreamError, "before its end"),
        (says(b""), PlannerStreamError, "before its end"),
        (says(b"<html>hello</html>"), PlannerStreamError, "no JSON"),
        (says(b"data: {nonsense\n\n"), PlannerStreamError, "no JSON"),
        (says(b"[" * 5000), PlannerStreamError, "no JSON"),
        (says(b"data: [1]\n\n"), PlannerStreamError, "list"),
        (says(b'{"choices": 1}'), PlannerStreamError, "OpenAI"),
        (says(b'{"choices": [{"delta": {"content": 5}}]}'), PlannerStreamError, "OpenAI"),
        (says(b'{"choices": [{"delta": null}]}'), PlannerStreamError, "OpenAI"),
        (says(b'data: {"error": {"message": "out of memory"}}\n\n'), PlannerServerError, "out of memory"),
        (says(b"x", content_encoding="gzip"), PlannerStreamError, "compressed"),
        (says(b'{"error": {"message": "no"}}', 401), PlannerServerError, "asks for a key"),
        (says(b"", 404), PlannerServerError, "does not know the model 'm'"),
        (says(b'{"message": "bad\\u0007\\nline"}', 400), PlannerRequestError, '"bad line"'),
        (says(b"", 302, location="http://elsewhere.invalid/"), PlannerServerError, "sends elsewhere"),
        (says(b"", 503), PlannerServerError, "busy"),
        (says(b"x" * 50_000, 500), PlannerServerError, r"failed \(500\)\. Look"),
    ],
)
def test_whatever_a_server_does_has_a_name(script, failure, sentence):
    with scripted(script) as (url, _):
        planner = RemotePlanner(ChatServer(url, limits=QUICK), "m")
        with pytest.raises(failure, match=sentence) as caught:
            planner.plan(PlanRequest("fly"))
        assert caught.value.next_move


def test_an_answer_cut_at_its_length_keeps_what_was_written():
    with (
        scripted(lambda request: request.stream(iter([chunk("steps : the", "length")]))) as (url, _),
        pytest.raises(InvalidPlannerTextError, match="cut") as caught,
    ):
        remote_planner(url).plan(PlanRequest("fly"))
    assert caught.value.raw == "steps : the"


def test_a_model_that_is_named_need_not_be_listed(monkeypatch):
    monkeypatch.setattr(Scripted, "do_GET", lambda self: self.send(b"", 500))
    with scripted(answers("complete")) as (url, _):
        assert remote_planner(url, "m").plan(PlanRequest("fly")).status is PlanStatus.COMPLETE
        with pytest.raises(PlannerServerError, match="500"):
            remote_planner(url)


def test_no_server_at_all():
    with scripted(answers("complete")) as (url, _):
        pass
    with pytest.raises(PlannerServerError, match="No planner server answers"):
        remote_planner(url)


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://localhost", "http://", "http://[::1", "http://a/?b=c"])
def test_addresses_that_are_none(url):
    with pytest.raises(PlannerServerError, match="no address"):
        ChatServer(url)


def test_the_key_is_sent_and_never_told(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(KEY_VARIABLE, "sesame-7391")

    def echo(request: Scripted) -> None:
        request.send(b'{"error": {"message": "wrong: Bearer sesame-7391"}}', 400)

    with scripted(echo) as (url, server):
        with pytest.raises(PlannerServerError) as caught:
            remote_planner(url).plan(PlanRequest("fly"))
        assert set(server.keys) == {"Bearer sesame-7391"}
    assert "wrong: Bearer ***" in str(caught.value)
    assert "sesame-7391" not in caplog.text
    with pytest.raises(PlannerServerError, match="a name or a password") as caught:
        ChatServer("http://me:sesame-7391@localhost:8000")
    assert "sesame-7391" not in str(caught.value)
    monkeypatch.setenv(KEY_VARIABLE, "sesame\n7391")
    with pytest.raises(PlannerServerError, match="characters"):
        ChatServer("http://localhost:8000")


def test_nothing_goes_along_but_the_question(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/secret")
    headers: list[dict[str, str]] = []

    def answer(request: Scripted) -> None:
        headers.append({name.lower(): value for name, value in request.headers.items()})
        answers("complete")(request)

    with scripted(answer) as (url, _):
        assert remote_planner(url).plan(PlanRequest("fly")).status is PlanStatus.COMPLETE
    assert set(headers[0]) <= {"host", "accept", "accept-encoding", "connection", "content-type", "content-length"}


@pytest.mark.parametrize(
    ("cards", "sentence"),
    [
        ('{"data": []}', "offers 0 models"),
        ('{"data": [{"id": "a"}, {"id": "b"}]}', "offers 2 models: 'a', 'b'"),
        ('{"data": {}}', "does not list models"),
        ('{"data": [{"name": "a"}]}', "does not list models"),
        ('{"data": [{"id": "a", "clap": {"words": [1]}}]}', "malformed"),
        ('{"data": [{"id": "a", "clap": {"settings": {"color": 1}}}]}', "malformed"),
        ('{"data": [{"id": "a", "clap": {"settings": {"format_version": 99}}}]}', "format_version=99"),
    ],
)
def test_models_that_cannot_be_chosen(monkeypatch, cards, sentence):
    monkeypatch.setattr(Scripted, "do_GET", lambda self: self.send(cards.encode()))
    with scripted(answers("complete")) as (url, _), pytest.raises(PlannerServerError, match=sentence):
        remote_planner(url)
