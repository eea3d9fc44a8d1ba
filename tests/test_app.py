"""Starting the console wrongly ends with code 2 and a sentence that says what to do; nothing hangs or dumps a trace."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import app
from clap.errors import WorldError
from clap.stop_button import StopButton
from ui.server.ports import PortError, listen
from ui.station import tabletop
from ui.station.options import NOT_RECORDING, CannotStartError

ROOT = Path(app.__file__).parent


def message_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert app.main(arguments) == 2
    return capsys.readouterr().err


def message_of_process(arguments: list[str], environment: dict[str, str] | None = None) -> str:
    """As message_of, for what is known only when the server runs: uvicorn wants a thread with no event loop in it,
    and a browser test that ran before leaves one."""
    command = [sys.executable, "app.py", "--port", "0", *arguments]
    surroundings = {**os.environ, **(environment or {})}
    ended = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_busy_port_is_named_with_a_free_one(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = message_of(["--port", str(port)], capsys)
    assert f"Port {port} is in use" in message
    free = int(message.rsplit("--port ", 1)[1])
    assert free > port
    listen("127.0.0.1", free).close()


def test_an_unknown_checkpoint_is_named_with_a_way_on(tmp_path: Path) -> None:
    message = message_of_process(["--checkpoint", str(tmp_path / "nowhere")])
    assert str(tmp_path / "nowhere") in message
    assert "--policy expert" in message


def test_an_incomplete_checkpoint_says_what_is_missing(tmp_path: Path) -> None:
    assert "planner/" in message_of_process(["--checkpoint", str(tmp_path)])


def test_a_host_that_is_not_this_machine_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    message = message_of(["--host", "192.0.2.1", "--port", "0"], capsys)
    assert "192.0.2.1" in message
    assert "--host" in message


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--port", "http"], "a port is a whole number"),
        (["--port", "70000"], "a port is a whole number"),
        (["--policy", "magic"], "clap"),
        (["--world", "moon"], "tabletop"),
        (["--dead-man", "never"], "0.1 to 60"),
        (["--dead-man", "0"], "0.1 to 60"),
        (["--worlds", "0"], "1 to 16"),
        (["--idle", "0"], "1 to 86400"),
    ],
)
def test_wrong_options_say_what_was_expected(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        app.parse(arguments)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


def test_without_clap_mini_the_expert_drives_and_the_console_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clap.policies.checkpoint.default_checkpoint", lambda: tmp_path / "clap-mini")
    monkeypatch.setattr(tabletop, "default_checkpoint", lambda: tmp_path / "clap-mini")
    policies = tabletop.find_policies(None, None)
    assert policies.first == tabletop.EXPERT
    assert "clap-mini" in policies.clap_missing
    assert "make train-mini" in policies.clap_missing
    with pytest.raises(CannotStartError, match="--policy expert"):
        tabletop.find_policies("clap", None)
    assert tabletop.find_policies("rvt2", None).first == tabletop.BASELINE


def test_missing_graphics_are_a_sentence_that_names_packages() -> None:
    message = message_of_process(["--policy", "expert"], {"MUJOCO_GL": "nothing-like-it"})
    assert "libegl1" in message


def test_a_login_of_another_form_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "user:password" in message_of(["--port", "0", "--auth", "ada"], capsys)


def test_the_one_real_robot_is_not_for_several_visitors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(app.WORLDS, "tabletop", app.WorldChoice("ui.station.tabletop:make", True))
    assert "simulation" in message_of(["--port", "0", "--worlds", "2"], capsys)
    assert "CLAP_AUTH" in message_of(["--port", "0", "--host", "0.0.0.0"], capsys)


def test_demonstrations_are_recorded_into_a_folder_unless_it_is_off_or_visitors_are_unknown() -> None:
    def chosen(*arguments: str) -> tuple[Path | None, str]:
        options = app.station_options(app.parse(arguments))
        return options.recordings, options.why_not

    assert chosen()[0] == Path("recordings")
    assert chosen("--recordings", "elsewhere/set")[0] == Path("elsewhere/set")
    assert chosen("--recordings", "off") == (None, NOT_RECORDING)
    folder, why = chosen("--worlds", "2")
    assert folder is None
    assert "--worlds" in why


def test_a_port_without_permission_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> socket.socket:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("ui.server.ports.socket.create_server", refuse)
    with pytest.raises(PortError, match="above 1023"):
        listen("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "--config loopback to try it without one"),
        (["--config", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["--config", "loopback", "--policy", "expert"], "it drives no robot"),
        (["--config", "loopback", "--policy", "rvt2"], "driven by CLAP"),
        (["--config", "loopback", "--worlds", "2"], "one real robot"),
        (["--config", "loopback", "--host", "0.0.0.0"], "without a login"),
    ],
)
def test_a_robot_that_cannot_be_served_is_a_sentence(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in message_of(["--world", "robot", "--port", "0", *arguments], capsys)


def test_a_robot_without_its_packages_says_what_installs_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "clap.worlds.robot.config", raising=False)
    monkeypatch.delitem(sys.modules, "clap.worlds.robot.yaml_reader", raising=False)
    message = message_of(["--world", "robot", "--config", "loopback", "--port", "0"], capsys)
    assert "yaml" in message and "make install-robot" in message


def test_a_world_that_lacks_a_package_says_so_on_its_own_thread_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clap.worlds.robot.opening", None)
    from clap.worlds.robot.config import load
    from ui.station import robot

    with pytest.raises(WorldError, match="is missing, which a robot needs") as caught:
        robot._open(load(Path("loopback")), StopButton())
    assert "make install-robot" in caught.value.next_move


def test_a_robots_file_says_where_demonstrations_go_unless_the_command_line_does(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text('arm: {address: "x"}\ncameras: [{name: front, serial: "1"}]\n')
    arguments = ["--world", "robot", "--config", str(path)]
    assert app.station_options(app.parse(arguments)).recordings == tmp_path / "recordings"
    assert app.station_options(app.parse([*arguments, "--recordings", "off"])).recordings is None
