"""Publishing: the real client of the Hub against a server on this machine that keeps what it is sent."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
from http.server import BaseHTTPRequestHandler

import huggingface_hub.constants
import pytest

from demos.errors import DemonstrationError, UnknownEpisodeError
from demos.formats.hub import HubError, push_to_hub
from demos.frames import TakeInfo
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import record
from tests.support.openai_server import answering

REPO = "jane/blocks"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with DemonstrationStore.open(tmp_path_factory.mktemp("demonstrations") / "set") as opened:
        record(opened, 5)
        record(opened, 6, info=TakeInfo("say <b>hi</b> | [link](http://x)", operator="Jane", world="tabletop"))
        yield opened


@pytest.fixture(autouse=True)
def online(monkeypatch):
    """The tests' environment may forbid the Hub's client every connection; here it reaches no further than this one."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as an upload of small files needs; ``refuse`` is a status that it answers to everything."""

    refuse: int | None
    asked: list[str]
    tokens: set[str | None]
    files: dict[str, bytes]
    tags: dict[str, str]

    def do_DELETE(self) -> None:
        self.note()
        known = self.tags.pop(self.path.rsplit("/", 1)[1], None)
        self.answer({}, 200 if known else 404, "" if known else "RevisionNotFound")

    def do_GET(self) -> None:
        self.note()
        self.answer({"error": "no"} if self.refuse else [], self.refuse or 200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.note()
        here = f"http://{self.headers['host']}"
        if self.refuse == 200:
            self.send(b"<html>log in</html>", 200)
        elif self.refuse:
            self.answer({"error": "no"}, self.refuse)
        elif self.path == "/api/repos/create":
            self.answer({"url": f"{here}/datasets/{json.loads(body)['organization']}/{json.loads(body)['name']}"})
        elif "/preupload/" in self.path:
            paths = [file["path"] for file in json.loads(body)["files"]]
            self.answer({"files": [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in paths]})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            commit = f"{sum('/commit/' in path for path in self.asked):040x}"
            self.answer({"success": True, "commitOid": commit, "commitUrl": f"{here}/datasets/{REPO}/commit/{commit}"})
        elif "/tag/" in self.path:
            tag = json.loads(body)["tag"]
            self.answer({}, 409 if tag in self.tags else 200)
            self.tags.setdefault(tag, self.path.rsplit("/", 1)[1])
        else:
            self.answer({"errors": [], "warnings": []})

    def note(self) -> None:
        self.asked.append(self.path)
        self.tokens.add(self.headers["authorization"])

    def answer(self, content: object, status: int = 200, error: str = "") -> None:
        self.send(json.dumps(content).encode(), status, error)

    def send(self, body: bytes, status: int, error: str = "") -> None:
        self.send_response(status)
        if error:
            self.send_header("x-error-code", error)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextlib.contextmanager
def hub(refuse=None):
    """(address, handler) of a hub while it is served."""
    handler = type("OneHub", (Hub,), {"refuse": refuse, "asked": [], "tokens": set(), "files": {}, "tags": {}})
    with answering(handler) as address:
        yield address, handler


def test_a_dry_run_needs_neither_token_nor_network(store, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    upload = push_to_hub(store, REPO, dry_run=True, endpoint="http://127.0.0.1:9")
    sizes = {file.path: file.size for file in upload.files}
    assert upload.url is None and upload.size == sum(sizes.values())
    for entry in store.episodes():
        assert sizes[f"data/chunk-000/file-{entry.slot:03d}.parquet"] == entry.size
    assert sizes["README.md"] == len(upload.card.encode()) and not any(path.startswith(".") for path in sizes)


def test_the_card_tells_what_the_set_is(store):
    card = push_to_hub(store, REPO, dry_run=True).card
    fields, text = re.fullmatch(r"---\n(.*?)\n---\n(.*)", card, re.S).groups()
    for field in ("task_categories:\n- robotics", "- LeRobot", "- franka_fr3", "data_files: data/*/*.parquet"):
        assert field in fields
    assert "license" not in fields and "No licence has been chosen" in text
    for fact in ("| episodes | 2 |", "| frames | 11 (", "front (24 x 24), wrist (24 x 24)", "tabletop 1", "success 2"):
        assert fact in text
    # What was typed is shown as it was typed.
    assert "say &lt;b&gt;hi&lt;/b&gt; \\| \\[link\\](http://x)" in text
    licensed = push_to_hub(store, REPO, dry_run=True, licence="cc-by-4.0").card
    assert "license: cc-by-4.0" in licensed and "No licence" not in licensed


def test_the_hub_receives_the_chosen_episodes_the_card_and_the_tag(store, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    chosen = store.episodes()[1]
    with hub() as (address, seen):
        push_to_hub(store, REPO, endpoint=address)
        seen.files.clear()
        upload = push_to_hub(store, REPO, [chosen.id], endpoint=address)
    assert upload.url.endswith(f"/datasets/{REPO}/commit/{2:040x}")
    assert {path: len(content) for path, content in seen.files.items()} == {f.path: f.size for f in upload.files}
    assert seen.files["README.md"].decode() == upload.card
    assert json.loads(seen.files["meta/info.json"])["total_episodes"] == 1
    assert seen.tokens == {"Bearer hf_secret"}
    assert seen.tags == {"v3.0": f"{2:040x}"}, "it names the set that was published last"


@pytest.mark.parametrize("name", ["blocks", "jane/a/b", "jane/../x", "jane/" + "b" * 200, "", "jane/bl ocks"])
def test_a_name_that_cannot_be_one_is_refused_with_a_sentence(store, name):
    with pytest.raises(HubError, match="owner/name"):
        push_to_hub(store, name, dry_run=True)


@pytest.mark.parametrize("token", [None, "", "  "])
def test_without_a_token_nothing_is_sent(store, monkeypatch, token):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    with hub() as (address, seen), pytest.raises(HubError, match="HF_TOKEN is not set"):
        push_to_hub(store, REPO, endpoint=address)
    assert seen.asked == []


@pytest.mark.parametrize(
    "status, sentence", [(401, "write access"), (403, "write access"), (418, "status 418"), (200, "not the Hub")]
)
def test_a_refusal_is_a_sentence_without_the_token(store, monkeypatch, status, sentence):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with hub(refuse=status) as (address, _), pytest.raises(HubError, match=sentence) as refused:
        push_to_hub(store, REPO, endpoint=address)
    assert "hf_secret" not in str(refused.value)


def test_a_client_that_may_not_connect_is_a_sentence(store, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        push_to_hub(store, REPO, endpoint="http://127.0.0.1:9")


def test_no_network_is_a_sentence(store, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    with pytest.raises(HubError, match="cannot be reached"):
        push_to_hub(store, REPO, endpoint=f"http://127.0.0.1:{closed}")


def test_episodes_that_are_not_there_are_not_published(store, tmp_path):
    with pytest.raises(UnknownEpisodeError):
        push_to_hub(store, REPO, ["no-such"], dry_run=True)
    with DemonstrationStore.open(tmp_path / "empty") as empty, pytest.raises(DemonstrationError, match="No episode"):
        push_to_hub(empty, REPO, dry_run=True)
