"""The console script ``clap`` and the modules behind it: each tells its use under the name that it was called by."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

from ui.command_line import GROUPS, TRAININGS

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [*(name for commands in GROUPS.values() for name in commands), *(f"train {name}" for name in TRAININGS)]
MODULES = [
    *("training.evaluate", "training.evaluate_planner", "training.retrain", "training.from_recordings"),
    *("training.closed_loop", "training.report", "training.table2", "training.mini", "training.finetune_planner"),
    *("training.baselines.train_rvt2", "training.baselines.export_rvt2", "training.benchmark"),
    *("demos", "demos.make_sample", "clap.worlds.robot", "clap.serve"),
]
"""What the documents name after ``python -m``."""

ASK_ALL = """
import contextlib, io, json, runpy, sys
from ui.command_line import main

def help_of(arguments, run):
    sys.argv = [*arguments, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            run()
        except SystemExit as ended:
            return [ended.code or 0, out.getvalue()]

commands, modules = json.loads(sys.argv[1])
told = {f"clap {name}": help_of(["clap", *name.split()], main) for name in commands}
for module in modules:
    told[module] = help_of([module], lambda: runpy.run_module(module, run_name="__main__", alter_sys=True))
print(json.dumps(told))
"""
"""One process for all, which loads torch once."""


@pytest.fixture(scope="module")
def told() -> dict[str, tuple[int, str]]:
    command = [sys.executable, "-W", "ignore", "-c", ASK_ALL, json.dumps([COMMANDS, MODULES])]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert asked.returncode == 0, asked.stderr
    return json.loads(asked.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_how_it_is_used(told, name):
    code, text = told[f"clap {name}"]
    assert code == 0
    assert text.startswith(f"usage: clap {name} ")


@pytest.mark.parametrize("module", MODULES)
def test_the_modules_say_it_under_their_own_name(told, module):
    code, text = told[module]
    assert code == 0
    assert text.startswith(f"usage: python -m {module} ")


def clap(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ui.command_line", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(("arguments", "names"), [((), [*COMMANDS[:9], "train"]), (("train",), list(TRAININGS))])
def test_help_lists_the_commands(arguments, names):
    listed = clap(*arguments, "--help")
    assert listed.returncode == 0
    for name in names:
        assert f" {name} " in listed.stdout


def test_help_loads_no_more_than_it_shows():
    program = (
        "import sys, ui.command_line as command_line\nsys.argv = ['clap', '--help']\n"
        "try:\n    command_line.main()\nexcept SystemExit:\n    print(*sys.modules)"
    )
    asked = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300)
    loaded = set(asked.stdout.splitlines()[-1].split())
    assert "typer" in loaded
    assert not loaded & {"torch", "numpy", "gradio", "transformers", "training", "demos", "app"}


def test_a_command_ends_with_its_own_exit_code_and_gets_its_arguments_untouched(tmp_path):
    refused = clap("demos", str(tmp_path / "nowhere"), "list")
    assert refused.returncode == 1
    assert f"There is no folder {tmp_path / 'nowhere'}" in refused.stderr
    wrong = clap("benchmark", "--nonsense", "3")
    assert wrong.returncode == 2
    assert "clap benchmark: error:" in wrong.stderr


def test_a_name_that_is_no_command_is_answered_with_those_alike():
    answered = clap("evalute")
    assert answered.returncode == 2
    assert "evaluate" in answered.stderr


def test_the_console_script_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"clap": "ui.command_line:main"}
