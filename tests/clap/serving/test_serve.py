"""The planner's server: what it refuses and how it says so, grammars kept, one answer at a time, and who may ask."""

from __future__ import annotations

import concurrent.futures
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import torch
from starlette.testclient import TestClient

from clap.geometry.frames import Workspace
from clap.geometry.views import CanonicalViews, views_from_arrays
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.text_format import DETECTED_OBJECTS_GRAMMAR, NAME_PROMPT
from clap.policies.planner.view_images import png_url, view_parts
from clap.serve import CannotServeError, is_loopback, main, read_key
from clap.serving.application import make_application
from clap.serving.chat_request import MAX_BODY_BYTES, MAX_GRAMMAR_CHARACTERS
from tests.support.openai_server import served
from training.planner.model_init import new_mini_planner

LOOPBACK = "http://127.0.0.1:8000"
QUESTION = "task : put the red block in the red cup last : the robot is currently at the initial state"
CHAT = "/v1/chat/completions"
PICTURE = png_url(np.zeros((224, 224, 3), np.uint8))
DEEP = png_url(np.zeros((224, 224), np.uint16))


@pytest.fixture(scope="module")
def planner() -> CoarseTaskPlanner:
    torch.set_num_threads(1)
    planner = new_mini_planner(seed=0, width=64, layers=1)
    planner.model.eval()
    return planner


@pytest.fixture(scope="module")
def client(planner: CoarseTaskPlanner) -> Iterator[TestClient]:
    with TestClient(make_application(planner, "mini"), base_url=LOOPBACK) as client:
        yield client


@pytest.fixture(scope="module")
def url(planner: CoarseTaskPlanner) -> Iterator[str]:
    with served(make_application(planner, "mini")) as url:
        yield url


@pytest.fixture(scope="module")
def views() -> CanonicalViews:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (3, 224, 224, 3), np.uint8)
    return views_from_arrays(rgb, rng.uniform(0.1, 1, (3, 224, 224)), Workspace())


def body(content: Any = QUESTION, **more: Any) -> dict[str, Any]:
    return {"model": "mini", "messages": [{"role": "user", "content": content}], **more}


def pictures(names: str = "front left top", url: str = PICTURE, **others: str) -> list[dict[str, Any]]:
    """The parts of a message with images of these names, and the question."""
    urls = dict.fromkeys(names.split(), url) | others
    parts: list[dict[str, Any]] = []
    for name, each in urls.items():
        parts += [{"type": "text", "text": name.replace("_", " ")}, {"type": "image_url", "image_url": {"url": each}}]
    return [*parts, {"type": "text", "text": NAME_PROMPT}]


def deep(**others: str) -> list[dict[str, Any]]:
    return pictures(**{"front_depth": DEEP, "left_depth": DEEP, "top_depth": DEEP, **others})


@pytest.mark.parametrize("spelling", ["structured_outputs", "guided_regex", "response_format"])
def test_a_grammar_is_kept_however_it_is_spelled(client, spelling):
    grammar = r"complete (?:17|18) ?"
    given = {"structured_outputs": {"regex": grammar}, "guided_regex": grammar}
    given["response_format"] = {"type": "regex", "value": grammar}
    answer = client.post(CHAT, json=body(**{spelling: given[spelling]})).json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] in ("complete 17", "complete 18")
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_a_length_limit_is_kept_and_said(client):
    choice = client.post(CHAT, json=body(guided_regex="complete complete complete [0-9] ?", max_tokens=2)).json()[
        "choices"
    ][0]
    assert choice["message"]["content"] == "complete complete"
    assert choice["finish_reason"] == "length"


