"""On a Hugging Face Space whoever comes may use the console, in simulation; nothing but its site may frame it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from fastapi import FastAPI
from starlette.testclient import TestClient

import app
from ui.server.access import Access, SameHostOnly
from ui.server.app import visitor_cookie
from ui.server.space import SITE, space_options

ROOT = Path(app.__file__).parent
SPACE = {"SPACE_ID": "ada/clap", "SPACE_HOST": "ada-clap.hf.space", "GRADIO_SERVER_PORT": "7861"}


@pytest.fixture
def on_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLAP_AUTH", raising=False)
    for name, value in SPACE.items():
        monkeypatch.setenv(name, value)


def test_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    options = app.parse([])
    assert (options.host, options.public, options.worlds, options.embed_in) == ("127.0.0.1", False, 1, [])


def test_a_space_serves_everybody_in_worlds_of_their_own(on_a_space: None) -> None:
    options = app.parse([])
    assert (options.host, options.port, options.public) == ("0.0.0.0", 7861, True)
    assert options.worlds > 1 and options.world == "tabletop"
    assert options.embed_in == [SITE] and options.allow_host == ["ada-clap.hf.space"]


def test_options_on_the_command_line_go_before_those_of_the_space(on_a_space: None) -> None:
    assert app.parse(["--worlds", "5"]).worlds == 5


def test_a_space_with_a_login_is_not_public() -> None:
    assert "--public" not in space_options({**SPACE, "CLAP_AUTH": "ada:correct horse"})


@pytest.mark.parametrize(
    "options",
    [
        ["--public"],
        ["--public", "--worlds", "2", "--auth", "ada:correct horse"],
        ["--public", "--world", "robot", "--config", "loopback"],
    ],
)
def test_what_may_not_be_public_is_refused(
    options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLAP_AUTH", raising=False)
    assert app.main(["--port", "0", *options]) == app.EXIT_UNUSABLE
    assert "--public is for simulation" in capsys.readouterr().err


def test_a_login_that_is_set_is_not_passed_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAP_AUTH", "ada:correct horse")
    assert app.main(["--port", "0", "--public", "--worlds", "2"]) == app.EXIT_UNUSABLE
    assert "leave out --auth, CLAP_AUTH" in capsys.readouterr().err


@pytest.mark.parametrize("origin", ["huggingface.co", "https://huggingface.co/spaces", "*", "https://a b", "'none'"])
def test_a_site_is_named_by_its_origin(origin: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app.parse(["--embed-in", origin])
    assert "https://huggingface.co" in capsys.readouterr().err


@pytest.mark.parametrize(("embed_in", "policy"), [((), "frame-ancestors 'none'"), ((SITE,), f"frame-ancestors {SITE}")])
def test_only_named_sites_may_frame_the_page(embed_in: tuple[str, ...], policy: str) -> None:
    served = FastAPI()
    served.add_middleware(SameHostOnly, access=Access("localhost", embed_in=embed_in))
    answer = TestClient(served, base_url="http://localhost").get("/")
    assert answer.headers["content-security-policy"] == policy


def test_a_visitor_in_a_frame_is_known_by_a_cookie_that_frames_send() -> None:
    assert visitor_cookie("x", embedded=False).endswith("; HttpOnly; SameSite=Strict")
    assert visitor_cookie("x", embedded=True).endswith("; HttpOnly; SameSite=None; Secure; Partitioned")


def test_the_readme_tells_a_space_what_to_run() -> None:
    front = yaml.safe_load((ROOT / "README.md").read_text("utf-8").split("---\n")[1])
    assert (front["sdk"], front["app_file"], front["license"]) == ("gradio", "app.py", "apache-2.0")
    assert len(front["short_description"]) <= 60
    pinned = (ROOT / "requirements.txt").read_text("utf-8")
    assert "gradio>=6.25,<7" in pinned and front["sdk_version"].startswith("6.")