def test_openai_s_own_client_gets_the_planner_s_answers(url, planner, views):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["mini"]
        content = [*view_parts(views, with_depth=True), {"type": "text", "text": f" {NAME_PROMPT}"}]
        asked = body(
            content,
            extra_body={"structured_outputs": {"regex": DETECTED_OBJECTS_GRAMMAR}},
            temperature=0,
            max_tokens=30,
        )
        whole = client.chat.completions.create(**asked).choices[0]
        streamed = [chunk.choices[0] for chunk in client.chat.completions.create(**asked, stream=True)]
        with pytest.raises(openai.BadRequestError, match="greedily"):
            client.chat.completions.create(**{**asked, "temperature": 0.7})
        with pytest.raises(openai.NotFoundError, match="'mini'"):
            client.chat.completions.create(**{**asked, "model": "gpt"})
    assert whole.message.content == "".join(choice.delta.content or "" for choice in streamed)
    assert whole.finish_reason == streamed[-1].finish_reason
    assert len(streamed) > 3
    assert whole.message.content.startswith("seen :")


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        ([], "no JSON object"),
        ({}, "'model'"),
        (body(tools=[], logprobs=True), "'logprobs', 'tools'"),
        (body(temperature=0.5), "greedily"),
        (body(n=2), "one answer"),
        (body(stream="yes"), "'stream'"),
        (body(max_tokens=0), "'max_tokens'"),
        (body(max_tokens=True), "'max_tokens'"),
        ({"model": "mini", "messages": []}, "one message"),
        ({"model": "mini", "messages": "hello"}, "one message"),
        ({"model": "mini", "messages": [{"role": "system", "content": "x"}]}, "'user'"),
        ({"model": "mini", "messages": [{"role": "user"}]}, "content"),
        (body([]), "content"),
        (body([{"type": "text", "text": "task"}] * 50), "1 to 14 parts"),
        (body(["task"]), "Every part"),
        (body([{"type": "input_audio"}]), "Every part"),
        (body(""), "1 to 4,000 characters"),
        (body("task " * 2000), "1 to 4,000 characters"),
        (body("task : <answer> complete"), "own marks"),
        (body("front <|image_pad|> task"), "own marks"),
        (body("task : wash the quxote"), "does not know"),
        (body(pictures("front left")), "Expected images named front, left, top"),
        (body(pictures("front left back")), "each name once"),
        (body(pictures("front left top")), "sees depth"),
        (body([*pictures("front"), *pictures("front")]), "each name once"),
        (body([{"type": "text", "text": "front"}, {"type": "image_url", "image_url": PICTURE}]), "image part"),
        (body(deep(top="http://127.0.0.1/picture.png")), "nothing is fetched"),
        (body(deep(top="file:///etc/hostname")), "nothing is fetched"),
        (body(deep(top="data:image/png;base64,!!!")), "no readable PNG"),
        (body(deep(top=PICTURE[:200])), "no readable PNG"),
        (body(deep(top="data:image/png;base64," + "A" * 800_000)), "512 KiB"),
        (body(deep(top=png_url(np.zeros((448, 448, 3), np.uint8)))), "448 x 448"),
        (body(deep(top=DEEP)), "expected 224 x 224, 8-bit RGB"),
        (body(deep(top_depth=PICTURE)), "expected 224 x 224, 16-bit grayscale"),
        (body(guided_regex="banana"), "no word of the vocabulary"),
        (body(guided_regex="("), "regular expression cannot be used"),
        (body(guided_regex="a" * (MAX_GRAMMAR_CHARACTERS + 1)), "1 to 32,000"),
        (body(guided_regex=5), "1 to 32,000"),
        (body(guided_regex="a", structured_outputs={"regex": "b"}), "differ"),
        (body(structured_outputs={"json": {}}), "'structured_outputs'"),
        (body(response_format={"type": "json_object"}), "'response_format'"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_cannot_be_answered_is_refused_with_a_sentence(client, sent, sentence, stream):
    if isinstance(sent, dict) and "messages" in sent and stream:
        sent = {"stream": True, **sent}
    data = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    answer = client.post(CHAT, content=data, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert answer.status_code == 400, error
    assert re.search(re.escape(sentence), error["message"])
    assert error["message"].endswith((".", "]"))
    assert error["type"] == "invalid_request_error"


def test_requests_that_are_refused_before_they_are_read(client, planner):
    assert client.post(CHAT, json="x" * MAX_BODY_BYTES).status_code == 413
    assert client.post(CHAT, content=json.dumps(body()), headers={"content-type": "text/plain"}).status_code == 415
    assert client.post(CHAT, json=body() | {"model": "gpt"}).status_code == 404
    assert client.get("/v1/nothing").json()["error"]["code"] == 404
    assert client.get("/v1/models", headers={"host": "evil.example"}).status_code == 400
    with TestClient(make_application(planner, "mini", key="sesame"), base_url=LOOPBACK) as locked:
        for headers in ({}, {"authorization": "sesame"}, {"authorization": "Bearer sésame".encode()}):
            assert locked.get("/v1/models", headers=headers).status_code == 401
            assert locked.post(CHAT, json=body(), headers=headers).status_code == 401
        assert locked.get("/v1/models", headers={"authorization": "Bearer sesame"}).status_code == 200


def test_requests_wait_their_turn_while_the_server_listens(url):
    asked = [body(guided_regex=word + " [0-9] ?") for word in ("complete", "refuse", "steps", "objects")]
    with httpx.Client(base_url=url, timeout=60) as http, concurrent.futures.ThreadPoolExecutor(4) as threads:
        # Who hangs up in the middle frees the turn.
        with http.stream("POST", CHAT, json=body(stream=True)) as answer:
            next(answer.iter_raw())
            waiting = [threads.submit(http.post, CHAT, json=each) for each in asked]
            assert http.get("/health").json() == {"status": "ok"}
        texts = [each.result().json()["choices"][0]["message"]["content"] for each in waiting]
        crowd = [threads.submit(http.post, CHAT, json=body()) for _ in range(4)]
        assert {each.result().status_code for each in crowd} == {200}
    assert [text.split()[0] for text in texts] == ["complete", "refuse", "steps", "objects"]


@pytest.mark.parametrize(("host", "own"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)])
def test_other_machines_need_a_key(monkeypatch, host, own):
    assert is_loopback(host) is own
    monkeypatch.setenv("MY_KEY", "sesame")
    assert read_key(host, "MY_KEY") == "sesame"
    with pytest.raises(CannotServeError, match="NO_KEY is empty"):
        read_key(host, "NO_KEY")
    if own:
        assert read_key(host, None) == ""
    else:
        with pytest.raises(CannotServeError, match="--api-key-env"):
            read_key(host, None)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--host", "0.0.0.0"], "--api-key-env"),
        (["--port", "0", "--checkpoint", "nowhere"], "no checkpoint at nowhere"),
        (["--port", "{busy}"], "cannot be had"),
    ],
)
def test_a_server_that_cannot_start_says_why(capsys, options, sentence):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        assert main([option.format(busy=busy.getsockname()[1]) for option in options]) == 2
    assert sentence in capsys.readouterr().err
